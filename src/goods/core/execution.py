"""Run fold jobs: in processes side by side on this machine's CPU, one per GPU where there are some, or on others.

How many threads a job has follows from the machine's cores and the number of folds alone: sums over threads end in
other last digits where their number is another, so a fold trained by itself later must have as many as before.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import psutil
from filelock import FileLock, Timeout
from joblib import delayed
from threadpoolctl import threadpool_limits

from goods.core import cgroups
from goods.core.errors import noted_in, noted_place
from goods.core.log import about, say, subject
from goods.core.processes import as_done, limits
from goods.core.progress import bar
from goods.core.warned import add, counted

GIGABYTES_PER_JOB = 3
MEMORY = GIGABYTES_PER_JOB * 2**30
PLACE = ".place"  # ends the name of a file that holds where a job is
ANY_GPU = "cuda"  # which one is settled when a job starts
GPU_DEVICES = ("nvidia*", "nvhost*", "nvgpu*", "dxg", "kfd")  # of NVIDIA, its boards, WSL, AMD


@dataclass(frozen=True)
class Resources:
    """What one job has: a torch device and CPU threads."""

    device: str
    threads: int


Arguments = tuple | Callable[[], tuple]  # of a job, or what tells them when it begins


class Remote(Protocol):
    """Other machines that take jobs."""

    @property
    def has_gpus(self) -> bool: ...

    def room(self, given: Resources, memory: int = MEMORY) -> int:
        """How many jobs of `memory` bytes run side by side, at least 1; GoodsError where no machine can take one."""

    def results(
        self,
        job: Callable[..., Any],
        arguments: Iterable[tuple],
        given: Resources,
        most: int,
        memory: int = MEMORY,
    ) -> Generator[Any]:
        """`job(*args, resources)` for every args, `most` of them given out at a time; results in order.

        What a job raises is raised here; one that is lost with its machine is done again.
        """


_remote: Remote | None = None
_counted: int | None = None


def remote() -> Remote | None:
    """What takes jobs; None: this machine."""
    return _remote


@contextmanager
def running_on(machines: Remote) -> Iterator[None]:
    """Within, jobs run there. Results do not depend on it."""
    global _remote
    before, _remote = _remote, machines
    try:
        yield
    finally:
        _remote = before


@contextmanager
def counting(n: int) -> Iterator[None]:
    """Within, this machine has `n` cores: a job comes out as on the machine that gave it out."""
    global _counted
    before, _counted = _counted, n
    try:
        yield
    finally:
        _counted = before


def cores() -> int:
    """CPU cores this process may use; of a share of them that a container gives, whole ones, at least one."""
    if _counted is not None:
        return _counted
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = cgroups.cpu_limit()
    return there if limit is None else max(1, min(there, int(limit)))


def free_memory() -> int:
    """Bytes that this process may still take."""
    free, limit = int(psutil.virtual_memory().available), cgroups.free_memory()
    return free if limit is None else min(free, limit)


def has_torch() -> bool:
    """Whether it is installed; it is not imported, which takes seconds."""
    try:
        return find_spec("torch") is not None
    except ImportError:
        return False


@cache
def has_gpu_device() -> bool:
    """Whether the system has a device of a driver of GPUs, on Linux; elsewhere torch is to say."""
    devices = Path("/dev")
    return sys.platform != "linux" or any(next(devices.glob(name), None) for name in GPU_DEVICES)


@cache
def gpus() -> int:
    """GPUs that the installed torch can compute on: all that are there, or none."""
    import torch  # seconds to load: only where a GPU would be used

    found = torch.cuda.device_count()
    try:
        for gpu in range(found):
            (torch.ones(2, device=f"{ANY_GPU}:{gpu}") + 1).sum().item()
    except (RuntimeError, AssertionError) as error:  # no kernel for it, an old driver, built without CUDA
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        say(f"warning: torch {torch.__version__} cannot use the GPU ({reason}): the CPU is used instead")
        return 0
    return found


def resources(n_jobs: int, on_gpu: bool) -> Resources:
    """What each of `n_jobs` like jobs gets, however many of them are left to do."""
    given = own_resources(n_jobs, on_gpu)
    return replace(given, device=ANY_GPU) if on_gpu and _remote is not None and _remote.has_gpus else given


def own_resources(n_jobs: int, on_gpu: bool) -> Resources:
    """What each of `n_jobs` gets on this machine, whatever others there are."""
    n_gpus = gpus() if on_gpu and has_gpu_device() else 0
    side_by_side = max(1, min(n_gpus or cores(), n_jobs))
    return Resources(ANY_GPU if n_gpus else "cpu", max(1, cores() // side_by_side))


def at_once(n_jobs: int, given: Resources) -> int:
    """How many of `n_jobs` run side by side: as many as there are GPUs, or cores and memory for, and the run's limits
    allow."""
    n_jobs = allowed(n_jobs)
    if _remote is not None:
        return min(n_jobs, _remote.room(given))
    if given.device == ANY_GPU:
        return max(1, min(gpus(), n_jobs))
    most = min(cores() // given.threads, n_jobs)
    # what is free stands in files of the system, and a run within limits asks thousands of times
    return max(1, min(most, free_memory() // MEMORY) if most > 1 else most)


def allowed(n_jobs: int) -> int:
    """How many of `n_jobs` the run's limits let run side by side, wherever that is."""
    workers, memory = limits().workers, limits().memory
    return max(1, min(n_jobs, workers or n_jobs, n_jobs if memory is None else memory // MEMORY))


def run_jobs(
    job: Callable[..., Any],
    arguments: Iterable[Arguments],
    given: Resources,
    title: str,
    most: int | None = None,
    after: Mapping[int, Collection[int]] | None = None,
    seconds: Sequence[float] | None = None,
) -> list[Any]:
    """`job(*args, resources)` for every args, some (`most` at most) side by side in processes; results in order, a bar
    on stderr, which goes by the `seconds` that each may take where they differ. On this machine a job begins, and is
    told its args, once those that stand `after` its number, all of them before it, are done.
    """
    arguments, all_seconds = list(arguments), sum(seconds or ())
    results = dict[int, Any]()
    with (
        bar(title, len(arguments), "done") as shown,
        closing(_results(job, arguments, given, most or len(arguments), after or {})) as found,
    ):
        for number, result in found:
            results[number] = result
            shown.update(share=seconds[number] / all_seconds if seconds and all_seconds else None)
    return [results[number] for number in range(len(arguments))]


def run_job(job: Callable[..., Any], args: tuple, given: Resources) -> Any:
    """`job(*args, resources)`, alone: in this process, or on another machine where jobs run there."""
    if _remote is None:
        return job(*args, first_gpu(given))
    with closing(_remote.results(job, [args], given, 1)) as found:
        return next(found)


def _results(
    job: Callable[..., Any],
    arguments: list[Arguments],
    given: Resources,
    most: int,
    after: Mapping[int, Collection[int]],
) -> Generator[tuple[int, Any]]:
    side_by_side = min(at_once(len(arguments), given), most)
    if _remote is not None:
        told = (args_of(one) for one in arguments)
        with closing(_remote.results(job, told, given, min(allowed(len(arguments)), most))) as found:
            yield from enumerate(found)
    elif side_by_side == 1:
        for number, one in enumerate(arguments):
            yield number, limited_job(job, args_of(one), first_gpu(given))
    else:
        # loky renews a worker whose memory has grown, and says so each time: models do grow
        warnings.filterwarnings("ignore", message="A worker stopped", category=UserWarning)
        with tempfile.TemporaryDirectory(prefix="goods-gpus-", ignore_cleanup_errors=True) as tokens:
            of = subject()

            def call(number: int, one: Arguments) -> tuple:
                place = Path(tokens) / f"{number}{PLACE}"
                return delayed(_on_its_gpu)(job, args_of(one), given, place, side_by_side, of)

            calls = [partial(call, *numbered) for numbered in enumerate(arguments)]
            try:
                for number, (result, warned) in as_done(calls, after, side_by_side, given.threads):
                    add(warned)
                    yield number, result
            except BrokenProcessPool as error:  # of jobs that no longer run nothing is left there
                for left in sorted(Path(tokens).glob(f"*{PLACE}")):
                    if place := noted_place(left):
                        error.add_note(f"in {place}")
                raise


def args_of(arguments: Arguments) -> tuple:
    return arguments() if callable(arguments) else arguments


def first_gpu(given: Resources) -> Resources:
    """For a job that has all GPUs to itself."""
    return replace(given, device=f"{ANY_GPU}:0") if given.device == ANY_GPU else given


def _on_its_gpu(
    job: Callable[..., Any], args: tuple, given: Resources, place: Path, n_gpus: int, of: str
) -> tuple[Any, Counter[str]]:
    """What the job returns, and the warnings it gave; what it says is `of` that subject. The file `place` holds where
    it is, those of GPUs that are taken lie beside it."""
    with about(of), noted_in(place), counted() as warned:
        if given.device != ANY_GPU:
            return limited_job(job, args, given), warned
        with gpu_token(place.parent, n_gpus) as gpu:
            return limited_job(job, args, replace(given, device=f"{ANY_GPU}:{gpu}")), warned


def limited_job(job: Callable[..., Any], args: tuple, given: Resources) -> Any:
    """The job with BLAS and OpenMP on its threads alone, whether it has a process of its own or not."""
    with threadpool_limits(given.threads):
        return job(*args, given)


@contextmanager
def gpu_token(folder: Path, n_gpus: int) -> Iterator[int]:
    """The number of a GPU that no other job holds; a lock that ends with its process, so that none is lost."""
    while True:
        for gpu in range(n_gpus):
            lock = FileLock(folder / f"gpu-{gpu}.lock")
            try:
                lock.acquire(blocking=False)
            except Timeout:
                continue
            try:
                yield gpu
            finally:
                lock.release()
            return
        time.sleep(0.05)
