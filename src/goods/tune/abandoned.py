"""Trials of workers that were killed: which they are, and how they are queued again.

Clocks of machines differ and are set back, and a worker may die before its trial has a heartbeat. So nothing is
compared with the time of day: a trial whose sign of life stays the same for as long as it takes by this process's own
clock is nobody's, and so is every one where no other process has the study open.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock
from optuna.storages import RetryHeartbeatStaleTrialCallback
from optuna.trial import TrialState

from goods.tune.storage import HEARTBEAT_SECONDS, Database, Journal

LOCK = "study.lock"  # held while workers do what only one may
WORKERS = "study.workers"  # shared by whoever works on the study
GRACE_SECONDS = 4 * HEARTBEAT_SECONDS  # without a new heartbeat, after which a worker is called dead
RETRIES = 3


@dataclass(frozen=True)
class Presence:
    """A process's share of a study; `alone`: nobody else had one when it began."""

    descriptor: int
    alone: bool

    @contextmanager
    def by_itself(self, lock: FileLock) -> Iterator[bool]:
        """Whether nobody else has a share now; nobody gets one in here."""
        with lock:
            alone = _flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                yield alone
            finally:
                _flock(self.descriptor, fcntl.LOCK_SH)


@contextmanager
def present(path: Path, lock: FileLock) -> Iterator[Presence]:
    """Hold a share of the file at `path` as long as the process works on a study. The share ends with its process,
    however that ends."""
    with path.open("a") as file:
        with lock:  # whoever comes at the same time waits until it is known who was first
            alone = _flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            _flock(file.fileno(), fcntl.LOCK_SH)
        yield Presence(file.fileno(), alone)


def is_worked_on(path: Path) -> bool:
    """Whether a process has a share of the file at `path`, as far as the file system has locks."""
    try:
        with path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no such file, or no locks
        pass
    return False


def _flock(descriptor: int, operation: int) -> bool:
    try:
        fcntl.flock(descriptor, operation)
    except OSError:  # held by another, or a file system without locks: then heartbeats tell
        return False
    return True


class Watch:
    """Running trials of a study whose heartbeat, or lack of one, stays as it is for the grace period."""

    def __init__(self, study: optuna.Study, storage: Database | Journal) -> None:
        self.study, self.storage = study, storage
        self.seen: dict[int, tuple[Any, float]] = {}

    def stale(self) -> list[int]:
        """Numbers of the trials that have been the same since they were first looked at, too long ago."""
        now, before = time.monotonic(), self.seen
        signs = self.storage.signs(self.study)
        same = {n: before[n] for n, sign in signs if n in before and before[n][0] == sign}
        self.seen = {n: same.get(n, (sign, now)) for n, sign in signs}
        return [number for number, (_, since) in self.seen.items() if now - since > GRACE_SECONDS]


def running(study: optuna.Study) -> list[int]:
    return [t.number for t in study.get_trials(deepcopy=False) if t.state == TrialState.RUNNING]


def queue_again(study: optuna.Study, numbers: list[int], lock: FileLock) -> None:
    """Fail trials that nobody works on and queue each again, once however many workers notice it at the same time."""
    retry = RetryHeartbeatStaleTrialCallback(max_retry=RETRIES)
    for number in numbers:
        with lock:
            stale = study.tell(number, state=TrialState.FAIL, skip_if_finished=True)
            known = study.get_trials(deepcopy=False)
            if stale.state == TrialState.FAIL and not any(number in retry.retry_history(t) for t in known):
                retry(study, stale)
