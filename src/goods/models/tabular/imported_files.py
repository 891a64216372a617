"""Files of predictions in the layouts that other tools write → predictions by card and class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from goods.cards.labels import BOOL, Labels
from goods.core.artifacts import read_npz
from goods.core.errors import GoodsError
from goods.core.log import say
from goods.core.numbers import EXACT
from goods.core.predictions import BLOCK, TOP_K, Predictions, best_classes

LONG = ["class", "probability"]  # columns beside the id where a row is one class of a card
OFF = 1e-3  # of a card's sum from 1 that goes without a word


def read_predictions(path: Path, id_: str, labels: Labels, dtype: Any, loud: bool = True) -> Predictions:
    """The 32 likeliest classes of each card, of a sum of 1; ids of the `dtype` that the cards' have. GoodsError where
    the file is missing, damaged, in another layout, names an unknown class, or holds what is no probability; `loud`
    says so where cards are scaled."""
    if not path.is_file():
        raise GoodsError(f"{path}: no such file of predictions; mend oof: or test: of the experiment")
    if path.suffix == ".npz":
        ids, codes, proba = _of_arrays(path, labels)
    else:
        ids, codes, proba = _of_table(path, id_, labels)
    ids = _like_cards(ids, dtype, path, id_)
    twice = pd.Index(ids).duplicated()
    if twice.any():
        raise GoodsError(f"{path}: the id {ids[twice][0]} stands twice; write each card once")
    return _normalised(path, ids, codes, proba, loud)


def _of_table(path: Path, id_: str, labels: Labels) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(ids [n], class indices int [n, k], float32 [n, k])"""
    table = _read(path, id_)
    if id_ not in table:
        there = ", ".join(map(str, table.columns[:20]))
        raise GoodsError(f"{path}: no column {id_!r} of ids; set id: to one of {there}")
    if (empty := table[id_].isna().to_numpy()).any():
        raise GoodsError(f"{path}: row {int(empty.argmax())}: {id_!r} is empty; give that row its id")
    if sorted(map(str, table.columns)) == sorted([id_, *LONG]):
        return _of_long(path, table, id_, labels)
    columns = [column for column in table.columns if column != id_]
    if not columns:
        raise GoodsError(f"{path}: there is no column but {id_!r}; write one of probabilities for each class")
    proba = np.stack([_numbers(path, table[column]) for column in columns], 1)
    codes = _class_codes(path, [str(column) for column in columns], labels)
    return table[id_].to_numpy(), np.tile(codes, (len(table), 1)), proba


