"""How well train and test cards can be told apart (adversarial validation), and by what."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict

from goods.cards.table import has_photo

SAMPLE = 5_000  # cards of each split that are looked at
FOLDS, WORDS = 3, 12
WORD = r"\[\S+\]|\w+(?:[.,]\w+)*"  # what text_of puts in brackets; a word or number without what stands around it
CHANCE = 2.0  # standard errors within which an area is chance
FEWEST = 20  # cards of each split below which nothing is told


@dataclass(frozen=True)
class Drift:
    """auc: area under the ROC curve of telling test from train cards, out of fold: 0.5 where they are alike · the words
    that tell a test, and a train card · cards: of each split that were looked at."""

    auc: float
    test_words: list[str]
    train_words: list[str]
    cards: int

    @property
    def is_chance(self) -> bool:
        """Whether the area, and so its words, may be nothing else."""
        return abs(self.auc - 0.5) <= CHANCE * self.error

    @property
    def error(self) -> float:
        """Standard error of the area where both are alike (Mann and Whitney 1947)."""
        return float(np.sqrt((2 * self.cards + 1) / 12) / self.cards)


def drift_of(train: pd.DataFrame, test: pd.DataFrame, seed: int = 0) -> Drift | None:
    """None where a split has too few cards to tell."""
    size = min(len(train), len(test), SAMPLE)
    if size < FEWEST:
        return None
    both = [part.sample(size, random_state=seed) for part in (train, test)]
    cards, is_test = pd.concat(both, ignore_index=True), np.repeat([0, 1], size)
    words = TfidfVectorizer(min_df=3, max_features=20_000, sublinear_tf=True, token_pattern=WORD)
    matrix = words.fit_transform(text_of(cards))
    model = LogisticRegression(C=1.0, max_iter=300)
    proba = cross_val_predict(model, matrix, is_test, cv=FOLDS, method="predict_proba")[:, 1]
    weight, names = model.fit(matrix, is_test).coef_[0], words.get_feature_names_out()
    order = np.argsort(weight, kind="stable")
    return Drift(
        float(roc_auc_score(is_test, proba)),
        [str(names[i]) for i in order[::-1][:WORDS] if weight[i] > 0],
        [str(names[i]) for i in order[:WORDS] if weight[i] < 0],
        size,
    )


def text_of(cards: pd.DataFrame) -> pd.Series:
    """Title, attributes, start of the description and shop, and in brackets what else a card shows."""
    photo = pd.Series(np.where(has_photo(cards), "[photo]", "[no-photo]").tolist(), cards.index)
    shop = "[shop:" + cards["shop"].map(lambda shop: "_".join(shop.split())) + "]"
    description = cards.description.str.slice(stop=300)
    return cards.title + " " + cards.attributes + " " + description + " " + shop + " " + photo
