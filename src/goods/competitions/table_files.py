"""Files of a table, whatever their format → columns of a data frame.

reads: parquet; CSV and TSV with any separator, encoding and quotes; JSON lines or a JSON array; these with .gz too
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
import pyarrow as pa

from goods.competitions.arrow import columns_of, frame_of, plain, read_columns, told
from goods.competitions.csv_files import csv_table, csv_without_names
from goods.competitions.dialect import PACKED, dialect_of
from goods.competitions.json_files import json_rows
from goods.config.table import Columns, TextFormat, listed
from goods.core.errors import GoodsError
from goods.core.log import say
from goods.core.meant import meant
from goods.core.wording import count

PARQUET, TEXT, JSON = (".parquet", ".pq"), (".csv", ".tsv", ".txt", ".tab"), (".jsonl", ".ndjson", ".json")
SECTION_MEND = "correct the section table of competition.yaml"
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

    def frame_without_names(self, columns: list[str]) -> pd.DataFrame:
        """Rows of the first part, as `frame`; a CSV file has no names of its `columns` above them."""
        path = self.parts[0]
        if suffix_of(path) not in TEXT:
            return self.frame(columns)
        rows = frame_of(csv_without_names(path, self.format, columns), path)
        rows.attrs["texts"] = True
        return rows

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


def tell(table: Table, what: str) -> None:
    """A line on how the table's first CSV file was understood."""
    first = table.parts[0]
    kind = f" ({dialect_of(first, table.format)})" if suffix_of(first) in TEXT else ""
    files = (
        f"{first.name}{kind}" if len(table.parts) == 1 else f"{len(table.parts)} files, {first.name}{kind} …"
    )
    say(f"table: {what} from {files}")
