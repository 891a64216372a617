"""Search for the nearest of many vectors."""

from __future__ import annotations

import faiss
import numpy as np

from goods.matching.index import build_index, search


class Shaky(faiss.IndexFlatIP):
    """Last digits depend on where among the queries one stands, as of products of matrices on some processors."""

    def search(self, x, k):
        noise = np.random.default_rng(len(x)).normal(scale=1e-7, size=(len(x), self.ntotal))
        similarity = (x @ self.reconstruct_n(0, self.ntotal).T + noise).astype(np.float32)
        found = np.argsort(-similarity, axis=1)[:, :k]
        return np.take_along_axis(similarity, found, 1), found


def test_what_is_nearest_does_not_depend_on_last_digits_of_a_product():
    random = np.random.default_rng(0)
    vectors = random.normal(size=(300, 20)).astype(np.float32)
    vectors[100:160] = vectors[100]  # copies, of which not all can be among the nearest
    vectors[200:206] = vectors[200]
    index = Shaky(20)
    index.add(vectors)
    similarity, found = search(index, vectors, np.arange(300), 8, 1)
    for i in (0, 100, 130, 200, 299):
        one = search(index, vectors, np.array([i]), 8, 1)
        np.testing.assert_array_equal(one[1][0], found[i])
        np.testing.assert_array_equal(one[0][0], similarity[i])
    np.testing.assert_allclose(similarity, -np.sort(-vectors @ vectors.T)[:, :8], rtol=1e-5)
    assert list(found[200][:6]) == list(range(200, 206))


def test_of_more_than_there_are_the_others_are_none():
    vectors = np.eye(5, dtype=np.float32)
    similarity, found = search(build_index(vectors, np.arange(4), None), vectors, np.array([0, 4]), 6, 1)
    assert found.tolist() == [[0, 1, 2, 3, -1, -1], [0, 1, 2, 3, -1, -1]]
    assert similarity[:, :4].tolist() == [[1, 0, 0, 0], [0, 0, 0, 0]]
