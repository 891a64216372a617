"""How often a class goes with a key of a card (its shop, its title), counted without the card's own fold."""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np
import pandas as pd

from goods.cards.table import category_columns
from goods.cards.text import near_duplicate_key
from goods.stack.candidates import Candidates, Named

WORD = re.compile(r"\w+")

SMOOTHING = 5.0  # pseudo-cards of the class prior in "class given shop" and the like


def find(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """[..., m] columns of `values` [..., k] at the `wanted` of the sorted `keys` [k], zeros for those not there."""
    if not len(keys):
        return np.zeros((*values.shape[:-1], len(wanted)), values.dtype)
    position = np.searchsorted(keys, wanted).clip(0, len(keys) - 1)
    return np.where(keys[position] == wanted, values[..., position], 0)


def ranges(first: np.ndarray, each: np.ndarray) -> np.ndarray:
    """first[0], first[0] + 1, … (each[0] numbers), then those of first[1], …"""
    return np.repeat(first - (np.cumsum(each) - each), each) + np.arange(each.sum())


class KeyCounts:
    """Class counts of train cards by some key of theirs (shop, title, …), never counting a card's own fold."""

    def __init__(self, train_keys: pd.Series, target: np.ndarray, fold: np.ndarray, n_classes: int) -> None:
        self.index = pd.Index(train_keys.unique())
        self.n_classes, self.n_folds = n_classes, int(fold.max()) + 1
        code = self.index.get_indexer(train_keys)
        self.key_fold = self._table(code, fold, len(self.index))
        self.class_fold = self._table(target, fold, n_classes)
        pair = code.astype(np.int64) * n_classes + target
        self.pairs, self.pair_counts = np.unique(pair * self.n_folds + fold, return_counts=True)
        self.any_pairs, self.any_counts = np.unique(pair, return_counts=True)
        self._most_frequent = lru_cache(maxsize=1)(self._find_most_frequent)  # new cards come batch by batch

    def _table(self, code: np.ndarray, fold: np.ndarray, size: int) -> np.ndarray:
        """int64 [size, folds]: cards by code and fold."""
        counts = np.bincount(code.astype(np.int64) * self.n_folds + fold, minlength=size * self.n_folds)
        return counts.reshape(size, self.n_folds)

    def _in_pair(self, code: np.ndarray, cls: np.ndarray, own: np.ndarray | None) -> np.ndarray:
        """int64 [m]: train cards with that key and class, those of fold `own` left out."""
        pair = code.astype(np.int64) * self.n_classes + cls
        found = find(self.any_pairs, self.any_counts, pair)
        return found if own is None else found - find(self.pairs, self.pair_counts, pair * self.n_folds + own)

    def features(self, card_keys: pd.Series, card_fold: np.ndarray | None, table: Candidates) -> np.ndarray:
        """float32 [m, 2]: log of the smoothed share of the class given the key, log(1 + cards with the key)."""
        code = self.index.get_indexer(card_keys)[table.card].astype(np.int64)
        known, code = code >= 0, np.maximum(code, 0)
        own = None if card_fold is None else card_fold[table.card].astype(np.int64)
        in_pair = np.where(known, self._in_pair(code, table.cls, own), 0)
        in_key = self.key_fold.sum(1)[code]
        in_class = self.class_fold.sum(1)[table.cls]
        total = np.full(len(code), self.class_fold.sum())
        if own is not None:
            in_key = in_key - self.key_fold[code, own]
            in_class = in_class - self.class_fold[table.cls, own]
            total = total - self.class_fold.sum(0)[own]
        in_key = np.where(known, in_key, 0)
        prior = (in_class + 0.5) / (total + 0.5 * self.n_classes)
        share = (in_pair + SMOOTHING * prior) / (in_key + SMOOTHING)
        return np.stack([np.log(share), np.log1p(in_key)], axis=1).astype(np.float32)

    def named(self, card_keys: pd.Series, card_fold: np.ndarray | None, most: int) -> Named:
        """The `most` most frequent classes of each card's key; an empty key names nothing."""
        code = self.index.get_indexer(card_keys).astype(np.int64)
        code[(card_keys == "").to_numpy()] = -1
        parts = []
        for own in [None] if card_fold is None else range(self.n_folds):
            cards = np.arange(len(code)) if own is None else np.flatnonzero(card_fold == own)
            key, cls = self._most_frequent(own, most)
            first, last = (np.searchsorted(key, code[cards], side=side) for side in ("left", "right"))
            each = last - first
            parts.append((np.repeat(cards, each), cls[ranges(first, each)]))
        card, cls = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        order = np.argsort(card, kind="stable")
        return card[order], cls[order]

    def _find_most_frequent(self, own: int | None, most: int) -> Named:
        """(key, class) of the `most` most frequent classes of every key outside fold `own`, by key."""
        count = self.any_counts.copy()
        if own is not None:
            in_own = self.pairs % self.n_folds == own
            count[np.searchsorted(self.any_pairs, self.pairs[in_own] // self.n_folds)] -= self.pair_counts[
                in_own
            ]
        return most_per_card(
            self.any_pairs // self.n_classes, self.any_pairs % self.n_classes, count.astype(np.float64), most
        )


def most_per_card(card: np.ndarray, cls: np.ndarray, weight: np.ndarray, most: int) -> Named:
    """Of entries (card, class), int [x], those with the `most` largest positive weights [x] of each card, ties to the
    lower class."""
    there = weight > 0
    card, cls, weight = card[there], cls[there], weight[there]
    order = np.lexsort((cls, -weight, card))
    card, cls = card[order], cls[order]
    kept = np.arange(len(card)) - np.searchsorted(card, card) < most
    return card[kept].astype(np.int64), cls[kept].astype(np.int64)


def card_keys(cards: pd.DataFrame) -> dict[str, pd.Series]:
    """What cards are counted by: shop, first and last title word, title without digits and word order, categories that
    stand beside the text."""
    words = [WORD.findall(title) for title in cards.title.str.lower().tolist()]

    def series(values: list[str]) -> pd.Series:
        return pd.Series(values, index=cards.index, dtype="str")

    return {
        "any": pd.Series("", index=cards.index),
        "shop": cards.shop.str.lower(),
        "first_word": series([w[0] if w else "" for w in words]),
        "first_two": series([" ".join(w[:2]) for w in words]),
        "last_word": series([w[-1] if w else "" for w in words]),
        "title": series([near_duplicate_key(title) for title in cards.title.tolist()]),
        **{name: cards[name] for name in category_columns(cards)},
    }
