"""Where the nearest of many vectors are looked for: all of them, or the inverted lists that are nearest (Jégou et al.
2011, doi 10.1109/TPAMI.2010.57)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np
from threadpoolctl import threadpool_limits

ADDED = 65_536  # vectors given to an index at once
QUERIES = 512  # of a search call that multiplies matrices
FEW = 16  # of one that multiplies vectors: faiss does so up to 19
AMBIGUOUS = 1e-5  # cosines that are closer may change places with how they were multiplied
LEAST = 16  # lists


@dataclass(frozen=True)
class Lists:
    """`per_root`·√n lists; their centroids are fitted on `sample` vectors a list, in so many `passes`."""

    per_root: int
    sample: int
    passes: int


def one_thread() -> threadpool_limits:
    """For what differs from run to run where it is built on several."""
    return threadpool_limits(1, user_api="openmp")


def build_index(
    vectors: np.ndarray, rows: np.ndarray, lists: Lists | None, probes: int = 1, seed: int = 0
) -> Any:
    """Index by inner product of the vectors float32 [n, d], at most 1 long, of some `rows`: exact, or half-precision
    vectors in `lists`, of which a search looks into `probes`. On one thread, as sums over several end in other digits.
    """
    n, width = len(rows), vectors.shape[1]
    index: Any = faiss.IndexFlatIP(width)
    if lists:
        number = min(n, max(LEAST, int(lists.per_root * np.sqrt(n))))
        index = faiss.IndexIVFScalarQuantizer(
            index, width, number, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )
        index.cp.seed, index.cp.niter, index.cp.spherical = seed, lists.passes, True
        index.cp.min_points_per_centroid = 1  # or faiss warns of few
        index.nprobe = probes
        chosen = np.random.default_rng(seed).permutation(n)[: lists.sample * number]
        with one_thread():
            index.train(vectors[rows[np.sort(chosen)]])
    with one_thread():
        for start in range(0, n, ADDED):
            index.add(vectors[rows[start : start + ADDED]])
    return index


def search(
    index: Any, vectors: np.ndarray, rows: np.ndarray, k: int, threads: int
) -> tuple[np.ndarray, np.ndarray]:
    """(similarity float32 [m, k], number in the index int64 [m, k]; -1: none) of the nearest to the vectors float32
    [n, d] of m `rows`, nearest first. Neither the number of threads nor what else is asked changes a digit."""
    if not len(rows):
        return np.empty((0, k), np.float32), np.empty((0, k), np.int64)
    exact = isinstance(index, faiss.IndexFlat)
    one_call, at_once = (nearest_exactly, QUERIES) if exact else (type(index).search, FEW)

    def block(start: int) -> tuple[np.ndarray, np.ndarray]:
        return one_call(index, vectors[rows[start : start + at_once]], k)

    # how many threads OpenMP takes is of the thread that asks for them
    with ThreadPoolExecutor(threads, initializer=faiss.omp_set_num_threads, initargs=(1,)) as pool:
        similarity, found = zip(*pool.map(block, range(0, len(rows), at_once)), strict=True)
    return np.concatenate(similarity), np.concatenate(found)


def nearest_exactly(index: Any, asked: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """As `search`, of an exact index. A product of matrices, several times as fast as of vectors, has other last digits
    at other places of a matrix on some processors: it only chooses what is looked at. Where more than these may be as
    near, as of cards with many copies, vectors are multiplied."""
    more = min(2 * k, max(k, index.ntotal))
    similarity, found = looked_at(index, asked, index.search(asked, more)[1])
    if more < index.ntotal:
        for i in np.flatnonzero(similarity[:, k - 1] - similarity[:, -1] <= AMBIGUOUS):
            one = asked[i : i + 1]
            similarity[i, :k], found[i, :k] = looked_at(index, one, index.search(one, k)[1])
    return similarity[:, :k], found[:, :k]


def looked_at(index: Any, asked: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Similarity float32 [m, k] of the vectors numbered `found` int64 [m, k] (-1: none) to m others, and their numbers:
    nearest first, of equal ones the lower number."""
    there = index.reconstruct_batch(found.clip(0).ravel()).reshape(*found.shape, -1)
    similarity = np.where(found < 0, np.finfo(np.float32).min, (there * asked[:, None]).sum(-1))
    order = np.lexsort((found, -similarity))
    return np.take_along_axis(similarity, order, 1), np.take_along_axis(found, order, 1)
