"""A raw file cut into batches, each a parquet file of its own that a reader takes.

reads:  a parquet or csv file, a batch at a time
writes: one temporary parquet file at a time; of a csv file all columns are texts, empty cells are null
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from goods.competitions.arrow import is_parquet, readable
from goods.competitions.csv_files import csv_blocks
from goods.core.errors import GoodsError, told_as
from goods.core.folders import check_is_file

READ = 1 << 20  # bytes of a column that are read ahead
RAW = "raw.parquet"  # whatever `path` is called: others have names in the same folder, and a name may be too long


Tables = Callable[[Path], Iterator[pa.Table]]


def raw_batches(
    path: Path, rows: int, folder: Path, tables: Tables | None = None
) -> Iterator[tuple[int, Path]]:
    """(number of the first row, file of at most `rows` rows) of all of `path` in order, at least one. Each file is in
    `folder` until the next is asked for. `tables` reads it where it is neither parquet nor CSV alone."""
    check_file(path, tables)
    found = tables(path) if tables else csv_blocks(path) if is_csv(path) else _parquet(path, rows)
    file, first = folder / RAW, 0
    for table in rebatched(found, rows):
        pq.write_table(table, file, compression="lz4")
        yield first, file
        file.unlink()
        first += len(table)


def as_one(path: Path, folder: Path, tables: Tables | None = None) -> Iterator[tuple[int, Path]]:
    """All of `path` as one batch; a parquet file is its own, of which a reader reads what it takes."""
    check_file(path, tables)
    one = tables is None and not is_csv(path)
    return iter([(0, path)]) if one else raw_batches(path, sys.maxsize, folder, tables)


@contextmanager
def whole_file(path: Path, tables: Tables | None = None) -> Iterator[Path]:
    """All of `path` as a parquet file for readers, which is temporary where `path` is none; what they refuse of it is
    told of `path`."""
    with tempfile.TemporaryDirectory(prefix="goods-cards-") as folder:
        for _, file in as_one(path, Path(folder), tables):
            try:
                yield file
            except GoodsError as error:
                raise told_as(path, file, error) from None


def is_csv(path: Path) -> bool:
    return path.suffix.lower() == ".csv"


def check_file(path: Path, tables: Tables | None = None) -> None:
    check_is_file(path, "a parquet or csv file of cards")
    if tables is None and not is_csv(path) and not is_parquet(path):  # else they know their kinds of files
        raise GoodsError(
            f"{path}: neither parquet nor a csv file by its name; cards are read from .parquet and .csv (not packed): "
            "write it as one of them"
        )


def rebatched(found: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """The same rows in tables of `rows` each, the last with what is left; one without rows where there are none."""
    waiting: list[pa.Table] = []
    held = given = 0
    for table in found:
        waiting.append(table)
        held += len(table)
        while held >= rows:
            joined = pa.concat_tables(waiting)
            yield joined.slice(0, rows)
            given, held = given + rows, held - rows
            waiting = [joined.slice(rows)]
    if held or not given:
        yield pa.concat_tables(waiting)


def _parquet(path: Path, rows: int) -> Iterator[pa.Table]:
    with readable(path):
        file = pq.ParquetFile(path, buffer_size=READ, pre_buffer=False)
        # what pandas or Spark wrote about the table is left out, it may be broken
        yield file.schema_arrow.remove_metadata().empty_table()
        for batch in file.iter_batches(batch_size=rows, use_pandas_metadata=False):
            yield pa.Table.from_batches([batch]).replace_schema_metadata(None)
