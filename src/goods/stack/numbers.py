"""How the numbers of a card fit those of a class."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from goods.stack.candidates import Candidates
from goods.stack.categories import ENTRIES
from goods.stack.counts import PRIOR_CARDS, find, ranges

RARE_NUMBERS = 50  # a number's name on fewer train cards tells nothing

NO_NUMBER = 0.0

NUMBER = re.compile(r"\s*(-?\d{1,15}(?:[.,]\d{1,15})?)(?![\d.,]*\d)")


class Numbers:
    """Fit of a card's numeric attributes ("name: 12.5") to a class: log-likelihood against all cards, of a normal
    distribution of log(1 + value), each with pseudo-cards of the whole."""

    def __init__(self, attributes: pd.Series, target: np.ndarray, fold: np.ndarray, n_classes: int) -> None:
        self.n_classes, self.n_folds = n_classes, int(fold.max()) + 1
        card, names, x = listed_numbers(attributes)
        counts = pd.Series(names, dtype="str").value_counts()
        self.names = pd.Index(sorted(counts.index[counts >= RARE_NUMBERS]))
        name = self.names.get_indexer(names).astype(np.int64)
        card, name, x = card[name >= 0], name[name >= 0], x[name >= 0]
        self.whole = self._moments(name, x, len(self.names))
        cell = name * n_classes + target[card]
        self.cells, at = np.unique(cell, return_inverse=True)
        self.by_cell = self._moments(at, x, len(self.cells))
        self.fold_cells, at = np.unique(cell * self.n_folds + fold[card], return_inverse=True)
        self.by_fold = self._moments(at, x, len(self.fold_cells))

    @staticmethod
    def _moments(at: np.ndarray, x: np.ndarray, size: int) -> np.ndarray:
        """float64 [3, size]: number, sum and sum of squares of x by position."""
        return np.stack([np.bincount(at, weights=x**moment, minlength=size) for moment in range(3)])

    def features(self, attributes: pd.Series, card_fold: np.ndarray | None, table: Candidates) -> np.ndarray:
        """float32 [m]: sum over the card's numbers; NO_NUMBER where it has none."""
        total = np.full(len(table.card), NO_NUMBER)
        card, names, x = listed_numbers(attributes)
        name = self.names.get_indexer(names).astype(np.int64)
        card, name, x = card[name >= 0], name[name >= 0], x[name >= 0]
        first, last = (np.searchsorted(card, table.card, side=side) for side in ("left", "right"))
        for start in range(0, len(total), ENTRIES):
            block = slice(start, start + ENTRIES)
            each = (last - first)[block]
            entry = np.repeat(np.arange(len(each)), each)
            at = ranges(first[block], each)
            own = None if card_fold is None else card_fold[card[at]]
            fit = self._fit(name[at], x[at], table.cls[block][entry], own)
            total[block] += np.bincount(entry, fit, minlength=len(each))
        return total.astype(np.float32)

    def _fit(self, name: np.ndarray, x: np.ndarray, cls: np.ndarray, own: np.ndarray | None) -> np.ndarray:
        """float64 [m]: log-likelihood ratio of each number for a class, fold `own` left out."""
        n, first, second = self.whole[:, name]
        mean_all = first / n
        var_all = np.maximum(second / n - mean_all**2, 1e-6)
        cell = name * self.n_classes + cls
        moments = find(self.cells, self.by_cell, cell)
        if own is not None:
            moments = moments - find(self.fold_cells, self.by_fold, cell * self.n_folds + own)
        count, one, two = moments
        mean = (one + PRIOR_CARDS * mean_all) / (count + PRIOR_CARDS)
        square = (two + PRIOR_CARDS * (var_all + mean_all**2)) / (count + PRIOR_CARDS)
        var = np.maximum(square - mean**2, 0.01 * var_all)
        fit = -0.5 * np.log(var / var_all) - 0.5 * (x - mean) ** 2 / var + 0.5 * (x - mean_all) ** 2 / var_all
        return fit.clip(-10, 10)


def listed_numbers(attributes: pd.Series) -> tuple[np.ndarray, list[str], np.ndarray]:
    """(card int64 [m] in order, name, log(1 + value) float64 [m]) of the numbers among the cards' attributes."""
    found = [numbers(text) for text in attributes]
    card = np.repeat(np.arange(len(found)), [len(row) for row in found])
    values = np.array([max(0.0, value) for row in found for value in row.values()], np.float64)
    return card, [name for row in found for name in row], np.log1p(values)


def numbers(text: str) -> dict[str, float]:
    """ "Вес: 12,5 г; Белки: 3" → {"вес": 12.5, "белки": 3.0}; the first of a name counts."""
    found: dict[str, float] = {}
    for part in text.split(";"):
        *names, value = part.rsplit(":", 1)
        match = NUMBER.match(value) if names else None
        if match:
            name = names[0].rsplit(":", 1)[-1].strip().lower()
            found.setdefault(name, float(match[1].replace(",", ".")))
    return found
