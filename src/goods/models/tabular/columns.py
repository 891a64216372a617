"""Numbers and categories of cards as features; lengths of texts are numbers too."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from goods.cards.table import TEXT_FIELDS, category_columns, number_columns
from goods.cards.text import occurrences
from goods.core.errors import GoodsError

DIGIT = re.compile("[0-9]")
LENGTHS: dict[str, Callable[[pd.Series], pd.Series]] = {
    "signs": lambda texts: texts.map(len),
    "words": lambda texts: texts.map(lambda text: len(text.split())),
    "digits": lambda texts: occurrences(texts, DIGIT),
}


def numbers_of(cards: pd.DataFrame) -> list[str]:
    """Columns of numbers that say something: not those that repeat the card's id."""
    ids = pd.to_numeric(cards.product_id, errors="coerce").to_numpy(np.float64)
    return [c for c in number_columns(cards) if not np.array_equal(cards[c].to_numpy(), ids)]


def categories_of(cards: pd.DataFrame) -> list[str]:
    """Columns of categories that say something: not those that repeat the card's id."""
    ids = cards.product_id.astype(str).to_numpy()
    return [c for c in category_columns(cards) if not np.array_equal(cards[c].to_numpy(str), ids)]


def check_beside_text(family: str, cards: pd.DataFrame) -> None:
    """GoodsError where nothing stands beside the text of the cards."""
    if not numbers_of(cards) and not categories_of(cards):
        raise GoodsError(
            f"family {family}: the cards have no numbers and no categories beside their text; name some in the "
            "competition's table (numbers:, categories:), or leave the experiment out"
        )


def text_lengths(cards: pd.DataFrame) -> pd.DataFrame:
    """float64 [n, fields x lengths]: signs, words and digits of each text field."""
    found = {
        f"{field} {name}": measure(cards[field]) for field in TEXT_FIELDS for name, measure in LENGTHS.items()
    }
    return pd.DataFrame(found, index=cards.index).astype("float64")


def taken(cards: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """The `columns` of the cards; GoodsError where one is missing."""
    if missing := [column for column in columns if column not in cards]:
        raise GoodsError(
            f"the cards lack column {missing[0].partition(':')[2]!r}, which the model was fitted on; add it"
        )
    return cards[columns]


class Columns:
    """Numbers and categories as float32 [n, d], sparse: numbers less their median over their spread, 0 where a card
    has none, and a column that says so; a column per category that at least two cards share."""

    def __init__(self) -> None:
        self.numbers: dict[str, tuple[float, float]] = {}  # column → median, spread
        self.categories: dict[str, list[str]] = {}

    def fit(self, cards: pd.DataFrame) -> None:
        self.numbers, self.categories = {}, {}
        for column in numbers_of(cards):
            known = cards[column].replace([np.inf, -np.inf], np.nan).dropna()
            if len(known):
                self.numbers[column] = (float(known.median()), float(known.std(ddof=0)) or 1.0)
        for column in categories_of(cards):
            counts = cards[column].value_counts()
            self.categories[column] = sorted(counts.index[counts > 1])

    def transform(self, cards: pd.DataFrame) -> sp.csr_matrix:
        there = taken(cards, [*self.numbers, *self.categories])
        blocks = [sp.csr_matrix((len(cards), 0), dtype=np.float32)]
        for column, (median, spread) in self.numbers.items():
            value = there[column].to_numpy(np.float64)
            known = np.isfinite(value)
            scaled = np.where(known, (np.where(known, value, 0) - median) / spread, 0)
            blocks.append(sp.csr_matrix(np.stack([scaled, ~known], 1).astype(np.float32)))
        for column, names in self.categories.items():
            code = pd.Index(names).get_indexer(pd.Index(there[column]))
            rows = np.flatnonzero(code >= 0)
            ones = np.ones(len(rows), np.float32)
            blocks.append(sp.csr_matrix((ones, (rows, code[rows])), (len(cards), len(names))))
        return sp.hstack(blocks, format="csr", dtype=np.float32)

    def state(self) -> dict[str, Any]:
        return {"numbers": self.numbers, "categories": self.categories}

    def restore(self, state: dict[str, Any]) -> None:
        """What `state` gave, through JSON."""
        self.numbers = {column: (median, spread) for column, (median, spread) in state["numbers"].items()}
        self.categories = state["categories"]
