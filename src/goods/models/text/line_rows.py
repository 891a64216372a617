"""Which rows of a fastText input matrix lines are the mean of: read once for models of other words.

fastText (`Dictionary::getLine`) takes a line's words, then for each word the runs of two and more that begin there,
hashed. A word that a model does not know has no row, but counts in the runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from goods.models.text.fasttext_updates import END, word_hash

FACTOR = np.uint64(116049371)


@dataclass(frozen=True)
class LineRows:
    """Rows of line i are units[offsets[i]:offsets[i+1]], int64: a number into the distinct `words`, or -1 - the bucket
    of a run of them."""

    words: list[str]
    units: np.ndarray
    offsets: np.ndarray

    @staticmethod
    def of(lines: Sequence[str], n_grams: int, buckets: int) -> LineRows:
        number = {END: 0}
        numbers = [[*(number.setdefault(word, len(number)) for word in line.split()), 0] for line in lines]
        lengths = np.array([len(line) for line in numbers], np.int64)
        starts = np.concatenate([[0], np.cumsum(lengths)])
        words = np.fromiter((word for line in numbers for word in line), np.int64, starts[-1])
        here = np.arange(len(words))
        more = np.minimum(n_grams - 1, np.repeat(starts[1:], lengths) - 1 - here)  # runs that begin there
        before = np.concatenate([[0], np.cumsum(more)])
        offsets = starts + before[starts]
        units = np.empty(offsets[-1], np.int64)
        units[here + np.repeat(before[starts[:-1]], lengths)] = words
        first_run = np.repeat(starts[1:], lengths) + before[:-1]
        hashes = np.array([word_hash(word) for word in number], np.int64)[words].astype(np.uint64)
        run = hashes
        for step in range(1, n_grams):
            run = run[: len(words) - step] * FACTOR + hashes[step:]
            begins = np.flatnonzero(more >= step)
            units[first_run[begins] + step - 1] = -1 - (run[begins] % np.uint64(buckets)).astype(np.int64)
        return LineRows(list(number), units, offsets)

    def means(self, number_of: Mapping[str, int], inputs: np.ndarray) -> np.ndarray:
        """float32 [n, dim], as fastText adds them up: of `inputs` float32 [rows, dim] of the words that `number_of`
        numbers, runs after them."""
        known = np.array([number_of.get(word, -1) for word in self.words], np.int64)
        rows = np.where(self.units >= 0, known[self.units.clip(0)], len(number_of) - 1 - self.units)
        there = rows >= 0
        offsets = np.concatenate([[0], np.cumsum(there)])[self.offsets]
        ones = np.ones(offsets[-1], np.float32)
        sums = sparse.csr_matrix((ones, rows[there], offsets), (len(offsets) - 1, len(inputs))) @ inputs
        return sums * (1 / np.maximum(np.diff(offsets), 1)).astype(np.float32)[:, None]

    @property
    def nbytes(self) -> int:
        return self.units.nbytes + self.offsets.nbytes + 100 * len(self.words)
