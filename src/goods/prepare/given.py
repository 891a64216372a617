"""Folds that somebody else has dealt: a file of (id, fold), or of the ids that are scored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from goods.core.errors import GoodsError, within
from goods.core.folders import check_is_file
from goods.core.numbers import EXACT, ROUNDED
from goods.core.wording import in_a_line
from goods.problems.folds import UNSCORED
from goods.problems.grouping import groups_by

ID = ("product_id", "id")  # what the column of ids may be called; else it is the first of the file


def given_folds(path: Path, train: pd.DataFrame, known: pd.Series, n_folds: int) -> pd.DataFrame:
    """(fold int8, and group int64 where the file has one) of the `train` rows, in their order. `known` are the ids of
    all train cards of the competition, each of which the file may name once, and of `train` has to."""
    table = read_table(path)
    column = id_column(table, path)
    ids = ids_of(table, column, path, known)
    if "fold" not in table:
        raise GoodsError(
            f"{path}: column 'fold' is missing (it has {', '.join(map(str, table.columns))}); give id and fold"
        )
    check_ids(ids, known, column, path)
    table = table.set_index(ids.to_numpy())
    missing = ~train.product_id.isin(table.index)
    if missing.any():
        raise GoodsError(
            f"{path}: {missing.sum()} of {len(train)} train cards are missing, {column} "
            f"{train.product_id[missing].iloc[0]} for one; give each a fold"
        )
    table = table.loc[train.product_id]
    number = numbers_of(table.fold)
    bad = ~(number.between(0, n_folds - 1) & (number % 1 == 0))
    if bad.any():
        row = int(np.argmax(bad))
        raise GoodsError(
            f"{path}: fold of {column} {number.index[row]} is {table.fold.iloc[row]}, expected 0 to "
            f"{n_folds - 1}; mend it, or set n_folds in competition.yaml"
        )
    sizes = np.bincount(number.astype(int), minlength=n_folds)
    if (sizes == 0).any():
        raise GoodsError(
            f"{path}: fold {int(np.argmin(sizes))} is empty, n_folds is {n_folds}; give folds 0 to {n_folds - 1}, or "
            "set n_folds in competition.yaml"
        )
    found = pd.DataFrame({"fold": number.to_numpy(np.int8)})
    return found.assign(group=groups_by(table, "group")) if "group" in table else found


def validation_fold(path: Path, train: pd.DataFrame, known: pd.Series) -> np.ndarray:
    """int8 [n]: 0 for the `train` rows that the file names, UNSCORED for the others."""
    table = read_table(path)
    column = id_column(table, path)
    ids = ids_of(table, column, path, known)
    check_ids(ids, known, column, path)
    scored = train.product_id.isin(ids).to_numpy()
    if not scored.any() or scored.all():
        raise GoodsError(
            f"{path}: names {scored.sum()} of {len(train)} train cards; name a part of them, the others are "
            "fitted on"
        )
    return np.where(scored, 0, UNSCORED).astype(np.int8)


def check_parted(path: Path, fold: np.ndarray, groups: np.ndarray | None, train: pd.DataFrame) -> None:
    """GoodsError where two folds hold cards of one group."""
    if groups is None:
        return
    first = pd.Series(fold).groupby(groups).transform("first").to_numpy()
    parted = np.flatnonzero(fold != first)
    if len(parted):
        one = int(np.flatnonzero(groups == groups[parted[0]])[0])
        a, b = train.product_id.iloc[one], train.product_id.iloc[parted[0]]
        raise GoodsError(
            f"{path}: product_id {a} and {b} are of one group and in folds {fold[one]} and {fold[parted[0]]}; put a "
            "group in one fold (group column, group_by and group_near_duplicates say what is one)"
        )


def read_table(path: Path) -> pd.DataFrame:
    check_is_file(path, "a .parquet or .csv file of folds")
    kind = path.suffix.lower()
    if kind not in (".parquet", ".csv"):
        raise GoodsError(f"{path}: expected a .parquet or .csv file")
    try:
        with within(str(path)):
            table = pd.read_parquet(path) if kind == ".parquet" else pd.read_csv(path, dtype=str)
    except (OSError, ValueError) as error:
        raise GoodsError(f"{path}: not readable ({in_a_line(error)}); write it again") from None
    if table.empty:
        raise GoodsError(f"{path}: holds no rows; give a row for each card")
    if twice := [
        name for name in (*ID, "fold", "group") if f"{name}.1" in table
    ]:  # as pandas calls the second
        raise GoodsError(f"{path}: there are several columns {twice[0]!r}; keep one")
    return table


def id_column(table: pd.DataFrame, path: Path) -> str:
    return next((name for name in ID if name in table), str(table.columns[0]))


def ids_of(table: pd.DataFrame, column: str, path: Path, known: pd.Series) -> pd.Series:
    """Ids of the file's rows, each once: whole numbers or texts, as those that are `known`."""
    if not pd.api.types.is_integer_dtype(known):
        return each_once(table[column].astype("str"), column, path)
    values = numbers_of(table[column])
    bad = values.isna() | (values % 1 != 0)
    if bad.any():
        row = int(bad.to_numpy().argmax())
        raise GoodsError(
            f"{path}: row {row}: {column!r} is {table[column].iloc[row]}, not a whole number; mend that row"
        )
    rounded = (values.abs() >= EXACT).to_numpy(bool)
    if values.dtype.kind == "f" and rounded.any():
        row = int(rounded.argmax())
        raise GoodsError(f"{path}: row {row}: {column!r} {values.iloc[row]:.0f} {ROUNDED}")
    return each_once(values.astype("int64"), column, path)


def numbers_of(column: pd.Series) -> pd.Series:
    """NaN for what is no number, lists among it."""
    try:
        return pd.to_numeric(column, errors="coerce")
    except TypeError:
        return pd.to_numeric(column.map(str), errors="coerce")


def each_once(ids: pd.Series, column: str, path: Path) -> pd.Series:
    if not ids.is_unique:
        raise GoodsError(
            f"{path}: {column} {ids[ids.duplicated()].iloc[0]} occurs twice; give each card once"
        )
    return ids


def check_ids(ids: pd.Series, known: pd.Series, column: str, path: Path) -> None:
    unknown = ids[~ids.isin(known)]
    if len(unknown):
        raise GoodsError(
            f"{path}: {column} {unknown.iloc[0]} is no train card; leave out such rows ({len(unknown)})"
        )
