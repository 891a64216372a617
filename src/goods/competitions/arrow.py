"""Columns of files, of parquet whatever type they were written as → plain numbers, texts and flags.

A table may be one file, or a folder of parts as Spark writes it (`train.parquet/part-*.parquet` beside `_SUCCESS`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from pyarrow import types

from goods.core.errors import GoodsError
from goods.core.numbers import flag, whole_number

MAGIC = b"PAR1"
UNREADABLE = "not a readable parquet file"
SHOWN = 300  # signs of what pyarrow says
NAMES, NAME = 20, 40  # columns of a table that a message names, signs of each
EXPECTED = {"json": "str, struct, map or list"}


# ValueError: names of columns that are not UTF-8
DAMAGED = (pa.ArrowException, ValueError, OSError)
UNCONVERTED = (*DAMAGED, OverflowError, LookupError)  # LookupError: a time zone nobody knows


@contextmanager
def readable(
    path: Path,
    problem: str = UNREADABLE,
    mend: str = "copy the file again",
    caught: tuple[type[Exception], ...] = DAMAGED,
) -> Iterator[None]:
    """What pyarrow says of a damaged file becomes a GoodsError."""
    try:
        yield
    except caught as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise GoodsError(f"{path}: {problem} ({reason[:SHOWN]}); {mend}") from None


def is_parquet(path: Path) -> bool:
    """Whether a file is one by its name or by how it begins: it may be damaged."""
    if path.suffix.lower() in (".parquet", ".pq"):
        return True
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def parts_of(path: Path) -> list[Path]:
    """The file itself; of a folder its parquet files by name, but for hidden ones and what begins with "_"."""
    if not path.is_dir():
        return [path]
    names = {part: part.relative_to(path).parts for part in sorted(path.rglob("*.parquet")) if part.is_file()}
    parts = [part for part, name in names.items() if not any(piece[0] in "._" for piece in name)]
    if not parts:
        raise GoodsError(f"{path}: a folder without parquet files; put the table's parts there")
    divided = next((name for part in parts for name in names[part][:-1] if "=" in name), None)
    if divided:
        raise GoodsError(
            f"{path}: its parts are divided by a column ({divided}), which they lack themselves; write the table "
            "without partitionBy"
        )
    return parts


def columns_of(path: Path) -> list[str]:
    """Names of a parquet file's columns, each once; of a folder of parts those that any has."""
    found: dict[str, None] = {}
    for part in parts_of(path):
        with readable(part):
            names = pq.read_schema(part).names
        check_names(names, part)
        found |= dict.fromkeys(names)
    return list(found)


def check_names(names: Iterable[str], path: Path) -> None:
    """GoodsError where a file has several columns of one name, or without one."""
    names = list(names)
    check_nameless([i for i, name in enumerate(names, 1) if not name], path)
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        raise GoodsError(f"{path}: there are several columns {told(twice[:1])!r}; keep one")


def check_nameless(numbers: list[int], path: Path) -> None:
    """GoodsError where a file has several columns without a name, which are those `numbers`, from 1 on."""
    if len(numbers) > 1:
        which = told([str(number) for number in numbers])
        raise GoodsError(
            f"{path}: there are several columns without a name; give each one (they are columns {which})"
        )


def as_texts(names: list[str], read: list[str] | None = None) -> pyarrow.csv.ConvertOptions:
    """Cells of a CSV file with columns `names` as texts, null where empty; of the columns `read`, None: of all."""
    return pyarrow.csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        include_columns=read,
        strings_can_be_null=True,
        null_values=[""],
        quoted_strings_can_be_null=True,
    )


def told(names: list[str]) -> str:
    """Names of columns in one line that a message has room for; one without a name by its number, from 1 on."""
    named = [name or f"column {i} without a name" for i, name in enumerate(names, 1)]
    shown = [(name if name.isprintable() else ascii(name))[:NAME] for name in named[:NAMES]]
    return ", ".join(shown) + (f" and {len(names) - NAMES} more" if len(names) > NAMES else "")


def read_columns(path: Path, columns: list[str], problem: str = UNREADABLE) -> pa.Table:
    """The rows of all parts in order; what pandas or Spark wrote about the table is left out, it may be broken."""
    tables: list[pa.Table] = []
    for part in parts_of(path):
        with readable(part, problem):
            file = pq.ParquetFile(part)
            there = [name for name in columns if name in file.schema_arrow.names]
            table = file.read(columns=there, use_pandas_metadata=False)
        table = table.replace_schema_metadata(None)
        if len(table) or not tables:
            tables.append(table)
    if len(tables) == 1:
        return tables[0].select([name for name in columns if name in tables[0].column_names])
    tables = [with_plain_types(table) for table in tables if len(table)] or tables[:1]
    with readable(path, "its parts have columns of different types", "write it again as one table"):
        joined = pa.concat_tables(tables, promote_options="permissive")
    return joined.select([name for name in columns if name in joined.column_names])


