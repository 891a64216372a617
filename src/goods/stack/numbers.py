"""What the numbers of a card say for a class, read as terms (`cards/number_terms.py`): naive Bayes."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from goods.cards.number_terms import NumberTerms, numbers
from goods.stack.candidates import Candidates
from goods.stack.counts import find

if TYPE_CHECKING:
    from scipy import sparse

LEAST_CARDS = 2  # a term on fewer train cards tells nothing

PRIOR_CARDS = 20.0  # pseudo-cards of all classes in a term's share of a class's cards

ENTRIES = 20_000  # entries whose terms are looked up at once


class Numbers:
    """Train cards with each term, by class and fold.

    Which bands and terms there are is of all train cards, those of a card's own fold among them: that knows no classes,
    and so tells none. What a term says of a class is counted without the card's own fold."""

    def __init__(
        self, titles: pd.Series, attributes: pd.Series, target: np.ndarray, fold: np.ndarray, n_classes: int
    ) -> None:
        from scipy import sparse
        from sklearn.feature_extraction.text import CountVectorizer  # a second to import

        found = [numbers(text) for text in attributes.tolist()]
        self.bands = NumberTerms.of(found)
        self.terms = CountVectorizer(analyzer=list, min_df=LEAST_CARDS, binary=True, dtype=np.float32)
        self.with_term: list[sparse.csr_matrix] = []  # [C, V] of each fold
        n_folds, n = int(fold.max()) + 1, len(target)
        self._log_ratios = lru_cache(maxsize=1)(self._find_log_ratios)  # new cards come batch by batch
        cell = fold.astype(np.int64) * n_classes + target
        self.cards = np.bincount(cell, minlength=n_folds * n_classes).reshape(n_folds, n_classes)
        try:
            terms = self.terms.fit_transform(self.bands.terms(titles.tolist(), found))
        except ValueError:  # no number at all, or only terms of single cards
            return
        for k in range(n_folds):
            rows = np.flatnonzero(fold == k)
            ones = np.ones(len(rows), np.float32)
            of_class = sparse.csr_matrix((ones, (target[rows], rows)), (n_classes, n))
            self.with_term.append((of_class @ terms).tocsr())

    def features(
        self, titles: pd.Series, attributes: pd.Series, card_fold: np.ndarray | None, table: Candidates
    ) -> np.ndarray:
        """float32 [m]: log of how much likelier the card's terms are in the class than anywhere, over the square root
        of their number; 0 without terms. Cards of the card's own fold do not count."""
        out = np.zeros(len(table.card), np.float32)
        if not self.with_term:
            return out
        found = [numbers(text) for text in attributes.tolist()]
        terms = self.terms.transform(self.bands.terms(titles.tolist(), found))
        of_entry = np.zeros(len(out)) if card_fold is None else card_fold[table.card]
        for own in [None] if card_fold is None else range(len(self.with_term)):
            entries = np.arange(len(out)) if own is None else np.flatnonzero(of_entry == own)
            keys, ratios, absent = self._log_ratios(own)
            for start in range(0, len(entries), ENTRIES):
                block = entries[start : start + ENTRIES]
                cls, asked = table.cls[block].astype(np.int64), terms[table.card[block]]
                each = np.diff(asked.indptr)
                present = find(keys, ratios, np.repeat(cls, each) * terms.shape[1] + asked.indices)
                total = np.bincount(np.repeat(np.arange(len(block)), each), present, len(block))
                out[block] = (total + absent[cls] * each) / np.sqrt(np.maximum(each, 1))
        return out

    def _find_log_ratios(self, own: int | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Log of a term's smoothed share of a class's cards over its share of all cards, fold `own` left out, as a sum:
        of what stands at the key class · V + term, 0 where no card of the class has it, and of one of [C]."""
        others = [k for k in range(len(self.with_term)) if k != own]
        counts = sum((self.with_term[k] for k in others), self.with_term[0] * 0).tocsr()
        counts.sort_indices()
        cards = self.cards[others].sum(0)
        n = max(1, int(cards.sum()))
        share = (np.asarray(counts.sum(0)).ravel() / n).clip(0.5 / n)
        cls = np.repeat(np.arange(len(cards)), np.diff(counts.indptr))
        ratios = np.log1p(counts.data / (PRIOR_CARDS * share[counts.indices]))
        return cls * counts.shape[1] + counts.indices, ratios, -np.log1p(cards / PRIOR_CARDS)
