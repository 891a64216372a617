"""The card table that every reader makes and every later stage reads, its rules, and the problems met in raw files.

A row a card: `COLUMNS`; what stands beside the text as number:<column>, float64, and category:<column>, text. Where
attributes are asked for there is a class index per attribute (target_<name>, -1 unknown) besides.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from goods.core.done import check_done
from goods.core.errors import GoodsError
from goods.core.ids import Id, plain_id, with_ids
from goods.core.workspace import Workspace

TEXT_FIELDS = ("title", "description", "attributes", "shop")

COLUMNS = ("product_id", "split", *TEXT_FIELDS, "sale", "image", "target")

UNLABELLED = "unlabelled"  # split of cards that are neither scored nor submitted
PHOTO = "photo"  # column of a reader's cards that names the photo of each, where ids do not

NUMBER, CATEGORY = "number:", "category:"  # how columns begin that are kept beside the text, as they came

EXCERPT = 80  # signs of a cell that a message shows


@dataclass
class Issues:
    """Input problems met on the way; written to issues.parquet."""

    rows: list[tuple[Id, str, str, str]] = field(default_factory=list)
    unreadable: dict[str, list[tuple[Id, str]]] = field(
        default_factory=dict
    )  # column → its cards and their cells
    mends: dict[str, str] = field(default_factory=dict)  # column → what makes its cells readable

    def add(self, product_id: Id, field_: str, problem: str, action: str) -> None:
        self.rows.append((plain_id(product_id), field_, problem, action))

    def add_unreadable(
        self,
        product_id: Id,
        field_: str,
        problem: str,
        action: str,
        cell: object,
        mend: str = "write that column as JSON",
    ) -> None:
        """A cell of which nothing could be read: too many in a column end `prepare`, which tells the `mend`."""
        self.mends[field_] = mend
        self.add(product_id, field_, problem, action)
        told = " ".join(repr(cell).split())  # that of an array has several lines
        self.unreadable.setdefault(field_, []).append((plain_id(product_id), told[:EXCERPT]))

    def table(self) -> pd.DataFrame:
        table = pd.DataFrame(self.rows, columns=["product_id", "field", "problem", "action"])
        return with_ids(table.astype({"field": "str", "problem": "str", "action": "str"}))


def validate(cards: pd.DataFrame, n_classes: int) -> None:
    """Raise unless `cards` keeps the contract of this module."""
    expected = (*COLUMNS, *beside_text(cards))
    if tuple(cards.columns) != expected:
        raise GoodsError(f"card table has columns {list(cards.columns)}, expected {list(expected)}")
    if not cards.product_id.is_unique:
        twice = cards.product_id[cards.product_id.duplicated()].iloc[0]
        raise GoodsError(
            f"product id {twice} occurs twice in the card table; give each card an id of its own"
        )
    train = cards.split == "train"
    if not train.any() or train.all():
        raise GoodsError(
            f"card table: there are {train.sum()} train cards and {(~train).sum()} others; give both"
        )
    if not cards.target[train].between(0, n_classes - 1).all() or (cards.target[~train] != -1).any():
        raise GoodsError(f"card targets: expected 0 to {n_classes - 1} of train cards and -1 of others")
    if cards[[*TEXT_FIELDS, *category_columns(cards)]].isna().any(axis=None):
        raise GoodsError(
            f"card table: null in {', '.join(cards.columns[cards.isna().any()])}; expected '' where a text "
            "is missing"
        )
    if any(cards[column].dtype != "float64" for column in number_columns(cards)):
        raise GoodsError(f"card table: expected float64 in {', '.join(number_columns(cards))}")


def number_columns(cards: pd.DataFrame) -> list[str]:
    """`number:<column>`, each float64, NaN where a card has none."""
    return [column for column in cards.columns if column.startswith(NUMBER)]


def category_columns(cards: pd.DataFrame) -> list[str]:
    """`category:<column>`, each text, "" where a card has none."""
    return [column for column in cards.columns if column.startswith(CATEGORY)]


def photo_names(cards: pd.DataFrame) -> dict[Id, str]:
    """product_id → path or name of its photo, as the table says; of cards that have one."""
    named = zip(cards.product_id.tolist(), cards[PHOTO].tolist(), strict=True)
    return {product_id: name for product_id, name in named if name}


def beside_text(cards: pd.DataFrame) -> list[str]:
    """Columns of numbers, then those of categories."""
    return [*number_columns(cards), *category_columns(cards)]


def has_photo(cards: pd.DataFrame) -> np.ndarray:
    """bool [n]"""
    return np.array([isinstance(ref, str) for ref in cards.image], bool)


def load_cards(ws: Workspace) -> pd.DataFrame:
    """Train and test cards."""
    cards = load_all_cards(ws)
    asked = cards.split != UNLABELLED
    return cards if asked.all() else cards[asked].reset_index(drop=True)


def count_cards(ws: Workspace) -> int:
    """As many as `load_cards` has."""
    check_prepared(ws)
    return int((pd.read_parquet(ws.cards, columns=["split"]).split != UNLABELLED).sum())


def load_asked_ids(ws: Workspace) -> pd.Series:
    """Ids of the train and test cards, as `load_cards` has them."""
    check_prepared(ws)
    cards = pd.read_parquet(ws.cards, columns=["product_id", "split"])
    return cards.product_id[cards.split != UNLABELLED].reset_index(drop=True)


def load_ids(ws: Workspace) -> pd.Series:
    """Ids of all cards, those without a label among them."""
    check_prepared(ws)
    return pd.read_parquet(ws.cards, columns=["product_id"]).product_id


def load_all_cards(ws: Workspace) -> pd.DataFrame:
    """Those without a label too: for what learns from cards without their labels."""
    check_prepared(ws)
    return pd.read_parquet(ws.cards)


def check_prepared(ws: Workspace) -> None:
    """GoodsError unless prepared/ is finished and whole."""
    check_done(ws.prepared, "missing", f"run scripts/prepare.py {ws.whole.competition} first")


def select(cards: pd.DataFrame, split: str) -> pd.DataFrame:
    return cards[cards.split == split].reset_index(drop=True)
