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
QUERIES = 512  # one search call, on one thread: last digits depend on how many there are of both
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

    def block(start: int) -> tuple[np.ndarray, np.ndarray]:
        asked = vectors[rows[start : start + QUERIES]]
        full = np.zeros((QUERIES, vectors.shape[1]), np.float32)
        full[: len(asked)] = asked
        similarity, found = index.search(full, k)
        return similarity[: len(asked)], found[: len(asked)]

    if not len(rows):
        return np.empty((0, k), np.float32), np.empty((0, k), np.int64)
    # how many threads OpenMP takes is of the thread that asks for them
    with ThreadPoolExecutor(threads, initializer=faiss.omp_set_num_threads, initargs=(1,)) as pool:
        similarity, found = zip(*pool.map(block, range(0, len(rows), QUERIES)), strict=True)
    return np.concatenate(similarity), np.concatenate(found)
