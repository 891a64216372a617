"""How a title fits the names of the categories."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from goods.cards.labels import Labels
from goods.cards.wordvectors import word_vectors
from goods.stack.candidates import Candidates, Named
from goods.stack.counts import most_per_card
from goods.stack.neighbours import ROWS

if TYPE_CHECKING:
    from scipy import sparse

ENTRIES = 50_000  # entries whose characters are compared with category names at once

VECTORS = 2_000  # entries whose word vectors are: so few stay where the processor reaches them soon


class CategoryNames:
    """Likeness of a title and a category's name, by characters and, for Russian words, by Navec vectors.

    It needs no train card of the category, so rare and unseen ones can be named and weighed as well as any.
    """

    def __init__(self, labels: Labels) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        leaf_names = [" ".join(path[-2:]).lower() for path in labels.paths]
        self.tfidf = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 4), dtype=np.float32)
        self.names = self.tfidf.fit_transform(leaf_names)
        self.leaf = self.tfidf.transform([path[-1].lower() for path in labels.paths])
        self.words = [path[-1].lower() for path in labels.paths]

    def characters(self, titles: pd.Series) -> sparse.csr_matrix:
        """float32 [n, terms] of each title"""
        from goods.models.text.term_counts import TermCounts, weighed  # scikit-learn, as above

        return weighed(self.tfidf, TermCounts.of(titles.str.lower().tolist(), self.tfidf))

    @cached_property
    def meanings(self) -> np.ndarray:
        """float32 [C, 300] word vectors of the leaf names"""
        return word_vectors(self.words)

    def named(self, queries: sparse.csr_matrix, most: int, least: float = 0.15) -> Named:
        """The `most` categories whose leaf name is most like a title, at least `least` (cosine), by the titles'
        `characters`."""
        parts = []
        for start in range(0, queries.shape[0], ROWS):
            product = (queries[start : start + ROWS] @ self.leaf.T).tocoo()
            close = product.data >= least
            parts.append((product.row[close] + start, product.col[close], product.data[close]))
        if not parts:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        card, cls, value = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        return most_per_card(card, cls, value, most)

    def features(self, titles: pd.Series, queries: sparse.csr_matrix, table: Candidates) -> np.ndarray:
        """float32 [m, 2]: cosine of characters with the last two names of the path, of word vectors with the
        leaf's name; `queries` are the titles' `characters`."""
        meanings = word_vectors(titles.tolist())
        out = np.empty((len(table.card), 2), np.float32)
        for start in range(0, len(out), ENTRIES):
            block = slice(start, start + ENTRIES)
            card, cls = table.card[block], table.cls[block]
            out[block, 0] = np.asarray(queries[card].multiply(self.names[cls]).sum(axis=1)).ravel()
        for start in range(0, len(out), VECTORS):
            block = slice(start, start + VECTORS)
            card, cls = table.card[block], table.cls[block]
            out[block, 1] = np.einsum("ij,ij->i", meanings[card], self.meanings[cls])
        return out
