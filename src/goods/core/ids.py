"""Ids of products: whole numbers, or texts that are kept as they are written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from goods.core.numbers import whole_number

Id = int | str
LEADING_ZERO = re.compile(r"\s*[-+]?0[0-9]")


def plain_id(value: Any) -> Id:
    """A cell of an id column as JSON and parquet take it."""
    return str(value) if isinstance(value, str) else int(value)


def are_numbers(ids: pd.Series) -> bool:
    """Whether a column has whole numbers, and nulls at most beside them."""
    return ids.dtype.kind in "iu"


def id_array(ids: pd.Series) -> np.ndarray:
    """int64 [n]; of texts unicode [n] of one width, which npz files hold without pickle."""
    return ids.to_numpy(np.int64) if are_numbers(ids) else np.array(ids.tolist(), np.str_)


def numbered(ids: pd.Series) -> np.ndarray:
    """int64 [n] in the same order as the ids: whole numbers as they are, of texts their places, sorted; each id is
    there once."""
    return ids.to_numpy(np.int64) if are_numbers(ids) else pd.factorize(ids, sort=True)[0]


def same_kind(ids: Sequence[Id], known: pd.Series) -> list[Id]:
    """Ids as they were written on a command line, as the known ones are: a whole number, however it is spelled (7, 7.0,
    1,234), stands for the known one that is the same number; what is none stays, and so does, where known ones are
    texts, one that begins with a zero: "07" is not "7"."""
    if are_numbers(known):
        return [id_ if (number := number_of(id_)) is None else number for id_ in ids]
    written = set(known)
    if written.issuperset(ids):
        return list(ids)
    spelled: dict[int, list[Id]] = {}
    for one in known:
        if (number := number_of(one)) is not None:
            spelled.setdefault(number, []).append(one)

    def meant(id_: Id) -> Id:
        number = None if id_ in written or LEADING_ZERO.match(str(id_)) else number_of(id_)
        found = [] if number is None else spelled.get(number, [])
        return found[0] if len(found) == 1 else id_

    return [meant(id_) for id_ in ids]


def number_of(id_: Id) -> int | None:
    """The whole number of 64 bits that an id writes; None where it is a text."""
    try:
        return whole_number(str(id_))
    except ValueError:
        return None


def as_whole(ids: pd.Series) -> pd.Series:
    """int64, where all ids are whole numbers, however they are spelled; else as they are."""
    numbers = [number_of(id_) for id_ in ids.tolist()]
    return ids if None in numbers else pd.Series(numbers, ids.index, "int64")


def with_ids(table: pd.DataFrame, column: str = "product_id") -> pd.DataFrame:
    """The table with its ids int64, or text where any is one."""
    texts = any(isinstance(id_, str) for id_ in table[column].tolist())
    return table.astype({column: "str" if texts else "int64"})
