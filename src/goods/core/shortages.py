"""Full disks, memory and limits of a process that ran out, whichever library met them and however it says so."""

from __future__ import annotations

import errno
import os
import re
import resource
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from goods.core.execution import free_memory
from goods.core.wording import size

FULL = 2**26  # bytes free below which a disk is called full
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# safetensors, CatBoost and SQLite have no errno; torch does not even say what it met
NO_SPACE = re.compile(
    r"no space left|disk quota|disk is full|file too large|disk i/o error|inline_container\.cc", re.IGNORECASE
)
OPEN_FILES = re.compile(r"too many open files", re.IGNORECASE)
NO_DATABASE = re.compile(r"unable to open database file", re.IGNORECASE)  # SQLite tells neither which nor why
NO_THREAD = re.compile(r"can't start new thread|resource temporarily unavailable", re.IGNORECASE)
NO_MEMORY = re.compile(
    r"out of memory|(can.?t|cannot|could not|unable to) allocate|not enough memory|bad.?alloc", re.IGNORECASE
)
CRASHES = frozenset({"SIGSEGV", "SIGBUS", "SIGABRT", "SIGILL", "SIGFPE"})
GO_ON = "then run the same command again: it goes on where it stopped"


def shortage(error: BaseException, folders: list[Path]) -> str | None:
    """What ran out and what to do, where that is what `error` or one that led to it is about; else None. `folders` are
    those that are written to."""
    for one in _chain(error):
        text = str(one)
        if isinstance(one, OSError) and one.errno in DISK_ERRORS:
            named = one.filename2 or one.filename  # of two a file is copied from the first to the second
            return no_space(named if isinstance(named, str | Path) else None, folders)
        if NO_SPACE.search(text):
            return no_space(None, folders)
        if OPEN_FILES.search(text) and (limit := limit_of(resource.RLIMIT_NOFILE)) is not None:
            return f"too many open files: {open_files(limit)}, {GO_ON}"
        if NO_DATABASE.search(text):
            limit = limit_of(resource.RLIMIT_NOFILE)
            many = "" if limit is None else f", or end want of open files: {open_files(limit)}"
            mend = f"make its folder, or mend the right to write there{many}"
            return f"a database (SQLite) cannot be opened: {mend}; {GO_ON}"
        if NO_THREAD.search(text) and (most := limit_of(resource.RLIMIT_AS)) is not None:
            return f"no more threads may be started: {addresses(most)}, {GO_ON}"
        if NO_THREAD.search(text):
            return (
                "no more processes or threads may be started; end others, or raise the limit (`ulimit -u`, pids of a "
                f"container), {GO_ON}"
            )
        if isinstance(one, BrokenProcessPool) and "terminated" in text:
            return death_of_worker(text, list(dict.fromkeys(getattr(one, "__notes__", []))))
        if (
            isinstance(one, MemoryError)
            or getattr(one, "errno", None) == errno.ENOMEM
            or NO_MEMORY.search(text)
        ):
            where = "".join(f" {note}" for note in getattr(one, "__notes__", []))
            gpu = "; of a GPU lower the batch size" if "CUDA" in text else ""
            return f"out of memory{where}{gpu}; {more_memory()}"
    return None


def death_of_worker(text: str, places: list[str]) -> str:
    """What joblib says of the ends of its workers, and where these may have been, as what to do."""
    where = f" {' or '.join(places)}" if places else ""
    signals, codes = (sorted(set(re.findall(said, text))) for said in (r"SIG\w+", r"EXIT\((-?\d+)\)"))
    if crashed := [name for name in signals if name in CRASHES]:
        return (
            f"a worker process crashed ({', '.join(crashed)}){where}, in compiled code; mend or update what it calls "
            f"there, or leave that experiment out, {GO_ON}"
        )
    if codes and not signals:
        return (
            f"a worker process ended itself (exit code {', '.join(codes)}){where}; raise an error in place of "
            f"os._exit, {GO_ON}"
        )
    ended = ", ".join(signals) or "without a word"
    return f"a worker process was ended ({ended}){where}, most often for want of memory; {more_memory()}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    one: BaseException | None = error
    while one is not None:
        yield one
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)


def open_files(most: int) -> str:
    return f"a process may have {most:,}; raise that with `ulimit -n 65536`"


def addresses(most: int) -> str:
    return f"a process may take {size(most)} of addresses; raise that with `ulimit -v unlimited`"


def more_memory() -> str:
    if (most := limit_of(resource.RLIMIT_AS)) is not None and most < free_memory():
        return f"{addresses(most)}, {GO_ON}"
    return (
        f"{size(free_memory())} are free now: close other programs, or train fewer folds at a time "
        f"(train.py --fold K); {GO_ON}"
    )


def limit_of(what: int) -> int | None:
    """What this process may have of it at most; None where it has no limit."""
    limit = resource.getrlimit(what)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def no_space(filename: str | Path | None, folders: list[Path]) -> str:
    """What to do where a disk is full; where the error does not name the file, which folders are full."""
    if (largest := limit_of(resource.RLIMIT_FSIZE)) is not None:
        named = "" if filename is None else f"{filename}: "
        return (
            f"{named}no file may be larger than {largest:,} bytes here, or no space is left; raise the limit with "
            f"`ulimit -f unlimited`, {GO_ON}"
        )
    if filename is not None:
        parent = Path(filename).absolute().parent
        return f"{filename}: no space left in {parent}; free some, or name another folder; {GO_ON}"
    temporary = Path(tempfile.gettempdir())
    written = [temporary, *folders] if os.environ.get("TMPDIR") else [*folders, temporary]
    for folder in written:
        if folder.exists() and shutil.disk_usage(folder).free < FULL:
            if folder == temporary:
                return (
                    f"{folder}: no space left in the folder of temporary files; free some, or set TMPDIR to another "
                    f"folder; {GO_ON}"
                )
            return f"{folder}: no space left in this folder; free some, or name another; {GO_ON}"
    return "no space left in the folder of --work or --out, or where stdout goes; free some, or name another place"
