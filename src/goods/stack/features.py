"""Features of candidates: what CatBoost sees of a (card, class). A feature is a line of FEATURES.

Made alike for train and for new cards, of what evidence.py knows of them. What depends on the blend is added per fold,
because the blend is fitted on the other folds. Importance, explanations and the report go by the names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import groupby

import numpy as np
import pandas as pd

from goods.cards.labels import Labels
from goods.core.errors import within
from goods.stack.candidates import Candidates, Named
from goods.stack.categories import CategoryNames
from goods.stack.counts import KeyCounts, card_keys
from goods.stack.evidence import BlendEvidence, CardEvidence, Evidence, TreeEvidence
from goods.stack.idorder import IdNeighbours
from goods.stack.neighbours import TitleNeighbours
from goods.stack.numbers import Numbers

PER_SOURCE = 3  # classes per card that a source other than the models may name

# Name → a value per entry, [m]. A name with braces is a family: a column for each base model, level of the tree, key
# that cards are counted by, or source of candidates. Lines of one family below each other take turns by member.
FEATURES: dict[str, Callable[..., np.ndarray]] = {
    "{model}_log_odds": lambda e, model: e.opinions[model].log_odds,
    "{model}_rank": lambda e, model: e.opinions[model].rank,
    "{model}_gap": lambda e, model: e.opinions[model].gap,
    "{model}_margin": lambda e, model: e.opinions[model].margin,
    "{model}_entropy": lambda e, model: e.opinions[model].entropy,
    "mean_proba": lambda e: e.proba.mean(1),
    "max_proba": lambda e: e.proba.max(1),
    "min_proba": lambda e: e.proba.min(1),
    "first_choices": lambda e: e.first_choices,
    "level{depth}_first_choices": lambda e, depth: e.per_node(depth, e.first_choices),
    "given_{key}": lambda e, key: e.counted[key][0],
    "cards_{key}": lambda e, key: e.counted[key][1],
    "neighbour_votes": lambda e: e.votes[0],
    "neighbour_best": lambda e: e.votes[1],
    "nearest_title": lambda e: e.votes[2],
    "{order}_votes": lambda e, order: order[0],
    "{order}_best": lambda e, order: order[1],
    "name_characters": lambda e: e.name_likeness[0],
    "name_meaning": lambda e: e.name_likeness[1],
    "numbers_say": lambda e: e.numbers_say,
    "numbers_lead": lambda e: e.numbers_lead,
    "named_by_{source}": lambda e, source: e.table.named[source],
    "title_chars": lambda e: e.per_card(e.cards.title.str.len()),
    "description_chars": lambda e: e.per_card(e.cards.description.str.len()),
    "attribute_chars": lambda e: e.per_card(e.cards.attributes.str.len()),
    "cyrillic": lambda e: e.per_card(e.cards.title.str.count("[а-яёА-ЯЁ]") / e.letters),
    "has_image": lambda e: e.per_card(e.cards.image.notna()),
    "sale": lambda e: e.per_card(e.cards.sale),
    "{number}": lambda e, number: e.per_card(e.cards[number]),
    "candidates": lambda e: e.per_card(e.candidates),
}
BLEND_FEATURES: dict[str, Callable[..., np.ndarray]] = {
    "blend_log_odds": lambda e: e.blend.log_odds,
    "blend_rank": lambda e: e.blend.rank,
    "blend_gap": lambda e: e.blend.gap,
    "blend_margin": lambda e: e.blend.margin,
    "blend_entropy": lambda e: e.blend.entropy,
    "level{depth}_mass": lambda e, depth: e.per_node(depth, e.blend.proba),
}
FAMILY = re.compile(r"\{(\w+)\}")


def features_of(evidence: TreeEvidence, features: Mapping[str, Callable[..., np.ndarray]]) -> pd.DataFrame:
    """float32, one row per entry: the columns of `features`, families spread out."""
    columns: dict[str, np.ndarray] = {}
    for family, lines in groupby(features, key=family_of):
        together = list(lines)
        if family is None:
            for name in together:
                with within(f"feature {name} of the stack"):
                    columns[name] = features[name](evidence).astype(np.float32)
            continue
        for label, member in evidence.families[family].items():
            for name in together:
                column = name.replace(f"{{{family}}}", label)
                with within(f"feature {column} of the stack"):
                    columns[column] = features[name](evidence, member).astype(np.float32)
    return pd.DataFrame(columns)


def family_of(name: str) -> str | None:
    found = FAMILY.search(name)
    return found[1] if found else None


class CandidateFeatures:
    """What the train cards tell of any card's candidates, and the features made of it.

    `fold` int [n] is that of each train card; `names` are those of the base models, in the order of the candidates'
    log-probabilities; `id_order`: classes of the cards with the nearest ids are told too.
    """

    def __init__(
        self,
        train: pd.DataFrame,
        fold: np.ndarray,
        labels: Labels,
        names: list[str],
        id_order: bool = False,
    ) -> None:
        self.labels, self.names = labels, names
        target = train.target.to_numpy()
        self.counts = {
            key: KeyCounts(values, target, fold, labels.n_classes) for key, values in card_keys(train).items()
        }
        self.titles = TitleNeighbours(train.title, target, fold)
        self.ids = IdNeighbours(train.product_id, target, fold) if id_order else None
        self.categories = CategoryNames(labels)
        self.numbers = Numbers(train.title, train.attributes, target, fold, labels.n_classes)

    def read(self, cards: pd.DataFrame, fold: np.ndarray | None) -> CardEvidence:
        """What `sources` and `make` are given; `fold` is each card's own fold, None for new cards."""
        near, characters = self.titles.find(cards.title, fold), self.categories.characters(cards.title)
        return CardEvidence(near, card_keys(cards), characters)

    def sources(self, cards: pd.DataFrame, fold: np.ndarray | None, found: CardEvidence) -> dict[str, Named]:
        """Candidates besides those of the models."""
        named = {
            "similar titles": found.near.named(PER_SOURCE),
            "same title words": self.counts["title"].named(found.keys["title"], fold, PER_SOURCE),
            "shop": self.counts["shop"].named(found.keys["shop"], fold, PER_SOURCE),
            "category name": self.categories.named(found.characters, PER_SOURCE),
        }
        if self.ids is not None:
            named["near ids"] = self.ids.find(cards.product_id, fold).named(PER_SOURCE)
        return named

    def make(
        self, cards: pd.DataFrame, fold: np.ndarray | None, table: Candidates, found: CardEvidence
    ) -> pd.DataFrame:
        """float32, one row per entry of `table`: all that does not depend on the blend."""
        near_ids = None if self.ids is None else self.ids.find(cards.product_id, fold)
        known = (self.counts, found, self.categories, self.numbers, near_ids)
        return features_of(Evidence(self.labels, table, self.names, cards, fold, *known), FEATURES)

    def with_blend(self, features: pd.DataFrame, table: Candidates, blend: np.ndarray) -> pd.DataFrame:
        """`features` of the entries of `table`, and what the blend's probability float [m] adds to them."""
        added = features_of(BlendEvidence(self.labels, table, blend), BLEND_FEATURES)
        return pd.concat([features.reset_index(drop=True), added], axis=1)
