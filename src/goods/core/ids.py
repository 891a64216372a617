"""Ids of products: whole numbers, or texts that are kept as they are written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

Id = int | str

WHOLE = re.compile("[-+]?[0-9]{1,19}")  # as many digits as 64 bits may hold


def plain_id(value: Any) -> Id:
    """A cell of an id column as JSON and parquet take it."""
    return str(value) if isinstance(value, str) else int(value)


def id_array(ids: pd.Series) -> np.ndarray:
    """int64 [n]; of texts unicode [n] of one width, which npz files hold without pickle."""
    return ids.to_numpy(np.int64) if ids.dtype.kind in "iu" else np.array(ids.tolist(), np.str_)


def same_kind(ids: Sequence[Id], known: pd.Series) -> list[Id]:
    """Ids as they were written on a command line, as numbers where the known ones are; what is no number stays."""
    if known.dtype.kind not in "iu":
        return list(ids)
    return [int(id_) if _is_number(id_) else id_ for id_ in ids]


def _is_number(id_: Id) -> bool:
    return not isinstance(id_, str) or bool(WHOLE.fullmatch(id_) and -(2**63) <= int(id_) < 2**63)


def with_ids(table: pd.DataFrame, column: str = "product_id") -> pd.DataFrame:
    """The table with its ids int64, or text where any is one."""
    texts = any(isinstance(id_, str) for id_ in table[column].tolist())
    return table.astype({column: "str" if texts else "int64"})
