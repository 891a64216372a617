"""What is known of candidates, ready to be read off by a feature: opinions, counts, neighbours, the tree, the card."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from goods.cards.labels import Labels
from goods.cards.table import number_columns
from goods.cards.text import LETTER, occurrences
from goods.core.calibration import logit
from goods.stack.candidates import FLOOR, Candidates, best_two, lead, normalise_by_card, ranks
from goods.stack.categories import CategoryNames
from goods.stack.counts import KeyCounts
from goods.stack.neighbours import Neighbours
from goods.stack.numbers import Numbers

if TYPE_CHECKING:
    from scipy import sparse


@dataclass(frozen=True)
class CardEvidence:
    """What is found of cards for their candidates and for features of these alike: train cards with similar titles,
    what cards are counted by, and the titles' characters, float32 [n, terms]."""

    near: Neighbours
    keys: dict[str, pd.Series]
    characters: sparse.csr_matrix


@dataclass(frozen=True)
class Opinion:
    """What one probability per entry, float [m], says of the entry and of its card; all [m]."""

    table: Candidates
    proba: np.ndarray

    @cached_property
    def rank(self) -> np.ndarray:
        return ranks(self.table, self.proba)

    @cached_property
    def best_two(self) -> tuple[np.ndarray, np.ndarray]:
        """The card's largest and second largest probability."""
        return best_two(self.table, self.proba, self.rank)

    @property
    def log_odds(self) -> np.ndarray:
        return logit(self.proba, FLOOR)

    @property
    def gap(self) -> np.ndarray:
        """Log of the card's best over the entry's probability."""
        return np.log(self.best_two[0] / self.proba.clip(FLOOR))

    @property
    def margin(self) -> np.ndarray:
        return self.best_two[0] - self.best_two[1]

    @property
    def entropy(self) -> np.ndarray:
        """Of the card's candidates, in nats."""
        share = normalise_by_card(self.table, self.proba)
        starts, group = self.table.segments
        return np.add.reduceat(-share * np.log(share.clip(FLOOR)), starts)[group]


@dataclass(frozen=True)
class TreeEvidence:
    """Entries and where their classes lie in the tree."""

    labels: Labels
    table: Candidates

    @cached_property
    def depths(self) -> range:
        """Levels of the tree above the deepest leaf."""
        return range(max(len(path) for path in self.labels.nodes) - 1)

    @property
    def families(self) -> dict[str, dict[str, Any]]:
        """Family → how each member is written in a feature's name → what the feature is given of it."""
        return {"depth": {str(depth): depth for depth in self.depths}}

    def per_node(self, depth: int, weight: np.ndarray) -> np.ndarray:
        """float [m]: sum of `weight` [m] over the same card's entries below the same node at `depth`."""
        node = self.labels.level(depth)[self.table.cls]
        _, group = np.unique(self.table.card * len(self.labels.node_index) + node, return_inverse=True)
        return np.bincount(group, weights=weight)[group]


@dataclass(frozen=True)
class BlendEvidence(TreeEvidence):
    """What a blend's probability float [m] of the entries adds."""

    proba: np.ndarray

    @cached_property
    def blend(self) -> Opinion:
        return Opinion(self.table, self.proba)


@dataclass(frozen=True)
class Evidence(TreeEvidence):
    """All that does not depend on the blend. `names` are those of the base models, in the order of the table's
    log-probabilities; `fold` int [n] is each card's own, None for new cards."""

    names: list[str]
    cards: pd.DataFrame
    fold: np.ndarray | None
    counts: dict[str, KeyCounts]
    found: CardEvidence
    categories: CategoryNames
    numbers: Numbers
    near_ids: Neighbours | None = None  # only where the order of ids may tell the class

    @property
    def families(self) -> dict[str, dict[str, Any]]:
        return super().families | {
            "model": {name: name for name in self.names},
            "key": {key: key for key in self.counted},
            "order": self.orders,
            "source": {source.replace(" ", "_"): source for source in self.table.named},
            "number": {name: name for name in number_columns(self.cards)},
        }

    @cached_property
    def proba(self) -> np.ndarray:
        """float32 [m, M] of the base models."""
        return np.exp(self.table.log_proba)

    @cached_property
    def opinions(self) -> dict[str, Opinion]:
        return {name: Opinion(self.table, self.proba[:, j]) for j, name in enumerate(self.names)}

    @cached_property
    def first_choices(self) -> np.ndarray:
        """float32 [m]: models whose first choice the class is."""
        first = np.stack([self.opinions[name].rank == 0 for name in self.names], axis=1)
        return first.astype(np.float32).sum(1)

    @cached_property
    def counted(self) -> dict[str, np.ndarray]:
        """Key → float32 [2, m]: log of the smoothed share of the class given the key, log(1 + cards with the key)."""
        keys = self.found.keys
        return {key: self.counts[key].features(keys[key], self.fold, self.table).T for key in keys}

    @cached_property
    def votes(self) -> np.ndarray:
        """float32 [3, m]: see `Neighbours.features`."""
        return self.found.near.features(self.table).T

    @cached_property
    def orders(self) -> dict[str, np.ndarray]:
        """Order in which neighbours are looked at → float32 [3, m]: see `Neighbours.features`."""
        return {} if self.near_ids is None else {"near_ids": self.near_ids.features(self.table).T}

    @cached_property
    def name_likeness(self) -> np.ndarray:
        """float32 [2, m]: see `CategoryNames.features`."""
        return self.categories.features(self.cards.title, self.found.characters, self.table).T

    @cached_property
    def numbers_say(self) -> np.ndarray:
        """float32 [m]: see `Numbers.features`."""
        return self.numbers.features(self.cards.title, self.cards.attributes, self.fold, self.table)

    @property
    def numbers_lead(self) -> np.ndarray:
        """float [m]: over what the numbers say for the strongest other candidate of the models."""
        return lead(self.table, self.numbers_say, ranks(self.table, self.proba.mean(1)))

    @property
    def letters(self) -> pd.Series:
        """Of each card's title, at least 1."""
        return occurrences(self.cards.title, LETTER).clip(lower=1)

    @property
    def candidates(self) -> pd.Series:
        """Entries of each card."""
        return pd.Series(np.bincount(self.table.card, minlength=self.table.n_cards))

    def per_card(self, values: pd.Series) -> np.ndarray:
        """float32 [m] from a value per card."""
        return values.to_numpy(np.float32)[self.table.card]
