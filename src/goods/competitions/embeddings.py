"""Columns of vectors, or of lists of vectors, of a parquet file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from goods.cards.table import Issues
from goods.competitions.arrow import columns_of, decoded, read_columns, told
from goods.core.errors import GoodsError
from goods.core.wording import count

HUGE = 1e15  # no embedding has such numbers, and their squares would be infinite


def vectors_of(path: Path, column: str, ids: np.ndarray, issues: Issues) -> tuple[np.ndarray, np.ndarray]:
    """(owner int64 [m] row in the file, float32 [m, d]) of a column of vectors or of lists of vectors.

    A vector of another length than most, or with a value that is no number, is left out and noted.
    """
    nothing = np.empty(0, np.int64), np.empty((0, 0), np.float32)
    if column not in columns_of(path):
        return nothing
    table = read_columns(path, [column], f"column {column!r} cannot be read")
    listed = decoded(table[column]).combine_chunks()
    if isinstance(listed, pa.ChunkedArray):
        listed = pa.concat_arrays(listed.chunks)
    if pa.types.is_null(listed.type):
        return nothing
    owner = np.arange(len(listed))
    if not _is_list(listed.type):
        raise no_vectors(path, column, listed.type)
    if _is_list(listed.type.value_type):
        owner = np.asarray(pc.list_parent_indices(listed), np.int64)
        listed = pc.list_flatten(listed)
    if pa.types.is_null(listed.type) or pa.types.is_null(listed.type.value_type):
        return nothing  # empty lists alone
    if not pa.types.is_floating(listed.type.value_type) and not pa.types.is_integer(listed.type.value_type):
        raise no_vectors(path, column, listed.type)
    lengths = np.asarray(pc.fill_null(pc.list_value_length(listed), 0), np.int64)
    if not (lengths > 0).any():
        return nothing
    width = int(np.bincount(lengths[lengths > 0]).argmax())
    fits = lengths == width
    values = pc.list_flatten(listed.filter(pa.array(fits))).to_numpy(zero_copy_only=False)
    with np.errstate(over="ignore"):  # what is beyond 32 bits is left out as endless
        vectors = values.astype(np.float32).reshape(-1, width)
    finite = (np.abs(vectors) < HUGE).all(1)  # not so of what is no number
    kept = "matched without that vector"
    odd = (lengths > 0) & ~fits
    for row, first in zip(*np.unique(owner[odd], return_index=True), strict=True):
        length = count(int(lengths[odd][first]), "number")
        issues.add(ids[row], column, f"a vector of {length}, where most are of {width}", kept)
    for row in np.unique(owner[fits][~finite]):
        problem = f"a vector with a number that is missing, infinite or beyond {HUGE:g}"
        issues.add(ids[row], column, problem, kept)
    return owner[fits][finite], vectors[finite]


def no_vectors(path: Path, column: str, type_: pa.DataType) -> GoodsError:
    return GoodsError(
        f"{path}: column {column!r} is {told([str(type_)])}, expected lists of numbers; convert it"
    )


def _is_list(type_: pa.DataType) -> bool:
    return pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_)
