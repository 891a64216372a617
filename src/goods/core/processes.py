"""Calls side by side in worker processes that end with this one, however it ends."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import resource_tracker
from typing import Any

from joblib import Parallel, parallel_config
from joblib.externals.loky import process_executor, reusable_executor

from goods.core.log import say_stamped

PR_SET_PDEATHSIG = 1  # of linux/prctl.h
POLL_SECONDS = 0.5
# bytes that a worker may hold more after a job than after its first, or another takes its place: torch and vectors of
# words are more than the 300 MB that joblib allows, and loading them anew takes seconds
KEPT = 3 * 2**29


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
    with _beginning(threads):
        results = Parallel(n_jobs=_allowed(workers), return_as="generator")(calls)
    yield from results


def as_done(
    calls: Sequence[Callable[[], tuple]],
    after: Mapping[int, Collection[int]],
    workers: int,
    threads: int | None = None,
) -> Iterator[tuple[int, Any]]:
    """As `in_processes`, with two `workers` or more: each result with the number of its call as soon as it is there. A
    call begins, and is made, once those that stand `after` its number, all of them before it, are done; the first that
    may does."""
    left, done, running = list(range(len(calls))), set[int](), dict[Any, int]()
    workers = _allowed(workers)
    with ExitStack() as held:
        with _beginning(threads):  # where there are fewer of them than `workers`, the others are started
            pool = held.enter_context(Parallel(n_jobs=workers))
        try:
            while left or running:
                ready = [i for i in left if done.issuperset(after.get(i, ()))]
                for i in ready[: workers - len(running)]:
                    job, args, named = calls[i]()
                    with _no_ctrl_c():  # a process may have to be started for it
                        running[pool._backend.submit(partial(job, *args, **named))] = i
                    left.remove(i)
                for ended in wait(running, return_when=FIRST_COMPLETED).done:
                    done.add(number := running.pop(ended))
                    yield number, ended.result()
        except BaseException:
            pool._backend.abort_everything(ensure_ready=False)
            raise


def _allowed(workers: int) -> int:
    return min(workers, _limits.workers or workers)


@contextmanager
def _beginning(threads: int | None) -> Iterator[None]:
    """In here joblib starts processes of `threads` each."""
    # with other arguments it starts others: those there are have the temporary folder of before
    begin = {"initializer": begin_in, "initargs": (os.getpid(), tempfile.gettempdir())}
    with _no_ctrl_c(), parallel_config(backend="loky", inner_max_num_threads=threads, **begin):
        yield


def end_idle() -> None:
    """End the processes that `in_processes` keeps for its next call: each holds what its last job took."""
    # asking joblib for its executor makes one where there is none
    executor = reusable_executor._executor
    if executor is not None:
        executor.shutdown(wait=True)


def begin_in(parent: int, temporary: str) -> None:
    """Called in a worker process that `parent` has started: temporary files go to the folder `temporary`."""
    tempfile.tempdir = temporary
    process_executor._MAX_MEMORY_LEAK_SIZE = KEPT
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
