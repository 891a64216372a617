"""Features of candidates: what CatBoost sees of a (card, class).

Built from the train cards and their out-of-fold predictions, used for train and for new cards alike. What depends
on the blend is added per fold, because the blend is fitted on the other folds.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from goods.cards.labels import Labels
from goods.core.calibration import logit
from goods.stack.candidates import FLOOR, Candidates, Named, best_two, normalise_by_card, ranks
from goods.stack.categories import CategoryNames
from goods.stack.counts import KeyCounts, card_keys
from goods.stack.neighbours import Neighbours, TitleNeighbours
from goods.stack.numbers import Numbers

PER_SOURCE = 3  # classes per card that a source other than the models may name


class FeatureMaker:
    """`names` are those of the base models, in the order of the candidates' log-probabilities."""

    def __init__(self, train: pd.DataFrame, fold: np.ndarray, labels: Labels, names: list[str]) -> None:
        self.labels, self.names = labels, names
        target = train.target.to_numpy()
        self.counts = {
            key: KeyCounts(values, target, fold, labels.n_classes) for key, values in card_keys(train).items()
        }
        self.titles = TitleNeighbours(train.title, target, fold)
        self.categories = CategoryNames(labels)
        self.numbers = Numbers(train.attributes, target, fold, labels.n_classes)
        self.levels = [labels.level(d) for d in range(max(len(p) for p in labels.nodes) - 1)]

    def neighbours(self, cards: pd.DataFrame, fold: np.ndarray | None) -> Neighbours:
        return self.titles.find(cards.title, fold)

    def sources(self, cards: pd.DataFrame, fold: np.ndarray | None, near: Neighbours) -> dict[str, Named]:
        """Candidates besides those of the models; `fold` is each card's own fold, None for new cards."""
        keys = card_keys(cards)
        return {
            "similar titles": near.named(PER_SOURCE),
            "same title words": self.counts["title"].named(keys["title"], fold, PER_SOURCE),
            "shop": self.counts["shop"].named(keys["shop"], fold, PER_SOURCE),
            "category name": self.categories.named(cards.title, PER_SOURCE),
        }

    def make(
        self, cards: pd.DataFrame, fold: np.ndarray | None, table: Candidates, near: Neighbours
    ) -> pd.DataFrame:
        """float32, one row per entry of `table`: all that does not depend on the blend."""
        columns: dict[str, np.ndarray] = {}
        proba = np.exp(table.log_proba)
        for j, name in enumerate(self.names):
            model_features(columns, name, table, proba[:, j])
        columns["mean_proba"], columns["max_proba"] = proba.mean(1), proba.max(1)
        columns["min_proba"] = proba.min(1)
        first = np.stack([columns[f"{name}_rank"] == 0 for name in self.names], axis=1).astype(np.float32)
        columns["first_choices"] = first.sum(1)
        for depth, node in enumerate(self.levels):
            # how many models' first choices lie below the same node
            at_node = per_group(table.card, node[table.cls], first.sum(1), len(self.labels.node_index))
            columns[f"level{depth}_first_choices"] = at_node
        for key, values in card_keys(cards).items():
            share, size = self.counts[key].features(values, fold, table).T
            columns[f"given_{key}"], columns[f"cards_{key}"] = share, size
        votes, best, nearest = near.features(table).T
        columns["neighbour_votes"], columns["neighbour_best"] = votes, best
        columns["nearest_title"] = nearest
        columns["name_characters"], columns["name_meaning"] = self.categories.features(cards.title, table).T
        columns["numbers_fit"] = self.numbers.features(cards.attributes, fold, table)
        for source, flags in table.named.items():
            columns[f"named_by_{source.replace(' ', '_')}"] = flags
        card_features(columns, cards, table)
        return pd.DataFrame({name: values.astype(np.float32) for name, values in columns.items()})

    def with_blend(self, features: pd.DataFrame, table: Candidates, blend: np.ndarray) -> pd.DataFrame:
        """`features` of the entries of `table`, and what the blend's probability float [m] adds to them."""
        columns: dict[str, np.ndarray] = {}
        model_features(columns, "blend", table, blend)
        for depth, node in enumerate(self.levels):
            mass = per_group(table.card, node[table.cls], blend, len(self.labels.node_index))
            columns[f"level{depth}_mass"] = mass
        added = pd.DataFrame({name: values.astype(np.float32) for name, values in columns.items()})
        return pd.concat([features.reset_index(drop=True), added], axis=1)


def model_features(columns: dict[str, np.ndarray], name: str, table: Candidates, proba: np.ndarray) -> None:
    """Log-odds and rank of the class, its gap to the card's best, the card's margin and entropy."""
    rank = ranks(table, proba)
    best, second = best_two(table, proba, rank)
    columns[f"{name}_log_odds"] = logit(proba, FLOOR)
    columns[f"{name}_rank"] = rank
    columns[f"{name}_gap"] = np.log(best / proba.clip(FLOOR))
    columns[f"{name}_margin"] = best - second
    share = normalise_by_card(table, proba)
    starts, group = table.segments
    columns[f"{name}_entropy"] = np.add.reduceat(-share * np.log(share.clip(FLOOR)), starts)[group]


def card_features(columns: dict[str, np.ndarray], cards: pd.DataFrame, table: Candidates) -> None:
    """What is the same for all candidates of a card."""
    letters = cards.title.str.count(r"[^\W\d_]").clip(lower=1)
    per_card: dict[str, pd.Series] = {
        "title_chars": cards.title.str.len(),
        "description_chars": cards.description.str.len(),
        "attribute_chars": cards.attributes.str.len(),
        "cyrillic": cards.title.str.count("[а-яёА-ЯЁ]") / letters,
        "has_image": cards.image.notna(),
        "sale": cards.sale,
        "candidates": pd.Series(np.bincount(table.card, minlength=table.n_cards)),
    }
    for name, values in per_card.items():
        columns[name] = values.to_numpy(np.float32)[table.card]


def per_group(card: np.ndarray, node: np.ndarray, weight: np.ndarray, n_nodes: int) -> np.ndarray:
    """float [m]: sum of `weight` over the same card's entries with the same node."""
    _, group = np.unique(card * n_nodes + node, return_inverse=True)
    return np.bincount(group, weights=weight)[group]
