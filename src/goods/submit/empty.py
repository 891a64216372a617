"""Cards of which nothing is known: no text, no photo, no number. A model's answer would be of the nothing it reads, so
they get the shares of the classes among the train cards, and more of those like them the more of such there are.

reads: prepared/cards.parquet
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from goods.cards.labels import Labels
from goods.cards.table import TEXT_FIELDS, category_columns, has_photo, load_cards, number_columns, select
from goods.core.predictions import Predictions, best_classes
from goods.core.workspace import Workspace

DOUBT = 10  # train cards of which nothing is known that count as much as all others together


def are_empty(cards: pd.DataFrame) -> np.ndarray:
    """bool [n] of the rows of a card table."""
    texts = cards[[*TEXT_FIELDS, *category_columns(cards)]]
    told = (texts.fillna("") != "").any(axis=1) | cards[number_columns(cards)].notna().any(axis=1)
    return ~told.to_numpy(bool) & ~has_photo(cards)


@dataclass(frozen=True)
class EmptyCards:
    """shares float32 [C]: of the classes among cards of which nothing is known"""

    shares: np.ndarray

    @staticmethod
    def of(ws: Workspace) -> EmptyCards:
        train, n = select(load_cards(ws), "train"), Labels.load(ws).n_classes
        target, empty = train.target.to_numpy(), are_empty(train)
        known = target >= 0  # of attributes, not every card's is
        alike, all_ = (np.bincount(target[rows], minlength=n) for rows in (known & empty, known))
        shares = (alike + DOUBT * all_ / max(1, all_.sum())) / (alike.sum() + DOUBT)
        return EmptyCards(shares.astype(np.float32))

    def answered(self, empty: np.ndarray, said: Predictions) -> Predictions:
        """What is `said` of cards, but for those that are `empty` bool [n], in their order."""
        classes, proba = said.classes.copy(), said.proba.copy()
        classes[empty], proba[empty] = best_classes(self.shares[None], classes.shape[1])
        return replace(said, classes=classes, proba=proba)
