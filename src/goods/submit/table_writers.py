"""Tables written part by part, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from goods.core.artifacts import atomic

ROW_GROUP = 1 << 16  # rows of a parquet file that are written together

Write = Callable[[pd.DataFrame], None]


@contextmanager
def written(path: Path) -> Iterator[Write]:
    """What takes the parts of a table, of equal columns, which is at `path` when all went well; by its suffix a parquet
    or a csv file."""
    with atomic(path) as temporary, WRITERS[path.suffix.lower()](temporary) as write:
        yield write


@contextmanager
def _csv(path: Path) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="") as file:
        yield lambda part: part.to_csv(file, index=False, header=file.tell() == 0)


@contextmanager
def _parquet(path: Path) -> Iterator[Write]:
    waiting: list[pa.Table] = []
    with ExitStack() as opened:
        writers: list[pq.ParquetWriter] = []

        def flush() -> None:
            if not writers:
                writers.append(opened.enter_context(pq.ParquetWriter(path, waiting[0].schema)))
            writers[0].write_table(pa.concat_tables(waiting))
            waiting.clear()

        def write(part: pd.DataFrame) -> None:
            first = writers or waiting  # says what type the columns are
            waiting.append(
                pa.Table.from_pandas(part, first[0].schema if first else None, preserve_index=False)
            )
            if sum(map(len, waiting)) >= ROW_GROUP:
                flush()

        yield write
        if waiting:
            flush()


WRITERS: dict[str, Callable[[Path], AbstractContextManager[Write]]] = {".parquet": _parquet, ".csv": _csv}
