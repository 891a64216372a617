"""Where the nearest of many vectors are looked for: all of them, or the inverted lists that are nearest (Jégou et al.
2011, doi 10.1109/TPAMI.2010.57)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np

ADDED = 65_536  # vectors given to an index at once
LEAST = 16  # lists


@dataclass(frozen=True)
class Lists:
    """`per_root`·√n lists; their centroids are fitted on `sample` vectors a list, in so many `passes`."""

    per_root: int
    sample: int
    passes: int


def build_index(
    vectors: np.ndarray, rows: np.ndarray, lists: Lists | None, probes: int = 1, seed: int = 0
) -> Any:
    """Index by inner product of the vectors float32 [n, d], at most 1 long, of some `rows`: exact, or half-precision
    vectors in `lists`, of which a search looks into `probes`."""
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
        index.train(vectors[rows[np.sort(chosen)]])
    for start in range(0, n, ADDED):
        index.add(vectors[rows[start : start + ADDED]])
    return index
