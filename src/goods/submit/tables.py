"""Rows of result.parquet, and their check."""

from __future__ import annotations

import numpy as np
import pandas as pd

from goods.cards.labels import Labels
from goods.competitions.ozon import PAIR_IDS
from goods.competitions.ozon import SUBMISSION_COLUMNS as PAIR_COLUMNS
from goods.core.errors import GoodsError
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace

SCHOOL_ID = "nm"


def decode(predictions: Predictions, labels: Labels) -> np.ndarray:
    """int64 [n] contest ids of the most probable classes."""
    return np.array(labels.ids, np.int64)[predictions.classes[:, 0]]


def submission_table(predictions: Predictions, labels: Labels, columns: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame({columns[0]: predictions.product_id, columns[1]: decode(predictions, labels)})


def attributes_table(spaces: list[Workspace], found: list[Predictions]) -> pd.DataFrame:
    """`nm`, then each attribute's class name and, float32 beside it, how sure it is."""
    table = pd.DataFrame({SCHOOL_ID: found[0].product_id})
    for space, predictions in zip(spaces, found, strict=True):
        names = np.array(class_names(Labels.load(space)), dtype=object)
        table[attribute_of(space)] = names[predictions.classes[:, 0]]
        table[f"{attribute_of(space)}_confidence"] = predictions.proba[:, 0]
    return table


def attribute_of(ws: Workspace) -> str:
    return ws.competition.rpartition("/")[2]


def class_names(labels: Labels) -> list[str]:
    return [path[-1] for path in labels.paths]


def check_ids(table: pd.DataFrame, column: str, ids: np.ndarray) -> None:
    """Raise unless there is one int64 row per test id."""
    if table[column].dtype != np.int64:
        raise GoodsError(f"submission column {column!r} is {table[column].dtype}, expected int64")
    if not table[column].is_unique:
        raise GoodsError(f"submission: {column} occurs twice")
    if set(table[column].tolist()) != set(ids.tolist()):
        raise GoodsError("submission: the ids are not exactly those of the test cards")


def check_attributes(table: pd.DataFrame, ids: np.ndarray, classes: dict[str, list[str]]) -> None:
    """Raise unless the table is what the school takes: `nm`, then each attribute and its confidence."""
    expected = [SCHOOL_ID, *(column for name in classes for column in (name, f"{name}_confidence"))]
    if list(table.columns) != expected:
        raise GoodsError(f"submission has columns {list(table.columns)}, expected {expected}")
    check_ids(table, SCHOOL_ID, ids)
    for name, known in classes.items():
        unknown = set(table[name]) - set(known)
        if unknown:
            raise GoodsError(f"submission: {min(unknown, key=str)!r} is no class of {name}")
        if not table[f"{name}_confidence"].between(0, 1 + 1e-5).all():
            raise GoodsError(f"submission: {name}_confidence is outside 0 … 1")


def pairs_table(pairs: pd.DataFrame, predictions: Predictions) -> pd.DataFrame:
    """variantid1, variantid2 and the probability of a match, row by row as the pairs were given."""
    score = predictions.aligned(pairs.product_id.to_numpy()).proba_of(1)
    return pd.DataFrame({**{name: pairs[name].to_numpy() for name in PAIR_IDS}, PAIR_COLUMNS[-1]: score})


def check_pairs(table: pd.DataFrame, pairs: pd.DataFrame) -> None:
    """Raise unless the table is what the matching contest takes: every test pair, in order, with a finite score."""
    if tuple(table.columns) != PAIR_COLUMNS:
        raise GoodsError(f"submission has columns {list(table.columns)}, expected {list(PAIR_COLUMNS)}")
    for name in PAIR_IDS:
        if table[name].dtype != np.int64 or not np.array_equal(table[name], pairs[name]):
            raise GoodsError(f"submission: column {name} is not that of the test pairs")
    if not table.target.between(0, 1).all():
        raise GoodsError("submission: a score is outside 0 … 1")


def check_submission(
    table: pd.DataFrame, columns: tuple[str, str], ids: np.ndarray, known: list[int]
) -> None:
    """Raise unless the table is what the contest takes: one int64 row per test id, known categories only."""
    if tuple(table.columns) != columns:
        raise GoodsError(f"submission has columns {list(table.columns)}, expected {list(columns)}")
    check_ids(table, columns[0], ids)
    if table[columns[1]].dtype != np.int64:
        raise GoodsError(f"submission column {columns[1]!r} is {table[columns[1]].dtype}, expected int64")
    unknown = set(table[columns[1]].tolist()) - set(known)
    if unknown:
        raise GoodsError(
            f"submission: category {min(unknown)} is neither a train card's nor a leaf of the tree"
        )
