"""Files as every stage writes and reads them: whole or not at all, also where the power goes.

A file is written beside its name, forced to the disk and renamed, and the rename is forced there too: whoever finds
the name finds all of the file.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from goods.core.errors import GoodsError
from goods.core.log import say
from goods.core.scratch import remove_if_dead
from goods.core.wording import in_a_line

# as `atomic` names them: .DONE.x1y2z3a4, .oof.npz.x1y2z3a4.npz
TEMPORARY = re.compile(r"\.[^.]+\.[a-z0-9_]{8}|\..+(\.[^.]+)\.[a-z0-9_]{8}\1")
_umask = os.umask(0o077)  # it cannot be read without being set
os.umask(_umask)
MODE = 0o666 & ~_umask | 0o600  # of files, as the umask has it; their owner may go on with them
MANY = 200  # files that are forced to the disk together rather than one by one


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary sibling to write to, renamed to `path` on success and removed on failure; those of writers that were
    killed are removed at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # tempfile leaves out a link and the .. behind it, which together lead elsewhere
    real = path.parent.resolve()
    for other in real.glob(f".{escape(path.name)}.{'[a-z0-9_]' * 8}{escape(path.suffix)}"):
        remove_if_dead(other)
    held, name = _held_sibling(path, real)
    temporary = path.with_name(name)
    try:
        yield temporary
        temporary.chmod(MODE)
        _force(temporary)
        temporary.replace(path)
        _force(path.parent)
    except OSError as error:
        # one without a name is of what is written, as a disk is no longer full when this file is removed, or of what is
        # read for it
        if error.errno is None or (error.filename2 or error.filename) not in (None, str(temporary)):
            raise
        raise OSError(error.errno, f"{error.strerror} while it was written", str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)
        os.close(held)


def _held_sibling(path: Path, folder: Path) -> tuple[int, str]:
    """What holds a new file beside `path` as long as the process lives, and its name."""
    while True:
        held, made = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=folder)
        with suppress(OSError):  # where a file system has no locks, nobody takes one for dead
            fcntl.flock(held, fcntl.LOCK_EX)
        if os.fstat(held).st_nlink:
            return held, Path(made).name
        os.close(held)  # taken for dead before it was held


def remove_leftovers(folder: Path, alone: bool) -> None:
    """Remove the temporary siblings that killed writers left below the folder: `alone`, where nobody else may be
    writing, all there are, else those that nobody holds."""
    for place, _, names in os.walk(folder):
        for left in (Path(place) / name for name in names if TEMPORARY.fullmatch(name)):
            left.unlink(missing_ok=True) if alone else remove_if_dead(left)


def let_read(path: Path) -> None:
    """Whom the umask lets read and write a file may do so: safetensors leaves its files to their owner alone. What
    another user has left is as that user wants it."""
    mode = path.stat().st_mode
    if mode & MODE != MODE:
        with suppress(PermissionError):
            path.chmod(mode | MODE)


def on_disk(paths: Collection[Path]) -> None:
    """Return once the files, and their names, are on the disk."""
    if len(paths) > MANY:
        os.sync()
        return
    for path in [*paths, *sorted({path.parent for path in paths})]:
        _force(path)


def _force(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def json_text(value: Any) -> str:
    """As it stands in a file."""
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def write_json(path: Path, value: Any) -> None:
    write_text(path, json_text(value))


def read_json(path: Path) -> Any:
    """GoodsError where the file is missing or damaged."""
    with _readable(path):
        return json.loads(path.read_text(encoding="utf-8"))


def write_text(path: Path, text: str) -> None:
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def copy_file(source: Path, to: Path) -> None:
    with atomic(to) as temporary:
        shutil.copyfile(source, temporary)


def write_parquet(path: Path, table: pd.DataFrame) -> None:
    with atomic(path) as temporary:
        table.to_parquet(temporary, index=False)


def write_csv(path: Path, table: pd.DataFrame, **options: Any) -> None:
    """With `options` of pandas' `to_csv`."""
    with atomic(path) as temporary:
        table.to_csv(temporary, index=False, **options)


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
    """As `read_npz`, None where the file is missing or, which is said, damaged: of a cache, which is made again."""
    if not path.is_file():
        return None
    try:
        return read_npz(path, *names)
    except GoodsError:
        say(f"{path}: damaged, what it held is made again")
        return None


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """What goes wrong while `path` is read becomes a GoodsError that says which file it is and what to do."""
    try:
        yield
    except FileNotFoundError:
        raise GoodsError(f"{path}: missing; run the stage that writes it first") from None
    except PermissionError as error:
        raise GoodsError(f"{path}: cannot be read ({error.strerror}); mend the right to it") from None
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        reason = in_a_line(error) or "it is empty"
        raise GoodsError(f"{path}: damaged ({reason}); run the stage that writes it again") from None
