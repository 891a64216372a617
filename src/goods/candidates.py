"""Candidate classes per card and their features: what the stacker ranks instead of all classes.

A candidate table is a set of flat arrays sorted by card: one entry per (card, candidate class).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer

from goods.artifacts import Predictions
from goods.cards import Labels
from goods.text import near_duplicate_key

FLOOR = 1e-7  # probability of a class a model has not kept
SMOOTHING = 5.0  # pseudo-cards of the class prior in "class given shop" and the like


@dataclass
class Candidates:
    """card int64 [m] (row number, ascending) · cls int32 [m] · log_proba float32 [m, M] of the base models."""

    card: np.ndarray
    cls: np.ndarray
    log_proba: np.ndarray
    n_cards: int

    @cached_property
    def segments(self) -> tuple[np.ndarray, np.ndarray]:
        """(first entry of each card that has entries, int [m] number of each entry's card among those)."""
        fresh = np.concatenate([[True], np.diff(self.card) != 0])
        return np.flatnonzero(fresh), np.cumsum(fresh) - 1

    def take(self, entries: np.ndarray) -> Candidates:
        """A sub-table of entries (bool [m] or indices), card numbers kept."""
        return Candidates(self.card[entries], self.cls[entries], self.log_proba[entries], self.n_cards)


def make_candidates(models: list[Predictions], n_classes: int, top_k: int, min_proba: float) -> Candidates:
    """Union of the models' top-k classes; weak ones are dropped but for any model's first choice.

    `models` are aligned to the same cards. An entry stays if its mean probability reaches `min_proba` or
    some model ranks it first.
    """
    n = len(models[0].product_id)
    rows = np.arange(n, dtype=np.int64)[:, None] * n_classes
    keys = np.unique(np.concatenate([(rows + m.classes[:, :top_k]).ravel() for m in models]))
    proba = np.stack([_lookup(keys, rows, m, n_classes) for m in models], axis=1)
    first = np.isin(keys, np.concatenate([(rows[:, 0] + m.classes[:, 0]) for m in models]))
    kept = first | (proba.mean(1) >= min_proba)
    keys, proba = keys[kept], proba[kept]
    return Candidates(keys // n_classes, (keys % n_classes).astype(np.int32), np.log(proba), n)


def _lookup(keys: np.ndarray, rows: np.ndarray, model: Predictions, n_classes: int) -> np.ndarray:
    """float32 [m]: the model's probability of each candidate; FLOOR where it kept another class instead."""
    own = (rows + model.classes).ravel()
    order = np.argsort(own)
    place = np.searchsorted(own[order], keys).clip(0, len(own) - 1)
    found = own[order][place] == keys
    return np.where(found, model.proba.ravel()[order][place], 0).clip(FLOOR, 1).astype(np.float32)


def recall(table: Candidates, target: np.ndarray) -> float:
    """Share of cards whose class is among their candidates: no stacker can do better."""
    return float((table.cls == target[table.card]).sum() / table.n_cards)


class KeyCounts:
    """Class counts of train cards by some key of theirs (shop, title, …), never counting a card's own fold."""

    def __init__(self, train_keys: pd.Series, target: np.ndarray, fold: np.ndarray, n_classes: int) -> None:
        self.index = pd.Index(train_keys.unique())
        self.n_classes, self.n_folds = n_classes, int(fold.max()) + 1
        code = self.index.get_indexer(train_keys)
        self.key_fold = self._table(code, fold)
        self.class_fold = self._table(target, fold)
        pair = code.astype(np.int64) * n_classes + target
        self.pairs, self.pair_counts = np.unique(pair * self.n_folds + fold, return_counts=True)
        self.any_pairs, self.any_counts = np.unique(pair, return_counts=True)

    def _table(self, code: np.ndarray, fold: np.ndarray) -> np.ndarray:
        size = int(code.max()) + 1
        counts = np.bincount(code.astype(np.int64) * self.n_folds + fold, minlength=size * self.n_folds)
        return counts.reshape(size, self.n_folds)

    @staticmethod
    def _find(keys: np.ndarray, counts: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        place = np.searchsorted(keys, wanted).clip(0, len(keys) - 1)
        return np.where(keys[place] == wanted, counts[place], 0)

    def features(self, card_keys: pd.Series, card_fold: np.ndarray | None, table: Candidates) -> np.ndarray:
        """float32 [m, 2]: log of the smoothed share of the class given the key, log(1 + cards with the key).

        `card_fold` int [n] is each card's own fold, left out of the counts; None for cards not in train.
        """
        code = self.index.get_indexer(card_keys)[table.card].astype(np.int64)
        known = code >= 0
        pair = np.where(known, code, 0) * self.n_classes + table.cls
        in_key = self.key_fold.sum(1)[code].astype(np.float64)
        in_pair = self._find(self.any_pairs, self.any_counts, pair).astype(np.float64)
        in_class = self._class_total(table.cls)
        total = float(self.class_fold.sum())
        if card_fold is not None:
            own = card_fold[table.card].astype(np.int64)
            in_key = in_key - self.key_fold[code, own]
            in_pair = in_pair - self._find(self.pairs, self.pair_counts, pair * self.n_folds + own)
            in_class = in_class - self._class_own(table.cls, own)
            total = total - self.class_fold.sum(0)[own]
        in_key, in_pair = np.where(known, in_key, 0), np.where(known, in_pair, 0)
        prior = (in_class + 0.5) / (total + 0.5 * self.n_classes)
        share = (in_pair + SMOOTHING * prior) / (in_key + SMOOTHING)
        return np.stack([np.log(share), np.log1p(in_key)], axis=1).astype(np.float32)

    def _class_total(self, cls: np.ndarray) -> np.ndarray:
        totals = np.zeros(self.n_classes)
        totals[: len(self.class_fold)] = self.class_fold.sum(1)
        return totals[cls]

    def _class_own(self, cls: np.ndarray, own: np.ndarray) -> np.ndarray:
        padded = np.zeros((self.n_classes, self.n_folds))
        padded[: len(self.class_fold)] = self.class_fold
        return padded[cls, own]


def card_keys(cards: pd.DataFrame) -> dict[str, pd.Series]:
    """What cards are counted by: shop, first and last title word, title without digits and word order."""
    words = cards.title.str.lower().str.findall(r"\w+")
    return {
        "any": pd.Series("", index=cards.index),
        "shop": cards.shop.str.lower(),
        "first_word": words.map(lambda w: w[0] if w else ""),
        "first_two": words.map(lambda w: " ".join(w[:2])),
        "title": cards.title.map(near_duplicate_key),
    }


class FeatureMaker:
    """Features of candidates; built from the train cards, used for train and for new cards alike."""

    def __init__(self, train: pd.DataFrame, fold: np.ndarray, labels: Labels, names: list[str]) -> None:
        self.labels, self.names = labels, names
        target = train.target.to_numpy()
        self.counts = {
            key: KeyCounts(values, target, fold, labels.n_classes) for key, values in card_keys(train).items()
        }
        leaf_names = [" ".join(path[-2:]).lower() for path in labels.paths]
        self.name_tfidf = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 4), dtype=np.float32)
        self.name_vectors = self.name_tfidf.fit_transform(leaf_names)
        self.levels = [labels.level(d) for d in range(max(len(p) for p in labels.nodes) - 1)]

    def make(
        self, cards: pd.DataFrame, fold: np.ndarray | None, table: Candidates, blend: np.ndarray
    ) -> pd.DataFrame:
        """float32 features, one row per entry of `table`; `blend` float [m] is the blend's probability."""
        columns: dict[str, np.ndarray] = {}
        proba = np.exp(table.log_proba)
        for j, name in enumerate(self.names):
            self._model_features(columns, name, table, proba[:, j])
        self._model_features(columns, "blend", table, blend)
        columns["mean_proba"], columns["max_proba"], columns["min_proba"] = (
            proba.mean(1),
            proba.max(1),
            proba.min(1),
        )
        columns["first_choices"] = sum(columns[f"{name}_rank"] == 0 for name in self.names)  # type: ignore[assignment]
        for depth, node in enumerate(self.levels):
            columns[f"level{depth}_mass"] = per_group(
                table.card, node[table.cls], blend, len(self.labels.node_index)
            )
        for key, values in card_keys(cards).items():
            share, size = self.counts[key].features(values, fold, table).T
            columns[f"given_{key}"], columns[f"cards_{key}"] = share, size
        columns["name_similarity"] = self._name_similarity(cards, table)
        self._card_features(columns, cards, table)
        return pd.DataFrame(columns).astype(np.float32)

    def _model_features(self, columns: dict, name: str, table: Candidates, proba: np.ndarray) -> None:
        rank = ranks(table, proba)
        best, second = best_two(table, proba, rank)
        columns[f"{name}_log_odds"] = np.log(proba.clip(FLOOR, 1 - FLOOR)) - np.log1p(
            -proba.clip(FLOOR, 1 - FLOOR)
        )
        columns[f"{name}_rank"] = rank
        columns[f"{name}_gap"] = np.log(best / proba.clip(FLOOR))
        columns[f"{name}_margin"] = best - second

    def _name_similarity(self, cards: pd.DataFrame, table: Candidates) -> np.ndarray:
        """float32 [m] cosine of character n-grams of the title and the category's last two names."""
        titles = self.name_tfidf.transform(cards.title.str.lower())
        out = np.empty(len(table.card), np.float32)
        for start in range(0, len(out), 200_000):
            block = slice(start, start + 200_000)
            product = titles[table.card[block]].multiply(self.name_vectors[table.cls[block]])
            out[block] = np.asarray(product.sum(axis=1)).ravel()
        return out

    def _card_features(self, columns: dict, cards: pd.DataFrame, table: Candidates) -> None:
        per_card: dict[str, pd.Series] = {
            "title_chars": cards.title.str.len(),
            "description_chars": cards.description.str.len(),
            "attribute_chars": cards.attributes.str.len(),
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


def best_two(table: Candidates, value: np.ndarray, rank: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """float [m], [m]: largest and second largest value of each entry's card; FLOOR if it has one entry."""
    starts, group = table.segments
    rest = np.where(rank == 0, FLOOR, value)
    return np.maximum.reduceat(value, starts)[group], np.maximum.reduceat(rest, starts)[group]


def ranks(table: Candidates, value: np.ndarray) -> np.ndarray:
    """int64 [m]: place of each entry within its card by falling value, ties to the lower class."""
    starts, group = table.segments
    order = np.lexsort((table.cls, -value, table.card))
    place = np.empty(len(value), np.int64)
    place[order] = np.arange(len(value)) - starts[group]
    return place