def _of_long(
    path: Path, table: pd.DataFrame, id_: str, labels: Labels
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A row per card and class: cards of fewer classes are filled up with others at 0."""
    names, which = np.unique(table["class"].astype(str).to_numpy(str), return_inverse=True)
    codes = _class_codes(path, names.tolist(), labels)
    if table.duplicated([id_, "class"]).any():
        twice = table[table.duplicated([id_, "class"])].iloc[0]
        raise GoodsError(
            f"{path}: class {twice['class']} of the id {twice[id_]} stands twice; write each class of a "
            "card once"
        )
    card, ids = pd.factorize(table[id_])
    dense = np.zeros((len(ids), len(names)), np.float32)
    dense[card, which] = _numbers(path, table["probability"])
    return np.asarray(ids), np.tile(codes, (len(ids), 1)), dense


def _of_arrays(path: Path, labels: Labels) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`classes` are names or ids [C] of the columns of `proba` [n, C], or class indices [n, k] as in runs here."""
    arrays = read_npz(path, "product_id", "classes", "proba")
    ids, classes, proba = arrays["product_id"], arrays["classes"], arrays["proba"]
    if proba.dtype.kind not in "fiu" or (classes.ndim > 1 and classes.dtype.kind not in "iu"):
        raise GoodsError(
            f"{path}: proba is of {proba.dtype}, classes of {classes.dtype}; write numbers, and indices of classes"
        )
    proba = proba.astype(np.float32)
    if classes.ndim == 1:
        classes = np.tile(_class_codes(path, classes.astype(str).tolist(), labels), (len(ids), 1))
    if ids.ndim != 1 or classes.shape != proba.shape or len(classes) != len(ids):
        raise GoodsError(
            f"{path}: product_id, classes and proba do not go together: {ids.shape}, {classes.shape}, "
            f"{proba.shape}; write a row per card in each"
        )
    if classes.size and not (classes.min() >= 0 and classes.max() < labels.n_classes):
        raise GoodsError(
            f"{path}: class {classes.max()} is none of the {labels.n_classes} classes; write their ids"
        )
    # what a row is filled up with has no probability and may be any class
    given = np.sort(np.where(proba == 0, -1, classes), axis=1)
    again = (given[:, 1:] == given[:, :-1]) & (given[:, 1:] >= 0)
    if again.any():
        row, column = np.argwhere(again)[0]
        raise GoodsError(
            f"{path}: class {given[row, column]} of the id {ids[row]} stands twice; write each class of a card once"
        )
    return ids, classes, proba


def _read(path: Path, id_: str) -> pd.DataFrame:
    try:
        if path.suffix == ".parquet":
            frame = pq.read_table(path).to_pandas()
            return frame.reset_index() if id_ in frame.index.names and id_ not in frame else frame
        # "NA" may be an id or a class
        return pd.read_csv(path, dtype={id_: str, "class": str}, keep_default_na=False, na_values=[""])
    except (pa.ArrowException, ValueError, OSError) as error:  # pandas' errors of parsing are ValueErrors
        told = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise GoodsError(
            f"{path}: not readable as {path.suffix or 'a table'} ({told}); write it again"
        ) from None


def _numbers(path: Path, column: pd.Series) -> np.ndarray:
    try:
        return column.to_numpy(np.float32)
    except (ValueError, TypeError):
        raise GoodsError(
            f"{path}: column {column.name!r} is {column.dtype}, expected probabilities"
        ) from None


def _class_codes(path: Path, names: list[str], labels: Labels) -> np.ndarray:
    """int32 [C] class indices of ids or, where they are none, names of classes."""
    if labels.kind == BOOL:  # True, as tools write it
        names = [name.lower() for name in names]
    by_id = {str(id_): c for c, id_ in enumerate(labels.ids)}
    bearers: dict[str, list[str]] = {}
    for id_, name in zip(by_id, labels.names, strict=True):
        bearers.setdefault(name, []).append(id_)
    by_name = {name: by_id[ids[0]] for name, ids in bearers.items()}
    codes = by_id if set(names) <= set(by_id) else by_name
    unknown = sorted(set(names) - set(codes), key=lambda name: (name in by_id, name))
    if unknown:
        raise GoodsError(
            f"{path}: {unknown[0]!r} is neither the id nor the name of a class; write ids such as "
            f"{', '.join(list(by_id)[:5])}"
        )
    doubtful = [name for name in names if codes is by_name and len(bearers[name]) > 1]
    if doubtful:
        raise GoodsError(
            f"{path}: {doubtful[0]!r} is the name of the classes {' and '.join(bearers[doubtful[0]][:2])}; write "
            "their ids"
        )
    if len(set(names)) < len(names):
        raise GoodsError(f"{path}: a class stands twice; give each one column")
    return np.array([codes[name] for name in names], np.int32)


def _like_cards(ids: np.ndarray, dtype: Any, path: Path, id_: str) -> np.ndarray:
    """As the cards' ids are: whole numbers, or text."""
    if not np.issubdtype(dtype, np.integer):
        return np.asarray(ids).astype(str)
    try:
        whole = pd.Series(ids).astype("int64").to_numpy()
        if np.issubdtype(np.asarray(ids).dtype, np.number) and (whole != ids).any():
            raise ValueError(f"{ids[whole != ids][0]}")
        if np.asarray(ids).dtype.kind == "f" and (np.abs(whole) >= EXACT).any():
            raise ValueError(f"{whole[np.abs(whole) >= EXACT][0]} went through a float")
    except (ValueError, TypeError, OverflowError) as error:
        raise GoodsError(
            f"{path}: an id in {id_} is no whole number, as the cards' are ({error}); write the cards' own"
        ) from None
    return whole


def _normalised(path: Path, ids: np.ndarray, codes: np.ndarray, proba: np.ndarray, loud: bool) -> Predictions:
    wrong = ~np.isfinite(proba).all(1) | (proba < 0).any(1)
    if wrong.any():
        raise GoodsError(
            f"{path}: the id {ids[wrong][0]} has no probability, or one below 0; write probabilities, not scores"
        )
    sums = proba.sum(1, dtype=np.float64)
    if not sums.all():
        raise GoodsError(f"{path}: all classes of the id {ids[sums == 0][0]} are 0; give it probabilities")
    if (np.abs(sums - 1) > OFF).any() and loud:
        say(f"{path}: cards sum to {sums.min():.4g} … {sums.max():.4g}: each is scaled to 1")
    kept = min(TOP_K, proba.shape[1])
    classes, values = np.empty((len(ids), kept), np.int32), np.empty((len(ids), kept), np.float32)
    for start in range(0, len(ids), BLOCK):
        rows = slice(start, start + BLOCK)
        best, values[rows] = best_classes((proba[rows] / sums[rows, None]).astype(np.float32), kept)
        classes[rows] = np.take_along_axis(codes[rows], best, 1)
    return Predictions(ids, classes, values)
