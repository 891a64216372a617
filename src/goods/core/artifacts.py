"""Files as every stage writes and reads them: whole or not at all, with DONE markers.

A stage's inputs are summed up in one key (config, code, what it builds on). Its folder holds DONE with that key once
everything else is written, so a killed stage is done again and a finished one is skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from goods.core.errors import GoodsError
from goods.core.hashing import content_of


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary sibling to write to, renamed to `path` on success and removed on failure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(folder: Path) -> None:
    """GoodsError unless files can be written to `folder`, or it can be made; nothing is left there."""
    there = folder.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise GoodsError(
            f"{folder}: cannot be written to ({error.strerror}: {there}); name another folder"
        ) from None


def write_json(path: Path, value: Any) -> None:
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """GoodsError where the file is missing or damaged."""
    with _readable(path):
        return json.loads(path.read_text(encoding="utf-8"))


def write_text(path: Path, text: str) -> None:
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_parquet(path: Path, table: pd.DataFrame) -> None:
    with atomic(path) as temporary:
        table.to_parquet(temporary, index=False)


def write_csv(path: Path, table: pd.DataFrame) -> None:
    with atomic(path) as temporary:
        table.to_csv(temporary, index=False)


def write_npz(path: Path, **arrays: np.ndarray) -> None:
    with atomic(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def read_npz(path: Path, *names: str) -> dict[str, np.ndarray]:
    """Arrays of a file by name, checked against its checksums: all, and at least those of `names`. GoodsError where it
    is missing or damaged; nothing in it is executed."""
    with _readable(path):
        found = np.load(path, allow_pickle=False)
        if not isinstance(found, np.lib.npyio.NpzFile):
            raise ValueError("a single array, not an archive of them")
        with found as arrays:
            return {name: arrays[name] for name in dict.fromkeys((*names, *arrays.files))}


def cached_npz(path: Path, *names: str) -> dict[str, np.ndarray] | None:
    """As `read_npz`, None where the file is missing or damaged: of a cache, which is made again."""
    try:
        return read_npz(path, *names)
    except GoodsError:
        return None


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """What goes wrong while `path` is read becomes a GoodsError that says which file it is and what to do."""
    try:
        yield
    except FileNotFoundError:
        raise GoodsError(f"{path}: missing; run the stage that writes it first") from None
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        reason = " ".join(str(error).split())[:200] or "it is empty"
        raise GoodsError(
            f"{path}: damaged ({reason}); delete it and run the stage that writes it with --force"
        ) from None


def done_key(folder: Path) -> str | None:
    """The key a finished stage left in its folder; None where it is unfinished."""
    marker = folder / "DONE"
    return marker.read_text() if marker.is_file() else None


def is_done(folder: Path, key: str) -> bool:
    return done_key(folder) == key


def mark_done(folder: Path, key: str) -> None:
    write_text(folder / "DONE", key)


def begin(folder: Path, key: str) -> None:
    """Make an empty-of-DONE folder for a stage; what a run with other inputs left there is removed."""
    started = folder / "STARTED"
    if folder.exists() and not (started.is_file() and started.read_text() == key):
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "DONE").unlink(missing_ok=True)
    write_text(started, key)


def fold_content(folder: Path) -> str:
    """Hash of what a finished fold holds, for those that build on it: its models and predictions, not how long they
    took."""
    return content_of(folder, leave_out=("DONE", "STARTED", "report.json", "logs"))
