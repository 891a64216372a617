"""The file of a study: whether all of it can be read."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from goods.core.log import say
from goods.tune.storage import JOURNAL, is_whole_journal

BUSY_SECONDS = 60  # that another worker may take to write


def drop_damaged(path: Path) -> None:
    """Remove the file, and say so, where it is not whole: the study begins again and draws the same trials."""
    if not path.is_file() or _is_whole(path):
        return
    for file in (path, path.with_name(f"{path.name}-journal")):
        file.unlink(missing_ok=True)
    say(f"{path}: damaged, the study begins again")


def _is_whole(path: Path) -> bool:
    if path.suffix == f".{JOURNAL}":
        return is_whole_journal(path)
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as database:
            return database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    except sqlite3.OperationalError:  # busy, or a disk that fails: nothing is known of the file
        raise
    except sqlite3.DatabaseError:
        return False