def frame_of(table: pa.Table, path: Path) -> pd.DataFrame:
    """Rows counted from 0, whatever index was saved; whole numbers beside nulls do not become floats. GoodsError naming
    a column whose values Python has no objects for, such as dates of the year 84107 or of unknown time zones."""
    convert = partial(pa.Table.to_pandas, ignore_metadata=True, integer_object_nulls=True)
    try:
        return convert(table)
    except UNCONVERTED:
        for name, column in zip(table.column_names, table.columns, strict=True):
            told = f"column {name!r} of {str(column.type)[:NAME]} cannot be read"
            with readable(path, told, "write it as text", UNCONVERTED):
                convert(pa.table({name: column}))
        raise


def with_plain_types(table: pa.Table) -> pa.Table:
    return pa.table({name: decoded(table[name]) for name in table.column_names})


def decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Categories, views and extension types as the values they stand for."""
    while True:
        type_ = column.type
        if isinstance(type_, pa.BaseExtensionType):
            column = pa.chunked_array([chunk.storage for chunk in column.chunks], type_.storage_type)
        elif types.is_dictionary(type_):
            column = column.cast(type_.value_type)
        elif types.is_string_view(type_):
            return column.cast(pa.large_string())
        elif types.is_binary_view(type_):
            return column.cast(pa.large_binary())
        else:
            return column


def plain(column: pa.ChunkedArray, name: str, kind: str, path: Path) -> pa.ChunkedArray:
    """A column as its kind wants it: 'int' (numbers, floats as they are), 'str', 'bool', 'json' (texts or nested), or
    'any'. GoodsError naming column, row and mend where it cannot be."""
    with readable(path, f"column {name!r} is damaged"):
        column.validate(full=True)  # text that is not UTF-8 would else be met much later
        column = decoded(column)
    type_ = column.type
    if kind == "any" or types.is_null(type_) or (kind == "json" and types.is_nested(type_)):
        return column
    if is_binary(type_):
        with readable(path, f"column {name!r} is damaged", "write it as text in UTF-8"):
            column = column.cast(pa.large_string() if types.is_large_binary(type_) else pa.string())
        type_ = column.type
    is_text = types.is_string(type_) or types.is_large_string(type_)
    if kind in ("str", "json") and is_text:
        return column
    if kind == "int" and (types.is_integer(type_) or types.is_floating(type_)):
        return column
    if kind == "int" and types.is_decimal(type_):
        return parsed(column.cast(pa.string()), name, whole_number, pa.int64(), path)
    if kind == "int" and is_text:
        return parsed(column, name, whole_number, pa.int64(), path)
    if kind == "bool" and (types.is_boolean(type_) or types.is_integer(type_)):
        return column
    if kind == "bool" and (types.is_floating(type_) or types.is_decimal(type_)):
        column = column.cast(pa.float64())
        known = pc.and_kleene(pc.is_valid(column), pc.invert(pc.is_nan(column)))
        return pc.if_else(known, pc.not_equal(column, 0.0), pa.scalar(None, pa.bool_()))
    if kind == "bool" and is_text:
        return parsed(column, name, flag, pa.bool_(), path)
    raise GoodsError(
        f"{path}: column {name!r} is {told([str(type_)])}, expected {EXPECTED.get(kind, kind)}; convert it"
    )


def is_binary(type_: pa.DataType) -> bool:
    return types.is_binary(type_) or types.is_large_binary(type_) or types.is_fixed_size_binary(type_)


def parsed(
    column: pa.ChunkedArray, name: str, reading: Callable[[str], Any], type_: pa.DataType, path: Path
) -> pa.ChunkedArray:
    cells = enumerate(column.to_pylist())
    found = [None if cell is None else parsed_cell(cell, reading, row, name, path) for row, cell in cells]
    return pa.chunked_array([pa.array(found, type_)])


def parsed_cell(cell: str, reading: Callable[[str], Any], row: int, name: str, path: Path) -> Any:
    """What `reading` makes of a cell; GoodsError naming it where that raises a ValueError."""
    try:
        return reading(cell)
    except ValueError as problem:
        raise GoodsError(f"{path}: row {row}: {name!r} {cell[:40]!r} {problem}") from None
