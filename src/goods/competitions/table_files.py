"""Files of a table, whatever their format → columns of a data frame.

reads: parquet; CSV and TSV with any separator, encoding and quotes; JSON lines or a JSON array; these with .gz too
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, reduce
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from goods.competitions.arrow import (
    as_texts,
    check_nameless,
    check_names,
    columns_of,
    frame_of,
    plain,
    read_columns,
    readable,
    told,
)
from goods.competitions.dialect import CUT, Dialect, dialect_of
from goods.competitions.swallowed import DOUBLE, QUOTES_MEND, check_rows
from goods.competitions.table_values import writable
from goods.config.table import Columns, TextFormat, listed
from goods.core.errors import GoodsError
from goods.core.log import say
from goods.core.meant import meant
from goods.core.wording import count

PARQUET, TEXT, JSON = (".parquet", ".pq"), (".csv", ".tsv", ".txt", ".tab"), (".jsonl", ".ndjson", ".json")
PACKED = ".gz"
UNREADABLE_CSV = "not a readable csv file"
CSV_BLOCK = 1 << 24  # bytes that are parsed together; no row may be longer
SECTION_MEND = "correct the section table of competition.yaml"
AS_FOUND = TextFormat.model_validate({})
KNOWN = "parquet, CSV (.csv, .tsv, .txt) or JSON lines (.jsonl, .json), the latter two also with .gz"


def suffix_of(path: Path) -> str:
    """What kind of file its name says it is, packed or not."""
    return Path(path.name.lower().removesuffix(PACKED)).suffix


def is_table(path: Path) -> bool:
    return suffix_of(path) in (*PARQUET, *TEXT, *JSON) and path.name[0] not in "._"


def files_of(data: Path, named: Columns, key: str) -> list[Path]:
    """The files that a name, a pattern or a list of them below the data folder stands for; GoodsError where none."""
    found: list[Path] = []
    for name in listed(named):
        path, before = data / name, len(found)
        if path.is_file():
            found.append(path)
        elif path.is_dir():
            found += sorted(part for part in path.rglob("*") if part.is_file() and is_table(part))
        elif any(sign in name for sign in "*?[") and not Path(name).is_absolute():
            found += sorted(part for part in data.glob(name) if part.is_file())
        if len(found) == before:
            there = sorted(p.name for p in data.glob("*"))
            raise GoodsError(
                f"{path}: no such file (table.{key} names it); name one of those in {data}: {told(there)}"
                f"{meant(name, there)}"
            )
    return found


@dataclass(frozen=True)
class Table:
    """Parts of one table. `where` names it in messages."""

    parts: tuple[Path, ...]
    format: TextFormat

    @property
    def where(self) -> Path:
        return self.parts[0] if len(self.parts) == 1 else self.parts[0].parent

    @cached_property
    def names(self) -> list[str]:
        """Columns that any part has."""
        return list(dict.fromkeys(name for part in self.parts for name in self._names(part)))

    def require(self, wanted: dict[str, str], mend: str = SECTION_MEND) -> None:
        """GoodsError naming all columns that are not there, by what names them, those there are, and the `mend`."""
        missing = [
            f"{column!r} (table.{key}{meant(column, self.names)})"
            for key, column in wanted.items()
            if column not in self.names
        ]
        if missing:
            raise GoodsError(
                f"{self.where}: no column {', '.join(missing)}; its columns are {told(self.names)}: {mend}"
            )

    def frame(self, columns: list[str]) -> pd.DataFrame:
        """Rows of all parts in order. Of parquet and JSON cells are as they were written, of CSV texts, null where
        empty; `frame.attrs["texts"]` says whether there are such texts."""
        wanted = list(dict.fromkeys(columns))
        parts = [self._frame(part, wanted) for part in self.parts]
        frame = parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)
        frame.attrs["texts"] = any(suffix_of(part) in TEXT for part in self.parts)
        if frame.empty:
            raise GoodsError(f"{self.where}: holds no rows; give a file with at least one")
        return frame

    def without_empty_rows(self, frame: pd.DataFrame) -> pd.DataFrame:
        """A `frame` of the table but for the rows of separators alone that spreadsheets leave below a CSV table."""
        if not frame.attrs["texts"] or not frame.isna().all(axis=1).any():
            return frame
        empty = self.frame(self.names).isna().all(axis=1)
        if not empty.any() or empty.all():
            return frame
        say(f"{self.where}: {count(int(empty.sum()), 'row')} of separators alone left out")
        return frame[~empty].reset_index(drop=True)

    def _names(self, part: Path) -> list[str]:
        if suffix_of(part) in PARQUET:
            return columns_of(part)
        if suffix_of(part) in JSON:
            return list(dict.fromkeys(name for row in json_rows(part) for name in row))
        if suffix_of(part) not in TEXT:
            raise GoodsError(f"{part}: not a known kind of file; give {KNOWN}")
        return csv_table(part, self.format, None, 1).column_names

    def _frame(self, part: Path, columns: list[str]) -> pd.DataFrame:
        if suffix_of(part) in JSON:
            rows = json_rows(part)
            return pd.DataFrame(
                {c: pd.Series([row.get(c) for row in rows], dtype=object) for c in columns},
                index=range(len(rows)),
            )
        own = set(self._names(part))
        there = [name for name in columns if name in own]
        if suffix_of(part) in PARQUET:
            table = read_columns(part, there)
            table = pa.table({name: plain(table[name], name, "any", part) for name in there})
        else:
            table = csv_table(part, self.format, there)
        frame = frame_of(table, part)
        return frame.reindex(columns=columns).reset_index(drop=True)


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


def json_rows(path: Path) -> list[dict[str, Any]]:
    """Objects of a file of JSON lines, or of one array of them; nested values as JSON texts."""
    packed = path.name.lower().endswith(PACKED)
    try:
        with gzip.open(str(path), "rb") if packed else path.open("rb") as file:
            text = file.read().decode("utf-8-sig")
    except (*CUT, UnicodeDecodeError) as error:
        raise GoodsError(f"{path}: not readable JSON in UTF-8 ({error}); write it again") from None
    pieces = [text] if text.lstrip()[:1] == "[" else text.split("\n")
    rows: list[dict[str, Any]] = []
    for line, piece in enumerate(pieces, 1):
        if not piece.strip():
            continue
        try:
            found = json.loads(piece)
        except (ValueError, RecursionError) as error:
            raise GoodsError(f"{path}: line {line} is not JSON ({error}); mend that line") from None
        if columns_of_rows(found):
            raise GoodsError(
                f"{path}: an object for each column in place of one for each card; write it again, by pandas with "
                "orient='records', lines=True"
            )
        for row in found if isinstance(found, list) else [found]:
            if not isinstance(row, dict):
                raise GoodsError(f"{path}: line {line} holds no object; give an object for each card")
            rows.append({writable(name): cell_of(value) for name, value in row.items()})
    return rows


def cell_of(value: Any) -> Any:
    """A value of JSON that a file can hold, what is nested in it as a JSON text."""
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
    return writable(text) if isinstance(text, str) else text


def columns_of_rows(value: Any) -> bool:
    """Whether an object has for each of its names the cells of a column: objects of the same names, as pandas writes
    tables, or lists of the same length."""
    columns: list[Any] = list(value.values()) if isinstance(value, dict) and len(value) > 1 else [None]
    if all(isinstance(one, dict) for one in columns):
        return all(one and one.keys() == columns[0].keys() for one in columns)
    return all(isinstance(one, list) and len(one) == len(columns[0]) > 1 for one in columns)


def tell(table: Table, what: str) -> None:
    """A line on how the table's first CSV file was understood."""
    first = table.parts[0]
    kind = f" ({dialect_of(first, table.format)})" if suffix_of(first) in TEXT else ""
    files = (
        f"{first.name}{kind}" if len(table.parts) == 1 else f"{len(table.parts)} files, {first.name}{kind} …"
    )
    say(f"table: {what} from {files}")
