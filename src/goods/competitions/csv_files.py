"""CSV files of any separator, encoding and quotes → columns of texts.

reads: a file, packed or not
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from goods.competitions.arrow import as_texts, check_nameless, check_names, readable, told
from goods.competitions.dialect import PACKED, Dialect, dialect_of
from goods.competitions.swallowed import DOUBLE, QUOTES_MEND, check_rows
from goods.config.table import TextFormat
from goods.core.log import say
from goods.core.wording import count

UNREADABLE_CSV = "not a readable csv file"
CSV_BLOCK = 1 << 24  # bytes that are parsed together; no row may be longer
AS_FOUND = TextFormat.model_validate({})


def csv_options(dialect: Dialect) -> tuple[Any, Any]:
    """How pyarrow reads and parses a file of that dialect."""
    reading = pyarrow.csv.ReadOptions(encoding=dialect.encoding, block_size=CSV_BLOCK, skip_rows=dialect.skip)
    return reading, pyarrow.csv.ParseOptions(
        delimiter=dialect.separator, quote_char=dialect.quote or False, newlines_in_values=True
    )


def csv_blocks(path: Path) -> Iterator[pa.Table]:
    """A CSV file of no table's section as texts, null where empty, a block at a time after one without rows. Of several
    columns without a name, which separators without end make, there is none."""
    dialect = dialect_of(path, AS_FOUND, DOUBLE)
    reading, parsing = csv_options(dialect)
    with readable(
        path, UNREADABLE_CSV, f"it was read as {dialect}: mend that row, or save it as UTF-8 with commas"
    ):
        written = csv_header(path, reading, parsing)
        names, first = [name.strip() for name in written], 0
        check_names(filter(None, names), path)
        nameless = names.count("") > 1
        kept = [name for name in names if name or not nameless]
        with pyarrow.csv.open_csv(opened(path), reading, parsing, as_texts(written)) as file:
            yield pa.table({name: pa.array([], pa.string()) for name in kept})
            for batch in file:
                table = pa.Table.from_batches([batch])
                if dialect.quote:
                    check_rows(table, written, dialect.separator, path, DOUBLE, first)
                first += len(table)
                table = without_headers(table, path).rename_columns(names)
                yield (without_nameless(table, path) if nameless else table).select(kept)


def csv_table(path: Path, format_: TextFormat, columns: list[str] | None, rows: int = 0) -> pa.Table:
    """A CSV file's columns (None: all) as texts, null where empty; the first block alone where `rows`."""
    dialect = dialect_of(path, format_)
    reading, parsing = csv_options(dialect)
    mend = f"it was read as {dialect}: say it otherwise in table.format, or mend that row"
    with readable(path, UNREADABLE_CSV, mend):
        written = csv_header(path, reading, parsing)
        names = [name.strip() for name in written]
        check_names(filter(None, names), path)
        if rows:
            return pa.table({name: pa.array([], pa.string()) for name in names})
        nameless = names.count("") > 1
        wanted = None if columns is None or nameless else set(columns)
        read = [name for name in written if wanted is None or name.strip() in wanted] or written
        converting = as_texts(written, None if len(read) == len(written) else read)
        table = pyarrow.csv.read_csv(opened(path), reading, parsing, converting)
        if dialect.quote and format_.quote is None and not nameless:
            check_rows(table, written, dialect.separator, path, QUOTES_MEND)
        table = without_headers(table, path).rename_columns([name.strip() for name in read])
        return without_nameless(table, path) if nameless else table


def csv_without_names(path: Path, format_: TextFormat, columns: list[str]) -> pa.Table:
    """A CSV file whose first row is one of cells, as `csv_table`: of these `columns`, in their order."""
    reading, parsing = csv_options(dialect_of(path, format_))
    reading.column_names, reading.skip_rows = columns, 0
    with readable(path, UNREADABLE_CSV, f"give one with a column for each of {told(columns)}, without names"):
        return pyarrow.csv.read_csv(opened(path), reading, parsing, as_texts(columns))


def csv_header(path: Path, reading: Any, parsing: Any) -> list[str]:
    with pyarrow.csv.open_csv(opened(path), reading, parsing) as file:
        return file.schema.names


def without_headers(table: pa.Table, path: Path) -> pa.Table:
    """The rows but for those that repeat the names of the columns, as files that were written one behind the other
    have them."""
    if table.num_columns < 2:
        return table
    repeats = [
        pc.fill_null(pc.equal(column, name), False) if name else pc.is_null(column)
        for name, column in zip(table.column_names, table.columns, strict=True)
    ]
    header = reduce(pc.and_, repeats)
    if any(table.column_names) and (n := pc.sum(header).as_py()):
        say(f"{path}: {count(n, 'row')} of the names of the columns left out")
        return table.filter(pc.invert(header))
    return table


def without_nameless(table: pa.Table, path: Path) -> pa.Table:
    """Of several columns without a name the one that holds anything: spreadsheets write separators without end."""
    full = [i for i, name in enumerate(table.column_names) if name or table[i].null_count < len(table)]
    check_nameless([i + 1 for i in full if not table.column_names[i]], path)
    return table.select(full)


def opened(path: Path) -> Any:
    return pa.input_stream(str(path), compression="gzip" if path.name.lower().endswith(PACKED) else None)
