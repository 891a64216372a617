"""Where a pair stands in the graph of candidate pairs, train and test alike and without labels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from goods.matching.sets import Columns, by_size, row_dot


@dataclass(frozen=True)
class CandidateGraph:
    """Unordered pairs (low, high) int64 [m] of n products in order, how alike each is float32 [m], its rank among the
    pairs of either end float32 [2, m]; of each product the two highest likenesses float32 [2, n] and its number of
    pairs float32 [n]; the pairs as a matrix [n, n]."""

    low: np.ndarray
    high: np.ndarray
    like: np.ndarray
    rank: np.ndarray
    best: np.ndarray
    degree: np.ndarray
    matrix: csr_matrix

    @cached_property
    def keys(self) -> np.ndarray:
        """int64 [m] ascending: one number per pair."""
        return self.low * len(self.degree) + self.high

    @staticmethod
    def of(candidates: np.ndarray, likeness: np.ndarray, n: int) -> CandidateGraph:
        """candidates int64 [m, 2], −1 for unknown products · likeness float32 [m]"""
        known = (candidates >= 0).all(1) & (candidates[:, 0] != candidates[:, 1])
        low, high = candidates[known].min(1), candidates[known].max(1)
        order = np.unique(low * n + high, return_index=True)[1]
        low, high, like = low[order], high[order], likeness[known][order].astype(np.float32)
        ends = pd.DataFrame({"node": np.concatenate([low, high]), "like": np.tile(like, 2)})
        rank = ends.groupby("node").like.rank(ascending=False, method="min").to_numpy(np.float32)
        best = np.full((2, n), np.nan, np.float32)
        ordered = ends.sort_values(["node", "like"], ascending=[True, False], kind="stable")
        nth = ordered.groupby("node").cumcount()
        for k in (0, 1):
            best[k, ordered.node[nth == k]] = ordered.like[nth == k]
        ones = np.ones(len(ends), np.float32)
        matrix = csr_matrix((ones, (ends.node, np.concatenate([high, low]))), shape=(n, n))
        degree = np.bincount(ends.node, minlength=n).astype(np.float32)
        return CandidateGraph(low, high, like, rank.reshape(2, -1), best, degree, matrix)

    def features(self, left: np.ndarray, right: np.ndarray) -> Columns:
        """How many pairs each product is in, neighbours in common, and how the likeness of the pair (left, right) int
        [k], one of the candidates, stands among its products' other pairs."""
        n = len(self.degree)
        first, last = np.minimum(left, right), np.maximum(left, right)
        keys = self.keys
        asked = first.astype(np.int64) * n + last
        position = np.searchsorted(keys, asked).clip(max=max(0, len(keys) - 1))
        there = np.flatnonzero(keys[position] == asked) if len(keys) else np.empty(0, np.int64)
        own, ranks = np.full(len(left), np.nan, np.float32), np.full((2, len(left)), np.nan, np.float32)
        own[there], ranks[:, there] = self.like[position[there]], self.rank[:, position[there]]
        # against the best of the node's other pairs
        margins = [
            own - np.where(own >= self.best[0, e], self.best[1, e], self.best[0, e]) for e in (first, last)
        ]
        return {
            **by_size(self.degree[left], self.degree[right], "degree"),
            **by_size(ranks[0], ranks[1], "rank"),
            **by_size(margins[0], margins[1], "margin"),
            "neighbours_common": row_dot(self.matrix, self.matrix, left, right),
        }
