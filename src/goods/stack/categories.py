"""How a title fits the names of the categories."""

from __future__ import annotations

import numpy as np
import pandas as pd

from goods.cards.labels import Labels
from goods.cards.wordvectors import word_vectors
from goods.stack.candidates import Candidates, Named
from goods.stack.counts import most_per_card
from goods.stack.neighbours import ROWS

ENTRIES = 200_000  # entries compared with category names at once


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

    def named(self, titles: pd.Series, most: int, least: float = 0.15) -> Named:
        """The `most` categories whose leaf name is most like the title, at least `least` (cosine)."""
        queries = self.tfidf.transform(titles.str.lower())
        parts = []
        for start in range(0, len(titles), ROWS):
            product = (queries[start : start + ROWS] @ self.leaf.T).tocoo()
            close = product.data >= least
            parts.append((product.row[close] + start, product.col[close], product.data[close]))
        if not parts:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        card, cls, value = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        return most_per_card(card, cls, value, most)

    def features(self, titles: pd.Series, table: Candidates) -> np.ndarray:
        """float32 [m, 2]: cosine of characters with the last two names of the path, of word vectors with the
        leaf's name."""
        queries = self.tfidf.transform(titles.str.lower())
        meaning_of_titles, meaning_of_names = word_vectors(titles.tolist()), word_vectors(self.words)
        out = np.empty((len(table.card), 2), np.float32)
        for start in range(0, len(out), ENTRIES):
            block = slice(start, start + ENTRIES)
            card, cls = table.card[block], table.cls[block]
            out[block, 0] = np.asarray(queries[card].multiply(self.names[cls]).sum(axis=1)).ravel()
            out[block, 1] = np.einsum("ij,ij->i", meaning_of_titles[card], meaning_of_names[cls])
        return out
