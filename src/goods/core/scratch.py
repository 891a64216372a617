"""Temporary files in the work folder, where there is room for what is large, not in a /tmp that may be small."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.util import get_temp_dir
from pathlib import Path

NAMES = ("TMPDIR", "JOBLIB_TEMP_FOLDER")
ENOUGH = 4096  # bytes that a folder of temporary files must take
LONGEST = 70  # bytes of a folder's path, that sockets below it still have names the system takes


_system: dict[str, str | None] = {}  # what NAMES were before `temporary_files_in`, within it


@contextmanager
def temporary_files_in(work: Path) -> Iterator[None]:
    """In here, and in processes started from here, temporary files go to a folder below work/tmp (`folder_in`). A
    folder that the user has named with TMPDIR stays, and where nothing can be written to `work` the system's does."""
    if os.environ.get("TMPDIR") and Path(os.environ["TMPDIR"]).is_dir():
        yield
        return
    with ExitStack() as opened:
        try:
            own = opened.enter_context(folder_in(work))
        except OSError:
            own = None
        if own is None:
            yield
            return
        before = {name: os.environ.get(name) for name in NAMES}, tempfile.tempdir
        if len(os.fsencode(own)) > LONGEST:
            get_temp_dir()  # multiprocessing keeps the folder of its sockets from here on
        os.environ.update(dict.fromkeys(NAMES, str(own)))
        tempfile.tempdir = str(own)
        _system.update(before[0])
        try:
            yield
        finally:
            _system.clear()
            _set(before[0])
            tempfile.tempdir = before[1]


@contextmanager
def folder_in(work: Path) -> Iterator[Path]:
    """A folder of this process below work/tmp, removed in the end; those of processes that were killed are removed at
    once. OSError where nothing can be written to `work`."""
    tmp = work.absolute() / "tmp"
    made = [folder for folder in (tmp, tmp.parent) if not folder.exists()]
    tmp.mkdir(parents=True, exist_ok=True)
    own, held = _own_folder(tmp)
    try:
        yield own
    finally:
        shutil.rmtree(own, ignore_errors=True)
        os.close(held)
        _remove_empty(made)


@contextmanager
def system_temporary() -> Iterator[None]:
    """In here the environment names the folder of temporary files that other programs look into."""
    own = {name: os.environ.get(name) for name in _system}
    _set(_system)
    try:
        yield
    finally:
        _set(own)


def _set(values: dict[str, str | None]) -> None:
    for name, value in values.items():
        os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def _own_folder(tmp: Path) -> tuple[Path, int]:
    """A folder of this process, and what holds it as long as the process lives."""
    door = os.open(tmp, os.O_RDONLY)
    try:
        fcntl.flock(door, fcntl.LOCK_EX)
        for other in tmp.glob("run-*"):
            _remove_if_dead(other)
        own = Path(tempfile.mkdtemp(prefix="run-", dir=tmp))
        held = os.open(own, os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return own, held
    finally:
        os.close(door)


def _remove_if_dead(folder: Path) -> None:
    try:
        held = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except OSError:  # its process lives
        pass
    finally:
        os.close(held)


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:  # it is used by now
            return


def check_temporary() -> None:
    """Say so where the folder that TMPDIR names cannot be used: Python takes another without a word."""
    named = os.environ.get("TMPDIR")
    if not named:
        return
    try:
        with tempfile.TemporaryFile(dir=named) as file:
            file.write(b" " * ENOUGH)
    except OSError as error:
        print(
            f"warning: TMPDIR is {named}, where nothing can be written ({error.strerror}): files are put elsewhere; "
            "mend it if the run ends for want of space",
            file=sys.stderr,
        )
