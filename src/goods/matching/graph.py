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
    """Unordered pairs (low, high) int64 [m] of n products in order; places float64 [2m] ascending: of either end of
    each pair, `place` of the product and how alike the pair is; of each product the two highest likenesses float32
    [2, n] and its number of pairs float32 [n]; the pairs as a matrix [n, n]."""

    low: np.ndarray
    high: np.ndarray
    places: np.ndarray
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
        best = np.full((2, n), np.nan, np.float32)
        ordered = ends.sort_values(["node", "like"], ascending=[True, False], kind="stable")
        nth = ordered.groupby("node").cumcount()
        for k in (0, 1):
            best[k, ordered.node[nth == k]] = ordered.like[nth == k]
        ones = np.ones(len(ends), np.float32)
        matrix = csr_matrix((ones, (ends.node, np.concatenate([high, low]))), shape=(n, n))
        degree = np.bincount(ends.node, minlength=n).astype(np.float32)
        places = np.sort(place(ends.node.to_numpy(), ends.like.to_numpy()))
        return CandidateGraph(low, high, places, best, degree, matrix)

    def features(self, left: np.ndarray, right: np.ndarray, likeness: np.ndarray) -> Columns:
        """How many pairs each product is in, neighbours in common, and how the likeness float32 [k] of the pair (left,
        right) int [k] stands among its products' pairs other than itself; not a number for a product with itself."""
        first, last = np.minimum(left, right), np.maximum(left, right)
        own = np.where(first == last, np.nan, likeness).astype(np.float32)
        listed = np.isin(first.astype(np.int64) * len(self.degree) + last, self.keys)
        ranks, margins = [], []
        for e in (first, last):
            more = np.searchsorted(self.places, place(e, own)) - np.searchsorted(self.places, place(e, 1.5))
            ranks.append(np.where(np.isnan(own), np.nan, 1 + more).astype(np.float32))
            is_best = listed & (own >= self.best[0, e])
            margins.append(own - np.where(is_best, self.best[1, e], self.best[0, e]))
        return {
            **by_size(self.degree[left], self.degree[right], "degree"),
            **by_size(ranks[0], ranks[1], "rank"),
            **by_size(margins[0], margins[1], "margin"),
            "neighbours_common": row_dot(self.matrix, self.matrix, left, right),
        }


def place(node: np.ndarray, likeness: np.ndarray | float) -> np.ndarray:
    """float64 [n]: ascends with the product's number and, within one product, as likeness (−1 … 1) falls."""
    return 4.0 * node - likeness
