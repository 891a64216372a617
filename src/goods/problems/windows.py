"""Folds in the order of time: each is scored by models of what came before it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from goods.core.errors import GoodsError
from goods.problems.folds import UNSCORED
from goods.problems.grouping import column_of


def windows(train: pd.DataFrame, column: str, n_folds: int) -> np.ndarray:
    """int8 [n]: n_folds + 1 windows of about equal size in the order of `column`, of which the first is only fitted on
    (UNSCORED) and the others are folds 0 … n_folds − 1. Cards of one time are in one window."""
    time = times(train, column)
    _, at, counts = np.unique(time, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2  # where a moment's cards stand in the whole
    window = np.minimum((middle * (n_folds + 1) / len(time)).astype(int), n_folds)[at]
    there = np.bincount(window, minlength=n_folds + 1)
    if (there == 0).any():
        raise GoodsError(
            f"order_by: {column} has {len(counts)} different values, too few or too unlike in size for "
            f"{n_folds + 1} windows; lower n_folds"
        )
    return np.where(window == 0, UNSCORED, window - 1).astype(np.int8)


def times(train: pd.DataFrame, column: str) -> np.ndarray:
    """float64 or int64 [n] that grow with time: numbers as they are, dates and texts of dates as nanoseconds."""
    values = column_of(train, column, "order_by")
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values):
        found = values
    else:
        found = pd.to_numeric(values, errors="coerce")
        if found.isna().any():
            found = pd.to_datetime(values, errors="coerce", format="ISO8601", utc=True)
    if found.isna().any():
        row = int(np.flatnonzero(found.isna())[0])
        raise GoodsError(
            f"order_by: {column} of product_id {train.product_id.iloc[row]} is {values.tolist()[row]!r}; "
            "expected a number or a "
            "date such as 2024-05-31 of every train card"
        )
    return found.astype("int64").to_numpy() if "datetime" in str(found.dtype) else found.to_numpy()
