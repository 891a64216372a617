"""Who works on a competition's folder: one run that may change everything, or several that train side by side.

A lock ends with its process, killed or not. Beside it every holder says who it is, for the one that finds it held.
"""

from __future__ import annotations

import json
import os
import shlex
import socket
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from glob import escape
from pathlib import Path

import psutil
from filelock import FileLock, ReadWriteLock, Timeout

from goods.core.artifacts import remove_leftovers, write_json
from goods.core.errors import GoodsError
from goods.core.folders import check_writable
from goods.core.log import say
from goods.core.scratch import own_folder
from goods.core.workspace import Workspace

OF_THE_DISK = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)  # which is told as of any other file

POLL = 0.3  # seconds between two looks at a lock that is held


@contextmanager
def working(ws: Workspace, alone: bool, wait: bool = False) -> Iterator[None]:
    """Hold the work folder of a competition: `alone`, or beside others that are not alone. Where there are none, it is
    rid of what killed runs left half-written.

    Where that cannot be, `wait` until it can, or GoodsError says who holds it.
    """
    locks = ws.whole.path / "locks"
    with _held(ws.whole.path, locks, "--work", alone, wait):
        # what a library has put in place of a writer's file, as of checkpoints, nobody seems to hold
        if alone or len(_living(locks)) == 1:
            remove_leftovers(ws.whole.path, alone)
        yield


@contextmanager
def writing(folder: Path, wait: bool = False) -> Iterator[None]:
    """Hold a competition's folder of submissions for a whole run, whose submission and pages belong together; as
    `working` alone. The lock lies beside the folder."""
    with _held(folder, folder.with_name(f".{folder.name}.locks"), "--out", alone=True, wait=wait):
        yield


@contextmanager
def _held(what: Path, folder: Path, option: str, alone: bool, wait: bool) -> Iterator[None]:
    """Hold `what` by a lock in `folder`; `option` gives another."""
    check_writable(what)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "work.db"
    try:
        lock = ReadWriteLock(path, is_singleton=False)
        _acquire(lock, what, option, alone, wait)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in OF_THE_DISK:
            raise
        raise GoodsError(
            f"{path}: cannot be locked ({error}); mend the right to write to it, or give another {option}"
        ) from None
    except sqlite3.DatabaseError as error:
        raise GoodsError(f"{path}: damaged ({error}); remove it and run again") from None
    mine = folder / f"holder-{socket.gethostname()}-{os.getpid()}.json"
    try:
        if alone:
            for left in folder.glob("holder-*.json"):
                left.unlink()
        write_json(mine, _myself() | {"alone": alone})
        yield
    finally:
        mine.unlink(missing_ok=True)
        lock.release()
        lock.close()


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Hold what one job makes in `folder`; others wait. The lock lies beside the folder, which may be removed."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.with_name(f".{folder.name}.lock"))
    try:
        lock.acquire(blocking=False)
    except Timeout:
        say(f"{folder}: another run is at it; waiting for it")
        lock.acquire(poll_interval=POLL)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def sole_writer(out: Path) -> Iterator[None]:
    """Hold a file or folder that one command makes, as --out names it; GoodsError where another is at it. Nothing stays
    beside it, and where a file system has no locks, nothing is held."""
    mark = f".{out.name}.held-"
    with ExitStack() as opened:
        with suppress(OSError):
            out.parent.mkdir(parents=True, exist_ok=True)
            own = opened.enter_context(own_folder(out.parent, mark))
            if any(other.name != own.name for other in out.parent.glob(f"{escape(mark)}*")):
                raise GoodsError(f"--out {out}: another run is writing it; wait for its end, or name another")
        yield


def in_use_by(ws: Workspace) -> tuple[str, bool]:
    """Who holds the work folder of a competition and lives, as far as this machine can tell, "" where nobody does; and
    whether one of them is alone."""
    found = _living(ws.whole.path / "locks")
    return " and ".join(found), any(found.values())


def _acquire(lock: ReadWriteLock, what: Path, option: str, alone: bool, wait: bool) -> None:
    folder, told = Path(lock.lock_file).parent, False
    acquire = lock.acquire_write if alone else lock.acquire_read
    while True:
        try:
            acquire(timeout=0, blocking=False)
            return
        except Timeout:
            if not wait:
                raise GoodsError(
                    f"{what} is in use by {_holders(folder)}; wait for it with --wait, or give another {option}"
                ) from None
            if not told:
                say(f"waiting for {_holders(folder)} to end")
            told = True
            time.sleep(POLL)


def _myself() -> dict[str, str | int | float]:
    return {
        "pid": os.getpid(),
        "born": psutil.Process().create_time(),
        "host": socket.gethostname(),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "since": datetime.now().isoformat(timespec="seconds"),
    }


def _holders(folder: Path) -> str:
    return " and ".join(_living(folder, tidy=True)) or "another process"


def _living(folder: Path, tidy: bool = False) -> dict[str, bool]:
    """Those that say they hold the folder and live, as far as this machine can tell, and whether each is alone; `tidy`
    forgets the dead."""
    found = {}
    for path in sorted(folder.glob("holder-*.json")):
        try:
            one = json.loads(path.read_text(encoding="utf-8"))
            here = one["host"] == socket.gethostname()
            where = f"process {one['pid']}" if here else f"process {one['pid']} on {one['host']}"
            text = f"{where} ({one['command']}, since {one['since']})"
            gone = here and not _lives(int(one["pid"]), float(one["born"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if not gone:
            found[text] = bool(one.get("alone"))
        elif tidy:
            path.unlink(missing_ok=True)
    return found


def _lives(pid: int, born: float) -> bool:
    try:
        return abs(psutil.Process(pid).create_time() - born) < 2
    except psutil.Error:
        return False
