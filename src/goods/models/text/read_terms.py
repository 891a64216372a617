"""TF-IDF of terms that are read off a card and stand in no text of it: bands of its numbers, ends of its title."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfVectorizer

from goods.cards.number_terms import WORD, NumberTerms, numbers
from goods.models.text.field_vectorizer import NO_TERMS

LEAST_CARDS = 2  # a term on fewer cards tells nothing


class ReadTerms(ABC):
    """Terms of one kind, L2-normalised and scaled by `weight`."""

    def __init__(self, weight: float) -> None:
        self.weight = weight
        self.part = TfidfVectorizer(analyzer=list, min_df=LEAST_CARDS, dtype=np.float32)
        self.any = False

    @abstractmethod
    def read(self, cards: pd.DataFrame, fit: bool) -> Iterable[list[str]]:
        """The terms of each card; with `fit` the cards may say how they are read, their classes may not."""

    def vectors(self, cards: pd.DataFrame, fit: bool = False) -> sp.csr_matrix:
        """float32 [n, terms]; no columns where no term is on enough of the cards it was fitted on."""
        rows = list(self.read(cards, fit))
        if fit:
            try:
                self.part.fit(rows)
                self.any = True
            except ValueError as error:
                if not str(error).startswith(NO_TERMS):
                    raise
                self.any = False
        if not self.any:
            return sp.csr_matrix((len(rows), 0), dtype=np.float32)
        return self.part.transform(rows) * np.float32(self.weight)

    def save(self) -> tuple[dict[str, Any], np.ndarray]:
        """The terms, for JSON, and their float32 idf."""
        if not self.any:
            return {"terms": []}, np.empty(0, np.float32)
        return {"terms": self.part.get_feature_names_out().tolist()}, self.part.idf_.astype(np.float32)

    def load(self, saved: dict[str, Any], idf: np.ndarray) -> None:
        """What `save` gave."""
        self.any = bool(saved["terms"])
        if self.any:
            self.part.vocabulary_ = {term: j for j, term in enumerate(saved["terms"])}
            self.part.idf_ = idf


class NumberVectors(ReadTerms):
    """Bands of the numbers among the attributes, in pairs and with the title's first word, percentages."""

    def __init__(self, weight: float) -> None:
        super().__init__(weight)
        self.bands = NumberTerms({})

    def read(self, cards: pd.DataFrame, fit: bool) -> Iterable[list[str]]:
        found = [numbers(text) for text in cards.attributes]
        if fit:
            self.bands = NumberTerms.of(found)
        return self.bands.terms(cards.title, found)

    def save(self) -> tuple[dict[str, Any], np.ndarray]:
        terms, idf = super().save()
        return terms | {"edges": self.bands.edges}, idf

    def load(self, saved: dict[str, Any], idf: np.ndarray) -> None:
        super().load(saved, idf)
        self.bands = NumberTerms(saved["edges"])


class EndVectors(ReadTerms):
    """The title's first word, its first two and its last: a Russian title begins with the noun, an English one ends
    with it."""

    def read(self, cards: pd.DataFrame, fit: bool) -> Iterable[list[str]]:
        return [ends_of(title) for title in cards.title]


def ends_of(title: str) -> list[str]:
    """ "Чай чёрный, 100 г" → ["чай …", "чай чёрный …", "… г"]."""
    words = WORD.findall(title.lower())
    return [f"{words[0]} …", f"{' '.join(words[:2])} …", f"… {words[-1]}"] if words else []
