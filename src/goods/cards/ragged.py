"""Rows of different lengths in one array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MARKED = 16  # places to look through that cost less than to sort a number


@dataclass(frozen=True)
class Ragged:
    """Rows of different lengths: row i is values[offsets[i]:offsets[i+1]]."""

    values: np.ndarray
    offsets: np.ndarray  # int64 [n + 1]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        return np.diff(self.offsets)

    @staticmethod
    def of(rows: Sequence[Sequence[int]], dtype: type = np.int32) -> Ragged:
        lengths = np.fromiter((len(row) for row in rows), np.int64, len(rows))
        values: np.ndarray = np.fromiter((v for row in rows for v in row), dtype, int(lengths.sum()))
        return Ragged(values, np.concatenate([[0], np.cumsum(lengths)]))

    def take(self, rows: np.ndarray) -> Ragged:
        """The chosen rows, in that order."""
        found = runs(self.offsets[:-1][rows], self.lengths[rows])
        return Ragged(self.values[found.values], found.offsets)

    def followed_by(self, other: Ragged) -> Ragged:
        """These rows and then the other's."""
        offsets = np.concatenate([self.offsets, self.offsets[-1] + other.offsets[1:]])
        return Ragged(np.concatenate([self.values, other.values]), offsets)

    def neighbours(self) -> Ragged:
        """Of each row, where in `values` a value stands that another follows."""
        return runs(self.offsets[:-1], np.maximum(self.lengths - 1, 0))

    def head(self, most: int) -> Ragged:
        """Each row's first `most` values."""
        found = runs(self.offsets[:-1], np.minimum(self.lengths, most))
        return Ragged(self.values[found.values], found.offsets)


def runs(starts: np.ndarray, lengths: np.ndarray) -> Ragged:
    """int64 [n] each → rows of whole numbers, `lengths` of them from `starts` on."""
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return Ragged(np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1]), offsets)


def distinct(numbers: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """`np.unique` with its inverse, of whole numbers [n] below `most`: many of these are marked, not sorted."""
    if most > MARKED * len(numbers):
        return np.unique(numbers, return_inverse=True)
    there = np.zeros(most, bool)
    there[numbers] = True
    return np.flatnonzero(there), (np.cumsum(there) - 1)[numbers]
