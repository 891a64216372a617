"""What tells made-up files from real ones: no other file is ever replaced."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

MADE_UP = {"made_up": True}  # attributes of every table, which pandas keeps in its parquet file


def marked(table: pd.DataFrame) -> pd.DataFrame:
    table.attrs |= MADE_UP
    return table


def is_marked(path: Path) -> bool:
    """Whether a parquet file is of a table that was `marked`."""
    try:
        metadata = pq.read_schema(path).metadata or {}
        return bool(json.loads(metadata.get(b"PANDAS_ATTRS", b"{}")) == MADE_UP)
    except (OSError, ValueError, pa.ArrowException):
        return False


def holds_nothing_else(folder: Path, names: frozenset[str]) -> bool:
    """Whether a folder is not there, or its files and folders have these names and all tables are marked."""
    if not folder.exists():
        return True
    if not folder.is_dir():
        return False
    found = list(folder.iterdir())
    tables = [path for path in found if path.suffix == ".parquet"]
    return {path.name for path in found} <= names and all(map(is_marked, tables))
