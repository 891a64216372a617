"""Products as sets of items (words, model codes, values), and how far the sets of a pair overlap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

BLOCK = 50_000  # pairs compared at once
Columns = dict[str, np.ndarray]


@dataclass(frozen=True)
class Sets:
    """matrix float32 [n, items] of zeros and ones · weight float32 [items]: how telling an item is, −log2 of the share
    of products that have it · items by name"""

    matrix: csr_matrix
    weight: np.ndarray
    items: list[str]

    @staticmethod
    def of(rows: Sequence[Iterable[str]]) -> Sets:
        number: dict[str, int] = {}
        listed = [[number.setdefault(item, len(number)) for item in dict.fromkeys(row)] for row in rows]
        lengths = np.fromiter((len(row) for row in listed), np.int64, len(listed))
        items = np.fromiter((i for row in listed for i in row), np.int64, int(lengths.sum()))
        shape = (len(rows), max(1, len(number)))
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        matrix = csr_matrix((np.ones(len(items), np.float32), items, offsets), shape=shape)
        return Sets(matrix, information(np.bincount(items, minlength=shape[1]), len(rows)), list(number))

    def common(self, weight: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """float32 [n] Σ of `weight` [items] over the items of both rows."""
        return row_dot(self.matrix.multiply(weight[None, :]).tocsr(), self.matrix, left, right)


def information(counts: np.ndarray, n: int) -> np.ndarray:
    """float32: bits that a thing seen `counts` times among n tells; at most those of one seen once."""
    return np.log2((n + 1) / np.maximum(counts, 1)).astype(np.float32)


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """float32 part / whole, not a number where `whole` is 0."""
    return np.divide(part, whole, out=np.full(len(part), np.nan, np.float32), where=whole > 0)


def by_size(a: np.ndarray, b: np.ndarray, name: str) -> Columns:
    """The smaller and the larger of both: nothing depends on which product comes first."""
    return {f"{name}_min": np.minimum(a, b), f"{name}_max": np.maximum(a, b)}


def overlap(sets: Sets, left: np.ndarray, right: np.ndarray, name: str) -> Columns:
    """What rows `left` and `right` int [n] have in common and apart, plain and weighted; float32 columns [n]."""
    parts = [
        _overlap(sets, left[i : i + BLOCK], right[i : i + BLOCK], name) for i in range(0, len(left), BLOCK)
    ]
    return {column: np.concatenate([part[column] for part in parts]) for column in parts[0]} if parts else {}


def _overlap(sets: Sets, left: np.ndarray, right: np.ndarray, name: str) -> Columns:
    a, b = sets.matrix[left], sets.matrix[right]
    both = a.multiply(b).tocsr()
    size_a, size_b, common = (_flat(m.sum(1)) for m in (a, b, both))
    told_a, told_b, told = (_flat(m @ sets.weight) for m in (a, b, both))
    rare_a, rare_b = (_rarest(m - both, sets.weight) for m in (a, b))
    smaller = np.minimum(size_a, size_b)
    return {
        f"{name}_common": common,
        f"{name}_jaccard": ratio(common, size_a + size_b - common),
        f"{name}_contained": ratio(common, smaller),
        f"{name}_told_common": told,
        f"{name}_told_jaccard": ratio(told, told_a + told_b - told),
        f"{name}_told_contained": ratio(told, np.minimum(told_a, told_b)),
        # items on both sides and none in common: a size or a model that disagrees
        f"{name}_disagree": np.where(smaller > 0, (common == 0).astype(np.float32), np.nan).astype(
            np.float32
        ),
        **by_size(size_a - common, size_b - common, f"{name}_apart"),
        **by_size(told_a - told, told_b - told, f"{name}_told_apart"),
        **by_size(rare_a, rare_b, f"{name}_rarest_apart"),
    }


def _flat(column: np.ndarray) -> np.ndarray:
    return np.asarray(column, np.float32).ravel()


def _rarest(apart: csr_matrix, weight: np.ndarray) -> np.ndarray:
    return np.asarray(apart.multiply(weight[None, :]).tocsr().max(axis=1).todense(), np.float32).ravel()


def row_dot(first: csr_matrix, second: csr_matrix, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """float32 [n]: products of row left[i] of `first` and row right[i] of `second`, block by block."""
    parts = [
        _flat(first[left[i : i + BLOCK]].multiply(second[right[i : i + BLOCK]]).sum(1))
        for i in range(0, len(left), BLOCK)
    ]
    return np.concatenate(parts) if parts else np.empty(0, np.float32)
