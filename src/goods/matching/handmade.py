"""A scorer of pairs that needs no training: the cosine of the titles, and whether codes, amounts, numbers, colours,
editions, brands and other attributes agree.

The weights were set by hand, from a logistic regression on candidate pairs of generated offers; they are a start where
there are no labelled pairs, not a substitute for a trained experiment.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.special import expit

from goods.core.progress import track
from goods.matching.attributes import brands_of, entries_of, keys_and_values, told_attributes
from goods.matching.expected import Expected
from goods.matching.measures import amounts
from goods.matching.names import normal, words
from goods.matching.neighbours import LARGE, cosines
from goods.matching.sets import Sets, row_dot
from goods.matching.spelling import MAX_CHARS, codes, plain
from goods.matching.variants import COLOURS, EDITIONS, reader

Scorer = Callable[[pd.DataFrame, np.ndarray, np.ndarray], np.ndarray]

PAIRS_AT_ONCE = 500_000
BIAS, COSINE = -3.5, 5.0  # the bias puts the best F1 at about 0.5
# Log-odds where both titles have such a thing and share one, and where they share none; 0 where one lacks it.
AGREE = {"codes": 1.0, "amounts": 0.0, "numbers": 0.5, "colours": 0.5, "editions": 0.0, "brands": 0.0}
DISAGREE = {
    "codes": -1.5,
    "amounts": -3.0,
    "numbers": -1.5,
    "colours": -3.0,
    "editions": -3.0,
    "brands": -2.0,
}
EACH_DIFFERENT, MOST_DIFFERENT = -2.0, 3  # attributes that both have and that differ
# Log-odds by which scores are too high: fitted on candidate pairs of generated offers (docs/matching.md)
EXPECTED = Expected(-1.4, "as measured at these scores on generated offers")
COLOURS_OF, EDITIONS_OF = reader(COLOURS), reader(EDITIONS)
_NUMBER = re.compile(r"\b\d{1,3}(?:\.\d+)?\b")  # longer ones are article numbers: every shop has its own


class HandmadeScorer:
    """Scores pairs of the cards it was made from; `vectors` float32 [n, d] are their unit title vectors."""

    def __init__(self, cards: pd.DataFrame, vectors: np.ndarray) -> None:
        self.vectors = vectors
        titles = [title[:MAX_CHARS] for title in cards.title]
        names, texts = [normal(title) for title in titles], [plain(title) for title in titles]
        measured = [amounts(name) for name in names]
        attributes = cards.attributes if "attributes" in cards else [""] * len(cards)
        rows = [told_attributes(text.split("; ")) for text in attributes]
        self.keys, self.values = keys_and_values(entries_of(rows))
        brands = brands_of(rows)
        known = set(filter(None, brands))
        self.sets = {
            "codes": Sets.of([sorted(codes(text)) for text in texts]),
            "amounts": Sets.of(measured),
            "numbers": Sets.of([_NUMBER.findall(text) for text in texts]),
            "colours": Sets.of([map(str, COLOURS_OF(name)) for name in names]),
            "editions": Sets.of([map(str, EDITIONS_OF(name)) for name in names]),
            "brands": Sets.of(
                [
                    [brand] if brand else [word for word in words(name) if word in known]
                    for brand, name in zip(brands, names, strict=True)
                ]
            ),
        }
        self.dimensions = Sets.of([[amount.split()[0] for amount in row] for row in measured])

    def __call__(self, cards: pd.DataFrame, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """float32 [m] probability that rows `left` and `right` int [m] of `cards` are one product."""
        scores = np.empty(len(left), np.float32)
        for start in track(
            range(0, len(left), PAIRS_AT_ONCE), "scores", unit="blocks", hidden=len(cards) < LARGE
        ):
            rows = slice(start, start + PAIRS_AT_ONCE)
            scores[rows] = self._block(left[rows], right[rows])
        return scores

    def _block(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        logit = BIAS + COSINE * cosines(self.vectors, left, right)
        for kind, (agree, disagree) in self.agreement(left, right).items():
            logit += AGREE[kind] * agree + DISAGREE[kind] * disagree
        common, equal = (row_dot(s.matrix, s.matrix, left, right) for s in (self.keys, self.values))
        logit += EACH_DIFFERENT * np.minimum(common - equal, MOST_DIFFERENT)
        return expit(logit).astype(np.float32)

    def agreement(self, left: np.ndarray, right: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """By kind, bool [m]: both sides have some and share one; have some comparable and share none."""
        found = {}
        for kind, sets in self.sets.items():
            comparable = self.dimensions if kind == "amounts" else sets
            common = row_dot(sets.matrix, sets.matrix, left, right)
            if kind == "amounts":  # 64 GB and 2 m do not contradict each other
                apart = row_dot(comparable.matrix, comparable.matrix, left, right) > common
            else:
                size = comparable.matrix.getnnz(axis=1)
                apart = (size[left] > 0) & (size[right] > 0) & (common == 0)
            found[kind] = (common > 0, apart)
        return found
