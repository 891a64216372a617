"""Train cards with similar titles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from goods.stack.candidates import Candidates, Named
from goods.stack.counts import most_per_card

if TYPE_CHECKING:
    from scipy import sparse

ROWS = 2048  # cards compared with all train titles at once


@dataclass(frozen=True)
class Neighbours:
    """similarity float32 [n, k], nearest first (0: no neighbour there) · cls int64 [n, k] their classes."""

    similarity: np.ndarray
    cls: np.ndarray

    def named(self, most: int) -> Named:
        """The `most` classes with the largest sums of similarity."""
        card, cls, sums, _ = self._by_class()
        return most_per_card(card, cls, sums, most)

    def _by_class(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Per (card, class) among the neighbours: card, class, sum and maximum of the similarities."""
        there = self.similarity > 0
        card = np.broadcast_to(np.arange(len(self.cls))[:, None], self.cls.shape)[there]
        cls, value = self.cls[there], self.similarity[there].astype(np.float64)
        width = int(cls.max(initial=0)) + 1
        keys, group = np.unique(card * width + cls, return_inverse=True)
        best = np.zeros(len(keys))
        np.maximum.at(best, group, value)
        return keys // width, keys % width, np.bincount(group, weights=value, minlength=len(keys)), best

    def features(self, table: Candidates) -> np.ndarray:
        """float32 [m, 3]: share of the neighbours' similarity that is on the class, the class's best similarity,
        the card's best similarity."""
        card, cls, sums, best = self._by_class()
        width = max(int(cls.max(initial=0)), int(table.cls.max(initial=0))) + 1
        keys, wanted = card * width + cls, table.card * width + table.cls
        if not len(keys):
            return np.zeros((len(wanted), 3), np.float32)
        at = np.searchsorted(keys, wanted).clip(0, len(keys) - 1)
        found = keys[at] == wanted
        total = np.bincount(card, weights=sums, minlength=table.n_cards)[table.card]
        nearest = self.similarity[:, 0][table.card] if self.similarity.shape[1] else np.zeros(len(wanted))
        share = np.where(found, sums[at], 0) / np.maximum(total, 1e-9)
        return np.stack([share, np.where(found, best[at], 0), nearest], axis=1).astype(np.float32)


def largest(product: sparse.csr_matrix, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(row, column, value) of each row's positive values that are no less than its k-th largest, in order of rows."""
    least = np.zeros(product.shape[0], product.dtype)
    for row in np.flatnonzero(np.diff(product.indptr) > k):
        values = product.data[product.indptr[row] : product.indptr[row + 1]]
        least[row] = np.partition(values, len(values) - k)[len(values) - k]
    of_entry = np.repeat(np.arange(len(least)), np.diff(product.indptr))
    kept = (product.data > 0) & (product.data >= least[of_entry])
    return of_entry[kept], product.indices[kept], product.data[kept]


class TitleNeighbours:
    """Train cards with the most similar titles: cosine of TF-IDF words, exact but for words in more than
    `most_cards` titles, which are left out: what all share says little, and without them the product stays sparse.

    Words of a train card that only titles of its own fold have do not count, as words no train title has do not
    count for a new card: both are of length 1 over the words that can be found.
    """

    def __init__(
        self, titles: pd.Series, target: np.ndarray, fold: np.ndarray, most_cards: int = 1000
    ) -> None:
        from sklearn.feature_extraction.text import (
            TfidfVectorizer,  # a second to import: only who looks for titles pays
        )
        from sklearn.preprocessing import normalize

        self.target, self.fold = target.astype(np.int64), fold
        self.tfidf = TfidfVectorizer(
            ngram_range=(1, 2), max_df=most_cards, token_pattern=r"(?u)\b\w+\b", dtype=np.float32, norm=None
        )
        try:
            weights = self.tfidf.fit_transform(titles)
        except ValueError:  # no word at all, or only words that all titles share
            self.vectors = None
            return
        self.vectors = normalize(weights).T.tocsr()
        titles_with = [
            np.bincount(weights[fold == k].indices, minlength=weights.shape[1]) for k in range(fold.max() + 1)
        ]
        in_fold = np.stack(titles_with)  # [folds, words]
        self.elsewhere = in_fold.sum(0) > in_fold  # whether a title outside the fold has the word

    def find(self, titles: pd.Series, card_fold: np.ndarray | None, k: int = 16) -> Neighbours:
        from sklearn.preprocessing import normalize

        n = len(titles)
        similarity, cls = np.zeros((n, k), np.float32), np.zeros((n, k), np.int64)
        if self.vectors is None:
            return Neighbours(similarity, cls)
        queries = self.tfidf.transform(titles).tocsr()
        if card_fold is not None:
            of_card = np.repeat(card_fold, np.diff(queries.indptr))
            queries.data[~self.elsewhere[of_card, queries.indices]] = 0
            queries.eliminate_zeros()
        queries = normalize(queries)
        for start in range(0, n, ROWS):
            product = queries[start : start + ROWS] @ self.vectors
            if card_fold is not None:
                of_card = np.repeat(card_fold[start : start + ROWS], np.diff(product.indptr))
                product.data[self.fold[product.indices] == of_card] = 0
            row, column, value = largest(product, k)
            order = np.lexsort((column, -value, row))
            row, column, value = row[order], column[order], value[order]
            rank = np.arange(len(row)) - np.searchsorted(row, row)
            kept = rank < k
            similarity[start + row[kept], rank[kept]] = value[kept]
            cls[start + row[kept], rank[kept]] = self.target[column[kept]]
        return Neighbours(similarity, cls)
