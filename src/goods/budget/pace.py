"""How fast this machine is now, beside the one that the costs were measured on."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from goods.budget.costs import cost_of
from goods.budget.size import Size
from goods.config.experiment import ExperimentConfig
from goods.core import cgroups
from goods.core.artifacts import read_json
from goods.core.done import DONE
from goods.core.errors import GoodsError
from goods.core.workspace import Workspace

REFERENCE = 0.03  # seconds that `task` took there
LEAST, MOST = 0.1, 50.0  # between which a pace is believed
# how often the task is done, unless so many seconds are over: a busy machine pauses it now and then
TIMES, ENOUGH = 8, 0.5
FRESH = 60  # seconds that a pace is good for
SLOW, BUSY = 1.3, 0.2  # a pace, and a share of the cores that others take, which are worth a word
DOUBT = 20.0  # estimated seconds of finished folds that tell as much of the others as the machine's pace does


_measured: list[tuple[float, Machine]] = []  # when, and what: the last


@dataclass
class Rate:
    """How long a run takes by the clock: seconds `spent` on what is behind it, which was `estimated` at so many on the
    machine that the costs were measured on; `doing`: when what it is at began, and what that is estimated at."""

    spent: float = 0.0
    estimated: float = 0.0
    doing: tuple[float, float] | None = None

    def begin(self, estimated: float) -> None:
        """What was begun before is done, and the next begins."""
        now = time.perf_counter()
        if self.doing is not None:
            self.spent += now - self.doing[0]
            self.estimated += self.doing[1]
        self.doing = now, estimated

    def stop(self) -> None:
        """What was begun is not done: it tells nothing."""
        self.doing = None

    def pace(self, otherwise: float, left: float) -> float:
        """Where `left` of the estimate is still to be done: a quarter of a short run tells as much as `otherwise`."""
        doubt = min(DOUBT, (self.estimated + left) / 4)
        return believed(otherwise, self.spent, self.estimated, doubt) if self.estimated else otherwise


@dataclass(frozen=True)
class Machine:
    """`pace`: seconds of wall clock here for a second there, other programs on its cores included; `others`: the share
    of its cores that these take."""

    pace: float
    others: float


def machine_pace() -> float:
    return machine().pace


def machine() -> Machine:
    """What was measured less than `FRESH` seconds ago, such as for another target, is not measured again."""
    if not _measured or time.monotonic() - _measured[0][0] >= FRESH:
        _measured[:] = [(time.monotonic(), _measure())]
    return _measured[0][1]


def _measure() -> Machine:
    started, times, before, own = time.perf_counter(), 0, _cores(), time.process_time()
    while times < TIMES and time.perf_counter() - started < ENOUGH:
        task()
        times += 1
    took, after = time.perf_counter() - started, _cores()
    passed, taken = (later - earlier for later, earlier in zip(after, before, strict=True))
    others = (taken - (time.process_time() - own)) / passed if passed else 0.0
    return Machine(bounded(took / (times * REFERENCE)), min(max(others, 0.0), 1.0))


def _cores() -> tuple[float, float]:
    """Seconds so far of the cores that this process may use, and those of them that any took. What a container has of
    them is its own: those outside take nothing of it."""
    cores = psutil.cpu_times(percpu=True)
    if hasattr(os, "sched_getaffinity"):
        usable = os.sched_getaffinity(0)
        cores = [times for number, times in enumerate(cores) if number in usable] or cores
    limit, taken = cgroups.cpu_limit(), cgroups.cpu_taken()
    if limit is not None and taken is not None and limit < len(cores):
        return limit * time.perf_counter(), taken
    passed = sum(map(total, cores))
    return passed, passed - sum(map(unused, cores))


def total(times: Any) -> float:
    """Seconds of psutil's times, those of guests once: they are in the host's too."""
    return float(sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0))


def unused(times: Any) -> float:
    """Seconds of psutil's times in which no program had the cores; waiting for the disk takes none."""
    return float(times.idle + getattr(times, "iowait", 0.0))


def why_slow(pace: float) -> str:
    """Why estimates are multiplied by a pace, where that is worth a word; "" where it is not."""
    if pace < SLOW:
        return ""
    others = machine().others
    why = f"other programs take {others:.0%} of the cores" if others >= BUSY else "by its own speed now"
    return f"; all takes {pace:.1f} times as long here as where it was measured: {why}"


def believed(before: float, spent: float, estimated: float, doubt: float = DOUBT) -> float:
    """The pace after folds that were `estimated` at so many core seconds took as many as `spent`: the longer they are,
    the less counts what was believed `before`. Small ones end long before their estimate, which says nothing of large.
    """
    return bounded((before * doubt + spent) / (doubt + estimated))


def task() -> int:
    """Some of what models do most: words counted, numbers sorted."""
    counts: dict[str, int] = {}
    for i in range(150_000):
        word = f"{i * i % 20011}"
        counts[word] = counts.get(word, 0) + len(word)
    numbers = np.random.default_rng(0).random((60, 20_000))
    return len(counts) + int(np.sort(numbers, 1)[:, 0].argmax())


def taken(ws: Workspace, config: ExperimentConfig, size: Size) -> tuple[float, float]:
    """Core seconds that the finished folds of an experiment took, and what they were estimated at; (0, 0) without
    any."""
    reports = [r for k in range(size.folds) if (r := fold_report(ws.run(config.name).fold(k))) is not None]
    spent = sum((r["fit_seconds"] + r["predict_seconds"]) * r["threads"] for r in reports)
    return spent, len(reports) * cost_of(config.model).fold(config.model, size, config.share)


def fold_report(folder: Path) -> dict | None:
    try:
        return read_json(folder / "report.json") if (folder / DONE).is_file() else None
    except GoodsError:
        return None


def bounded(pace: float) -> float:
    return min(max(pace, LEAST), MOST)
