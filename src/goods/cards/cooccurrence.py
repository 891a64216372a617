"""Vectors of words by the company they keep in the texts of cards; no label is looked at.

How much more often than by chance two words stand near each other (positive pointwise mutual information, contexts
smoothed), factorised by a truncated SVD: Levy, Goldberg and Dagan 2015 (TACL 3). All numbers of as many digits are one
word: a weight says what a weight says.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

from goods.cards.ragged import Ragged
from goods.core.artifacts import read_npz, write_npz
from goods.core.hashing import content_hash

DIGIT = re.compile(r"\d")

WINDOW = 5  # words to either side; a farther one counts less
SMOOTHING = 0.75  # exponent of a context's count
MOST_WORDS = 100_000  # the most frequent
LENGTH = 3.3  # of each vector: about what packaged ones have

BLOCK = 2_000_000  # words counted at once


def shape(word: str) -> str:
    """The word with each digit a 0."""
    return DIGIT.sub("0", word)


@dataclass(frozen=True)
class WordVectors:
    """`table` float32 [n + 1, d], through float16: row 0, zeros, is of words outside, row i + 1 of those shaped like
    `shapes[i]`."""

    shapes: list[str]
    table: np.ndarray

    @cached_property
    def key(self) -> str:
        """Hash of what `rows` depend on."""
        return content_hash(self.shapes)

    @cached_property
    def _number(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.shapes, start=1)}

    def rows(self, words: Sequence[str]) -> np.ndarray:
        """int64 [n] row of each word."""
        return np.array([self._number.get(shape(word), 0) for word in words], np.int64)

    def save(self, path: Path) -> None:
        blob = np.frombuffer("\n".join(self.shapes).encode(), np.uint8)
        write_npz(path, shapes=blob, table=self.table.astype(np.float16))

    @staticmethod
    def load(path: Path) -> WordVectors:
        z = read_npz(path, "shapes", "table")
        shapes = z["shapes"].tobytes().decode().split("\n") if z["shapes"].size else []
        return WordVectors(shapes, z["table"].astype(np.float32))


def word_vectors_of(fields: Sequence[Ragged], words: Sequence[str], width: int) -> WordVectors:
    """Of the texts in `fields`, rows of numbers into `words`: the same bytes on any number of threads."""
    names, known = np.unique([shape(word) for word in words] or [""], return_inverse=True)
    numbers = np.concatenate([known[field.values] for field in fields])
    lengths = np.concatenate([field.lengths for field in fields])
    texts = np.repeat(np.arange(len(lengths)), lengths)  # of each field of a card its own
    frequent = np.argsort(-np.bincount(numbers, minlength=len(names)), kind="stable")[:MOST_WORDS]
    place = np.full(len(names), -1, np.int64)
    place[frequent] = np.arange(len(frequent))
    near = association(place[numbers], texts, len(frequent))
    table = np.zeros((len(frequent) + 1, width), np.float32)
    with threadpool_limits(1):  # sums of several threads differ in their last digits
        table[1:] = factors(near, width)
    return WordVectors(names[frequent].tolist(), table.astype(np.float16).astype(np.float32))


def association(numbers: np.ndarray, texts: np.ndarray, n: int) -> sparse.csr_matrix:
    """float32 [n, n] positive pointwise mutual information of words int [t] (-1: none) that stand near each other in a
    text; `texts` int [t] is the text of each."""
    total = sparse.csr_matrix((n, n))
    for start in range(0, len(numbers), BLOCK):
        for step in range(1, WINDOW + 1):
            stop = max(start, min(start + BLOCK, len(numbers) - step))
            first, second = numbers[start:stop], numbers[start + step : stop + step]
            together = (texts[start:stop] == texts[start + step : stop + step]) & (first >= 0) & (second >= 0)
            places = (first[together], second[together])
            total = total + sparse.csr_matrix((np.full(len(places[0]), 1 / step), places), (n, n))
    counts = (total + total.T).tocoo()
    words = np.asarray(counts.sum(1)).ravel()
    contexts = words**SMOOTHING
    chance = words[counts.row] * contexts[counts.col] / max(contexts.sum(), 1)
    value = np.log(counts.data / chance)
    kept = value > 0
    places = (counts.row[kept], counts.col[kept])
    return sparse.csr_matrix((value[kept].astype(np.float32), places), (n, n))


def factors(matrix: sparse.csr_matrix, width: int) -> np.ndarray:
    """float32 [n, width] left factors times the root of their singular values, each row of one length; zeros where a
    row has nothing, and in the columns that a small matrix has no factors for."""
    from sklearn.utils.extmath import randomized_svd

    table = np.zeros((matrix.shape[0], width), np.float32)
    rank = min(width, matrix.shape[0] - 1)
    if matrix.nnz and rank > 0:
        left, values, _ = randomized_svd(matrix, rank, n_iter=4, random_state=0)
        table[:, :rank] = left * np.sqrt(values)
    length = np.linalg.norm(table, axis=1, keepdims=True)
    # what is left of a row without any company is rounding
    return np.where(length > 1e-6, table / np.maximum(length, 1e-6) * LENGTH, 0).astype(np.float32)
