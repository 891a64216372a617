"""Rows of different lengths in one array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ragged:
    """Rows of different lengths: row i is values[offsets[i]:offsets[i+1]]."""

    values: np.ndarray
    offsets: np.ndarray  # int64 [n + 1]

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
        lengths = self.lengths[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        starts = np.repeat(self.offsets[:-1][rows] - offsets[:-1], lengths)
        return Ragged(self.values[starts + np.arange(offsets[-1])], offsets)

    def followed_by(self, other: Ragged) -> Ragged:
        """These rows and then the other's."""
        offsets = np.concatenate([self.offsets, self.offsets[-1] + other.offsets[1:]])
        return Ragged(np.concatenate([self.values, other.values]), offsets)

    def neighbours(self) -> Ragged:
        """Of each row, where in `values` a value stands that another follows."""
        lengths = np.maximum(self.lengths - 1, 0)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        starts = np.repeat(self.offsets[:-1] - offsets[:-1], lengths)
        return Ragged(starts + np.arange(offsets[-1]), offsets)

    def head(self, most: int) -> Ragged:
        """Each row's first `most` values."""
        lengths = np.minimum(self.lengths, most)
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        starts = np.repeat(self.offsets[:-1] - offsets[:-1], lengths)
        return Ragged(self.values[starts + np.arange(offsets[-1])], offsets)
