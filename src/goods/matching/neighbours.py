"""Title vectors and the nearest neighbours among them, with bounded memory.

Character n-grams and words are hashed (no vocabulary to hold), weighted by TF-IDF and projected at random, which keeps
cosines up to about 1/√dimensions (Achlioptas 2003, doi 10.1016/S0022-0000(03)00025-4) and, unlike the leading singular
vectors, keeps rare names as well as common words.
"""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from tqdm import tqdm

from goods.matching.spelling import keys

SAMPLE = 100_000  # cards that IDF weights come from
GRAM_BITS = WORD_BITS = 17
QUERIES = 4096  # one search call, whatever the block size: results must not depend on that
TRAIN_PER_LIST = 40  # cards per list that its centroid is fitted on
LARGE = 100_000  # cards: progress is shown


class TitleEncoder:
    """`plain` titles → float32 [n, dimensions] unit vectors; zeros for an empty title."""

    def __init__(self, sample: list[str], dimensions: int, seed: int) -> None:
        self.dimensions = dimensions
        self.parts: list[tuple[HashingVectorizer, TfidfTransformer, np.ndarray]] = []
        rng = np.random.default_rng(seed)
        grams = {"analyzer": "char_wb", "ngram_range": (3, 4), "n_features": 1 << GRAM_BITS}
        words = {"analyzer": keys, "n_features": 1 << WORD_BITS}
        for options in (grams, words):
            hashing = HashingVectorizer(alternate_sign=False, norm=None, dtype=np.float32, **options)
            weights = TfidfTransformer(sublinear_tf=True).fit(hashing.transform(sample))
            projection = rng.standard_normal((hashing.n_features, dimensions), np.float32)
            self.parts.append((hashing, weights, projection))

    def encode(self, titles: list[str]) -> np.ndarray:
        vectors = np.zeros((len(titles), self.dimensions), np.float32)
        for hashing, weights, projection in self.parts:
            weighted: csr_matrix = weights.transform(hashing.transform(titles)).astype(np.float32)
            vectors += weighted @ projection
        return unit(vectors)


def unit(vectors: np.ndarray) -> np.ndarray:
    """float32 [n, d] rows of length 1; zero rows stay."""
    return (vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)).astype(np.float32)


def build_index(vectors: np.ndarray, exact: bool, probes: int, seed: int) -> Any:
    """Index by inner product of unit `vectors` [n, d]: exact, or inverted lists of half-precision vectors."""
    n, width = vectors.shape
    if exact:
        index: Any = faiss.IndexFlatIP(width)
        index.add(vectors)
        return index
    lists = max(16, int(4 * np.sqrt(n)))
    index = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(width), width, lists, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
    )
    index.cp.seed, index.cp.niter, index.cp.spherical = seed, 6, True
    index.nprobe = probes
    chosen = np.random.default_rng(seed).permutation(n)[: TRAIN_PER_LIST * lists]
    index.train(vectors[np.sort(chosen)])
    index.add(vectors)
    return index


def nearest(index: Any, vectors: np.ndarray, k: int, least: float) -> tuple[np.ndarray, np.ndarray]:
    """(left, right) int64 [m], left < right: each row's k nearest others with a cosine of at least `least`.

    Rows must be in the index in the same order; pairs found from both sides come twice.
    """
    n = len(vectors)
    left, right = [], []
    for start in tqdm(range(0, n, QUERIES), desc="neighbours", disable=n < LARGE):
        similarity, found = index.search(vectors[start : start + QUERIES], min(k + 1, n))
        own = np.arange(start, start + len(found))[:, None]
        good = (similarity >= least) & (found != own)  # a place left empty has the least of similarities
        good &= np.cumsum(good, axis=1) <= k  # a card with many copies may miss itself among them
        own = np.broadcast_to(own, found.shape)[good]
        left.append(np.minimum(own, found[good]))
        right.append(np.maximum(own, found[good]))
    return np.concatenate(left), np.concatenate(right)


def cosines(vectors: np.ndarray, left: np.ndarray, right: np.ndarray, rows: int = 100_000) -> np.ndarray:
    """float32 [m] dot products of unit rows, `rows` pairs at a time."""
    result = np.empty(len(left), np.float32)
    for start in range(0, len(left), rows):
        block = slice(start, start + rows)
        result[block] = np.einsum("ij,ij->i", vectors[left[block]], vectors[right[block]])
    return np.clip(result, -1, 1)
