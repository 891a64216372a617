"""What may be wrong with a table: its columns, their types, cells, rows, and how it is written."""

from __future__ import annotations

import datetime
import decimal
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from corpus.values import NUMBERS, odd_value

Dice = random.Random


def some_cells(dice: Dice, column: list[Any]) -> list[int]:
    n = dice.choice([1, 1, 2, len(column) // 2, len(column)])
    return dice.sample(range(len(column)), min(n, len(column)))


def cells(dice: Dice, values: list[Any]) -> list[Any]:
    for row in some_cells(dice, values):
        values[row] = odd_value(dice, values[row])
    return values


def odd_cells(dice: Dice, table: pa.Table) -> pa.Table:
    at = dice.randrange(table.num_columns)
    values = cells(dice, table.column(at).to_pylist())
    try:
        column = pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):  # of several types: as text
        column = pa.array([None if v is None else str(v) for v in values], pa.large_string())
    return with_column(table, at, column)


def with_column(table: pa.Table, at: int, column: Any) -> pa.Table:
    return table.set_column(at, table.column_names[at], column)


def retyped(dice: Dice, table: pa.Table) -> pa.Table:
    """A column's values as they are, in another type; cells that it cannot hold are null."""
    at = dice.randrange(table.num_columns)
    make, type_ = dice.choice(TYPES)
    found = []
    for value in table.column(at).to_pylist():
        try:
            found.append(pa.scalar(make(value), type_).as_py())
        except (ValueError, TypeError, ArithmeticError, RecursionError, pa.ArrowException, AttributeError):
            found.append(None)
    column = pa.array(found, type_)
    if dice.random() < 0.2 and pa.types.is_primitive(column.type):
        column = column.dictionary_encode()
    return with_column(table, at, column)


DAY = datetime.datetime(2023, 1, 1)
TYPES: list[tuple[Callable[[Any], Any], pa.DataType]] = [
    *((str, pa.string()), (str, pa.large_string()), (str, pa.string_view())),
    *((lambda v: str(v).encode(), pa.binary()), (lambda v: str(v).encode("cp1251"), pa.binary())),
    *((lambda v: str(v).encode("utf-16"), pa.large_binary()), (lambda v: b"0123", pa.binary(4))),
    *(
        (float, pa.float64()),
        (float, pa.float32()),
        (float, pa.float16()),
        (lambda v: float(v) + 0.5, pa.float64()),
    ),
    *((int, pa.int8()), (int, pa.int16()), (int, pa.int32()), (int, pa.uint64()), (bool, pa.bool_())),
    *(
        (lambda v: int(v) + 2**60, pa.int64()),
        (lambda v: -int(v), pa.int64()),
        (lambda v: f"{v}.0", pa.string()),
    ),
    *((lambda v: int(v) + 2**63, pa.uint64()), (lambda v: decimal.Decimal(str(v)), pa.decimal128(20, 3))),
    *((lambda v: [v], pa.list_(pa.string())), (lambda v: [float(v)], pa.list_(pa.float32(), 1))),
    *((lambda v: {"a": str(v)}, pa.struct([("a", pa.string())])), (lambda v: DAY, pa.timestamp("us"))),
    *(
        (lambda v: [(str(v), 1)], pa.map_(pa.string(), pa.int64())),
        (lambda v: [[v]], pa.list_(pa.list_(pa.int64()))),
    ),
    *((lambda v: None, pa.null()), (lambda v: None, pa.string()), (lambda v: DAY.date(), pa.date32())),
    *((json.dumps, pa.string()), (json.loads, pa.struct([("title", pa.string())]))),
]


def renamed(dice: Dice, table: pa.Table) -> pa.Table:
    names = list(table.column_names)
    at = dice.randrange(len(names))
    other = dice.choice(
        [*names, names[at].upper(), f" {names[at]}", "", "\x00", "title", "name", "id", "идентификатор"]
    )
    return table.rename_columns([other if i == at else name for i, name in enumerate(names)])


def without_column(dice: Dice, table: pa.Table) -> pa.Table:
    return table.remove_column(dice.randrange(table.num_columns)) if table.num_columns > 1 else table


def with_more(dice: Dice, table: pa.Table) -> pa.Table:
    name = dice.choice([*table.column_names, "extra", "target", "split", "__index_level_0__", "category_id"])
    return table.append_column(
        name, pa.array([dice.choice(NUMBERS[:7]) for _ in range(len(table))], pa.int64())
    )


def other_rows(dice: Dice, table: pa.Table) -> pa.Table:
    """Rows twice, in another order, few or none."""
    rows = list(range(len(table)))
    chosen = dice.choice(
        [
            *([*rows, dice.choice(rows or [0])] if rows else rows, rows * 2, dice.sample(rows, len(rows))),
            *(rows[: dice.randrange(len(rows) + 1)], rows[:1], [], dice.choices(rows or [0], k=len(rows))),
        ]
        if rows
        else [[]]
    )
    return table.take(pa.array(chosen if isinstance(chosen, list) else [chosen], pa.int64()))


def same_values(dice: Dice, table: pa.Table) -> pa.Table:
    """One value in all of a column, or that of another row in one."""
    at = dice.randrange(table.num_columns)
    values = table.column(at).to_pylist()
    if not values:
        return table
    one = dice.choice(values)
    if dice.random() < 0.5:
        values = [one] * len(values)
    else:
        values[dice.randrange(len(values))] = one
    return with_column(table, at, pa.array(values, table.column(at).type))


CHANGES = (
    [odd_cells] * 6
    + [retyped] * 4
    + [other_rows] * 2
    + [same_values] * 2
    + [renamed, without_column, with_more]
)


def write(dice: Dice, table: pa.Table, path: Path) -> None:
    """The table as a parquet file, now and then in parts, with broken metadata, pages of few rows or compressed."""
    if dice.random() < 0.1:
        odd = [b"{broken", b"", b'{"index_columns": [{"kind": "range"}]}', b"\xff", b'{"columns": 5}']
        table = table.replace_schema_metadata({b"pandas": dice.choice(odd), b"ARROW:schema": b"x"})
    if dice.random() < 0.05 and len(table) > 1:
        path.mkdir()
        at = dice.randrange(len(table))
        pq.write_table(table[:at], path / "part-0.parquet")
        pq.write_table(
            retyped(dice, table[at:]) if dice.random() < 0.5 else table[at:], path / "part-1.parquet"
        )
        return
    compression = dice.choice(["none", "snappy", "zstd", "gzip"])
    pq.write_table(table, path, row_group_size=dice.choice([1, 5, 1000]), compression=compression)
