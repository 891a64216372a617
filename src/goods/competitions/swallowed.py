"""Rows of a CSV file that stand within a cell, because a quote before them was never meant to be one."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from goods.core.errors import GoodsError
from goods.core.wording import count

LINE_END = re.compile(r"\r\n|\r|\n")
DOUBLE = "double the quotes within cells"
QUOTES_MEND = f"{DOUBLE}, or set table.format.quote: '\"' where they are right, '' where none is"
CERTAIN = 5  # whole rows within a cell that no text has by chance


def check_rows(
    table: pa.Table, names: list[str], separator: str, path: Path, mend: str, first: int = 0
) -> None:
    """GoodsError naming a cell of `table`, columns of a file whose columns are `names`, that holds what would be rows:
    each of its lines has the separators of one, and begins as the file's rows do with an id that no row has, or there
    are many; its rows are those from `first` on. Of a file that names a column twice nothing is said: whoever reads
    columns tells that."""
    if len(set(names)) < len(names):
        return
    firsts: list[str] | None = None
    for name in table.column_names:
        column, at = table[name], names.index(name)
        for row in pc.indices_nonzero(pc.fill_null(pc.match_substring_regex(column, "[\r\n]"), False)):
            lines = LINE_END.split(column[row.as_py()].as_py())
            if not are_rows(lines, at, len(names), separator):
                continue
            firsts = firsts_of(table, names[0]) if firsts is None else firsts
            begun = [line.partition(separator)[0].strip() for line in lines[1:]]
            if len(begun) > CERTAIN or are_lost(begun, firsts):
                raise GoodsError(
                    f"{path}: row {first + row.as_py()}: {name!r} holds what looks like "
                    f"{count(len(begun), 'more row')}, from {lines[1][:40]!r} on, as where a quote is "
                    f"opened and not closed; {mend}"
                )


def are_rows(lines: list[str], at: int, columns: int, separator: str) -> bool:
    """Whether a cell of column `at` has the end of a row, whole rows and the beginning of one as its lines."""
    expected = [columns - 1 - at, *[columns - 1] * (len(lines) - 2), at]
    return columns > 1 and [line.count(separator) for line in lines] == expected


def firsts_of(table: pa.Table, name: str) -> list[str]:
    """Cells of a file's first column, none where `table` lacks it."""
    return [] if name not in table.column_names else [v.strip() for v in table[name].drop_null().to_pylist()]


def are_lost(begun: list[str], firsts: list[str]) -> bool:
    """Whether what lines begin with has digits, is written as what rows begin with, and begins none of them."""
    shapes = set(map(shape, firsts))
    return all("0" in shape(one) and shape(one) in shapes for one in begun) and set(begun).isdisjoint(firsts)


def shape(cell: str) -> str:
    """The cell with each digit as 0 and each letter as a."""
    return re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "0", cell))
