"""Where a study's trials are kept, whether all of them can be read, and the signs of life of those that work on them.

One machine keeps them in an SQLite file. Machines share a journal in a folder that all of them see, to which lines are
appended under a lock, or a database server.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import optuna
from filelock import FileLock
from optuna.exceptions import StorageInternalError
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from goods.core.errors import GoodsError
from goods.core.folders import check_writable
from goods.core.log import say
from goods.core.wording import in_a_line

JOURNAL = "journal"
HEARTBEAT_SECONDS = 3
BUSY_SECONDS = 60  # that another worker may take to write

SIGNS = text(
    "SELECT trials.number, trial_heartbeats.heartbeat FROM studies"
    " JOIN trials ON trials.study_id = studies.study_id"
    " LEFT JOIN trial_heartbeats ON trial_heartbeats.trial_id = trials.trial_id"
    " WHERE studies.study_name = :study AND trials.state = 'RUNNING'"
)


class Database(RDBStorage):
    """Optuna's own."""

    def __init__(self, url: str) -> None:
        super().__init__(
            url,
            engine_kwargs={"connect_args": {"timeout": BUSY_SECONDS}} if url.startswith("sqlite") else None,
        )

    def signs(self, study: optuna.Study) -> list[tuple[int, Any]]:
        """(number, sign of life) of the trials that run; a trial that is worked on has another one soon."""
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(SIGNS, {"study": study.study_name})]

    def beat(self, trial: optuna.Trial) -> None:
        self.record_heartbeat(trial._trial_id)

    def still(self, trial: optuna.Trial) -> None:
        """Its last sign of life may stay."""

    def close(self) -> None:
        self.engine.dispose()


class Journal(JournalStorage):
    """A file of lines; signs of life are files beside it, which are nobody's afterwards."""

    def __init__(self, path: Path) -> None:
        self.lock, self.alive = lock_of(path), path.with_name(f".{path.stem}.alive")
        # a lock that ends with its process; optuna's own outlive it
        super().__init__(JournalFileBackend(str(path), FileLock(self.lock)))  # type: ignore[arg-type]

    def signs(self, study: optuna.Study) -> list[tuple[int, Any]]:
        trials = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,))
        return [(trial.number, self._sign(trial.number)) for trial in trials]

    def _sign(self, number: int) -> str | None:
        try:
            return (self.alive / str(number)).read_text()
        except OSError:
            return None

    def beat(self, trial: optuna.Trial) -> None:
        self.alive.mkdir(exist_ok=True)
        (self.alive / str(trial.number)).write_text(str(time.time_ns()))

    def still(self, trial: optuna.Trial) -> None:
        (self.alive / str(trial.number)).unlink(missing_ok=True)

    def close(self) -> None:
        self.lock.unlink(missing_ok=True)


def lock_of(journal: Path) -> Path:
    """What is held while lines are added."""
    return journal.with_name(f".{journal.name}.lock")


@contextmanager
def beating(storage: Database | Journal, trial: optuna.Trial) -> Iterator[None]:
    """Within, the trial gives signs of life. One that cannot be written, as the disk is full or a server away, is
    followed by the next."""
    over = Event()

    def beat() -> None:
        while True:
            with suppress(OSError, SQLAlchemyError, StorageInternalError):
                storage.beat(trial)
            if over.wait(HEARTBEAT_SECONDS):
                return

    thread = Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        storage.still(trial)


def study_file(path: Path) -> str:
    """The address of a study in a file, by its suffix a journal or SQLite's, whatever characters its path has."""
    kind = JOURNAL if path.suffix == f".{JOURNAL}" else "sqlite"
    return URL.create(kind, database=str(path.resolve())).render_as_string()


def open_storage(url: str) -> Database | Journal:
    """GoodsError where nothing can be kept there."""
    try:
        address = make_url(url)
        if address.drivername == JOURNAL:
            return Journal(Path(str(address.database)))
        if address.drivername.startswith("sqlite"):
            folder = sqlite_file(address).parent
            if not folder.is_dir():
                raise GoodsError(f"--storage {url}: there is no folder {folder}; make it or name another")
            check_writable(folder)
        return Database(url)
    except (ArgumentError, ValueError) as error:
        raise GoodsError(
            f"--storage {url}: {error}; expected {JOURNAL} or an address such as postgresql://user@host/name"
        ) from None
    except ImportError:
        raise GoodsError(
            f"--storage {address.drivername}: its driver is not installed; for PostgreSQL: pip install "
            "'goods[postgresql]'"
        ) from None
    except DBAPIError as error:
        if address.drivername.startswith("sqlite"):
            raise
        reason = in_a_line(error.orig or error)
        raise GoodsError(
            f"--storage {address.render_as_string()}: cannot be used ({reason}); start or name another"
        ) from None


def sqlite_file(address: URL) -> Path:
    """Where an address of SQLite, which may be a URI of its own, keeps trials; ArgumentError where that is no file."""
    (name,), options = address.get_dialect()().create_connect_args(address)
    asked = dict[str, list[str]]()
    if options.get("uri"):
        parts = urlsplit(name)
        name, asked = unquote(parts.path), parse_qs(parts.query)
    if name in ("", ":memory:") or "memory" in asked.get("mode", ()):
        raise ArgumentError("names no file, so that no trial would be kept")
    if "ro" in asked.get("mode", ()) or "1" in asked.get("immutable", ()):
        raise ArgumentError("may only be read, so that no trial would be kept")
    return Path(name)


def drop_damaged(path: Path) -> None:
    """Remove the file, and say so, where it is not whole: the study begins again and draws the same trials."""
    if not path.is_file() or _is_whole(path):
        return
    for file in (path, path.with_name(f"{path.name}-journal")):
        file.unlink(missing_ok=True)
    say(f"{path}: damaged, the study begins again")


def _is_whole(path: Path) -> bool:
    if path.suffix == f".{JOURNAL}":
        return _is_whole_journal(path)
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as database:
            return database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    except sqlite3.OperationalError:  # busy, or a disk that fails: nothing is known of the file
        raise
    except sqlite3.DatabaseError:
        return False


def _is_whole_journal(path: Path) -> bool:
    """Whether every line of it can be read: a machine that lost its power may leave half of one."""
    with FileLock(lock_of(path)):  # another worker may be amid a line
        data = path.read_bytes()
    try:
        return not data or (data.endswith(b"\n") and all(map(json.loads, data.splitlines())))
    except ValueError:
        return False
