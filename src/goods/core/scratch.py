"""Temporary files in the work folder, where there is room for what is large, not in a /tmp that may be small; none of
a run that has ended, killed or not, stay for long."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from glob import escape
from multiprocessing import current_process
from pathlib import Path

from goods.core.errors import GoodsError
from goods.core.folders import check_writable

NAMES = ("TMPDIR", "JOBLIB_TEMP_FOLDER")
MATPLOTLIB = "MPLCONFIGDIR"  # names the folder of its settings
RUN = "goods-run-"  # begins the name of a run's folder where other programs have theirs
ENOUGH = 4096  # bytes that a folder of temporary files must take
TRIES = 10  # to make a folder that others remove when they end
LONGEST = 70  # bytes of a folder's path, that sockets below it still have names the system takes

_system: dict[str, str | None] = {}  # what was set before `temporary_files_in`, within it


@contextmanager
def temporary_files_in(work: Path) -> Iterator[None]:
    """In here, and in processes started from here, temporary files go to a folder of this process: below the one that
    the user has named with TMPDIR, else below work/tmp, or below the system's where nothing can be written to `work`.
    It is removed in the end; those of processes that were killed are removed at once."""
    with ExitStack() as opened:
        own = None if _system else _opened(work, opened)
        if own is None:
            yield
            return
        opened.enter_context(_sockets_in(own))
        given = dict.fromkeys(NAMES, str(own)) | _settings_in(own)
        before = {name: os.environ.get(name) for name in given}, tempfile.tempdir
        os.environ.update(given)
        tempfile.tempdir = str(own)
        _system.update(before[0])
        try:
            yield
        finally:
            _system.clear()
            _set(before[0])
            tempfile.tempdir = before[1]


def _opened(work: Path, opened: ExitStack) -> Path | None:
    """The first folder that can be made; None where none can."""
    named = os.environ.get("TMPDIR")
    first = own_folder(Path(named), RUN) if named and Path(named).is_dir() else folder_in(work)
    for folder in (first, own_folder(Path(tempfile.gettempdir()), RUN)):
        with suppress(OSError):
            return opened.enter_context(folder)
    return None


def _settings_in(own: Path) -> dict[str, str]:
    """What keeps matplotlib, where it cannot write to the user's home, from a temporary folder that it would miss here
    in the end."""
    if MATPLOTLIB in os.environ:
        return {}
    try:
        check_writable(Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"))
        return {}
    except (GoodsError, OSError, RuntimeError):  # RuntimeError: of a user without a home
        return {MATPLOTLIB: str(own)}


@contextmanager
def _sockets_in(own: Path) -> Iterator[None]:
    """In here multiprocessing has its sockets in `own`, or in a folder of a shorter path; it is given back what it had
    before, as it asks for a folder once and would go on with one that is gone."""
    config = current_process()._config  # type: ignore[attr-defined]
    before = config.get("tempdir")
    with ExitStack() as opened:
        if len(os.fsencode(own)) > LONGEST:
            with suppress(OSError):
                own = opened.enter_context(own_folder(Path(tempfile.gettempdir()), RUN))
        config["tempdir"] = str(own)
        try:
            yield
        finally:
            config["tempdir"] = before


@contextmanager
def folder_in(work: Path) -> Iterator[Path]:
    """An `own_folder` below work/tmp. OSError where nothing can be written to `work`."""
    tmp = work.absolute() / "tmp"
    made = [tmp, *(folder for folder in tmp.parents if not folder.exists())]  # tmp, as a killed run leaves it
    try:
        with ExitStack() as opened:
            yield _folder_below(tmp, opened)
    finally:
        _remove_empty(made)


def _folder_below(tmp: Path, opened: ExitStack) -> Path:
    """An `own_folder` in `tmp`, which a run that ends may remove between any two steps."""
    for _ in range(TRIES):
        with suppress(FileNotFoundError):
            tmp.mkdir(parents=True, exist_ok=True)
            return opened.enter_context(own_folder(tmp, "run-"))
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(tmp))


@contextmanager
def own_folder(place: Path, prefix: str) -> Iterator[Path]:
    """A folder of this process in `place`, its name after `prefix` made up, removed in the end; those of processes that
    were killed are removed at once. OSError where none can be made."""
    own, held = _held_folder(place, prefix)
    try:
        yield own
    finally:
        shutil.rmtree(own, ignore_errors=True)
        os.close(held)


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


def _held_folder(place: Path, prefix: str) -> tuple[Path, int]:
    """A folder of this process, and what holds it as long as the process lives. It has its name only once it is held,
    as others remove what has such a name and nobody holds; `place` itself may be held, by this very process."""
    for other in place.glob(f"{escape(prefix)}*"):
        remove_if_dead(other)
    made = Path(tempfile.mkdtemp(prefix=f".{prefix}", dir=place.resolve()))
    held = os.open(made, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return made.rename(made.with_name(made.name.removeprefix("."))), held
    except OSError:
        os.close(held)
        raise


def remove_if_dead(path: Path) -> None:
    """A file or folder that its process holds as long as it lives."""
    try:
        held = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()
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
