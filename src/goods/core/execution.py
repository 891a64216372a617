"""Run fold jobs on this machine: processes side by side on a CPU, one per GPU where there are some."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import psutil
from joblib import Parallel, delayed, parallel_config
from tqdm import tqdm

GIGABYTES_PER_JOB = 3


@dataclass(frozen=True)
class Place:
    """Where one job runs: a torch device and how many CPU threads it may use."""

    device: str
    threads: int


def cores() -> int:
    """CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def places(n_jobs: int, neural: bool) -> tuple[list[Place], int]:
    """A place for each of `n_jobs` jobs, and how many of them run at once."""
    if neural:
        import torch

        gpus = torch.cuda.device_count()
        if gpus:
            at_once = min(gpus, n_jobs)
            threads = max(1, cores() // at_once)
            return [Place(f"cuda:{i % gpus}", threads) for i in range(n_jobs)], at_once
    memory_jobs = int(psutil.virtual_memory().available / 2**30 // GIGABYTES_PER_JOB)
    at_once = max(1, min(cores(), n_jobs, memory_jobs))
    return [Place("cpu", max(1, cores() // at_once))] * n_jobs, at_once


def run_jobs(
    job: Callable[..., Any], arguments: Iterable[tuple], at_once: int, threads: int, title: str
) -> list[Any]:
    """`job(*args)` for every args, `at_once` in parallel processes; results in order, a bar on stderr."""
    arguments = list(arguments)
    bar = tqdm(total=len(arguments), desc=title, unit="fold", dynamic_ncols=True, leave=False)
    if at_once == 1:
        results = []
        for args in arguments:
            results.append(job(*args))
            bar.update()
        bar.close()
        return results
    # loky renews a worker whose memory has grown, and says so each time: models do grow
    warnings.filterwarnings("ignore", message="A worker stopped", category=UserWarning)
    with parallel_config(backend="loky", inner_max_num_threads=threads):
        results = []
        for result in Parallel(n_jobs=at_once, return_as="generator")(
            delayed(job)(*args) for args in arguments
        ):
            results.append(result)
            bar.update()
    bar.close()
    return results
