"""Calls side by side in worker processes that end with this one, however it ends."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from typing import Any

from joblib import Parallel, parallel_config
from joblib.externals.loky import reusable_executor

from goods.core.log import say_stamped

PR_SET_PDEATHSIG = 1  # of linux/prctl.h
POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Limits:
    """What a run may take at most, None: all there is. `workers`: processes that compute side by side; `memory`: bytes,
    of all processes together."""

    workers: int | None = None
    memory: int | None = None


_limits = Limits()


@contextmanager
def limited(limits: Limits) -> Iterator[None]:
    """Within, no more processes are started side by side than `limits` allow. Results do not depend on it."""
    global _limits
    before, _limits = _limits, limits
    try:
        yield
    finally:
        _limits = before


def limits() -> Limits:
    return _limits


def in_processes(calls: Iterable[tuple], workers: int, threads: int | None = None) -> Iterator[Any]:
    """Results of joblib's `delayed` calls in order, `workers` of them at a time, or as many as `limits` allow, with
    `threads` each."""
    workers = min(workers, _limits.workers or workers)
    # with other arguments joblib starts other processes: those there are have the temporary folder of before
    begin = {"initializer": begin_in, "initargs": (os.getpid(), tempfile.gettempdir())}
    settings = {"inner_max_num_threads": threads, **begin}
    with _no_ctrl_c(), parallel_config(backend="loky", **settings):
        results = Parallel(n_jobs=workers, return_as="generator")(calls)
    yield from results


def end_idle() -> None:
    """End the processes that `in_processes` keeps for its next call: each holds what its last job took."""
    # asking joblib for its executor makes one where there is none
    executor = reusable_executor._executor
    if executor is not None:
        executor.shutdown(wait=True)


def begin_in(parent: int, temporary: str) -> None:
    """Called in a worker process that `parent` has started: temporary files go to the folder `temporary`."""
    tempfile.tempdir = temporary
    say_stamped()
    end_with(parent)


def end_with(parent: int) -> None:
    """Called in a worker process that `parent` has started: it is killed as soon as that is gone, and leaves Ctrl-C,
    which a terminal sends to both, to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)  # a forked process would write to its parent's
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    if sys.platform == "linux":  # the thread below has to wait for compiled code that does not let Python run
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # gone before it could be asked for
        os._exit(1)
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(POLL_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def _no_ctrl_c() -> Iterator[None]:
    """Processes and threads that are started in here begin with Ctrl-C held back: it would find them importing."""
    resource_tracker.ensure_running()  # which lets Ctrl-C through again when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
