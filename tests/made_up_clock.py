"""Runs within limits on a made-up clock: all takes what it is estimated at, times how slow the machine is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import pytest

from goods.budget.costs import Clock, cost_of
from goods.budget.course import Course
from goods.budget.estimates import PILOT
from goods.budget.limits import Budget
from goods.budget.pace import believed
from goods.budget.plan import Plan
from goods.budget.size import Size
from goods.competitions.loading import load_competition
from goods.config.experiment import ExperimentConfig, preset_model
from goods.core import execution
from goods.core.deadline import OutOfTime
from goods.core.workspace import Workspace
from goods.pipeline import run_within
from goods.presets import Options, joining, load_base, load_preset, with_upstream
from goods.train.best import TUNED

CONFIGS = Path(__file__).parents[1] / "configs"
PACE = 1.0  # that is measured of the machine
START = 1.0  # seconds until a process begins
LOADING = 0.0  # until processes side by side have begun and loaded what they train with, the first time
SUBMISSION = 0.0  # until what is finished is submitted and the process ends
SAID: list[str] = []  # lines of the last run
ENDED: list[float] = []  # when it was over
JOINED, SINGLE, NOTHING = 20.0, 10.0, 0.0


@dataclass
class Machine:
    """Seconds here take `slow` times those of the estimates, a pilot's `pilot` times; `now` of a run, `until` when what
    runs is stopped."""

    slow: float
    pilot: float
    now: float = 0.0
    until: float = math.inf
    spent: float = 0.0
    estimated: float = 0.0
    begun: bool = False  # processes beside this one
    folds: dict[str, tuple[int, float]] = field(default_factory=dict)  # finished ones, and on what share

    @contextmanager
    def deadline(self, seconds: float) -> Iterator[None]:
        self.until = self.now + seconds
        try:
            yield
        finally:
            self.until = math.inf

    def clock(self) -> Clock:
        return Clock(believed(PACE, self.spent, self.estimated))

    def work(self, seconds: float) -> None:
        end = self.now + self.slow * seconds
        self.now = min(end, max(self.until, self.now))
        if end > self.until:
            raise OutOfTime

    def train(self, course: Course, config: ExperimentConfig, name: str) -> None:
        """Fold by fold, as many side by side as this process has cores."""
        if name == PILOT and self.slow != self.pilot:
            pilot = replace(self, slow=self.pilot)
            try:
                return pilot.train(course, config, name)
            finally:
                self.now, self.spent, self.estimated = pilot.now, pilot.spent, pilot.estimated
        size, given = course.size, execution.resources(course.size.folds, False)
        side_by_side = execution.at_once(size.folds, given)
        fold = cost_of(config.model).fold(config.model, size, config.share)
        trained = Clock().training(config, size, given, cached=True)
        rounds = -(-size.folds // side_by_side)
        if side_by_side > 1 and not self.begun:
            self.work(LOADING)
            self.begun = True
        self.work(Clock().training(config, size, given) - trained)
        for before in range(0, size.folds, side_by_side):
            self.work(trained / rounds)
            n = min(side_by_side, size.folds - before)
            self.spent, self.estimated = self.spent + self.slow * n * fold, self.estimated + n * fold
            self.folds[name] = (before + n, config.share)


def answer(machine: Machine, course: Course, joined: bool) -> float:
    """What a run ends with: what is joined counts most, then one experiment alone, by the rows it is fitted on."""
    if joined:
        return JOINED + sum(map(course.gain, course.needed(course.plan)))
    found = [NOTHING]
    for name, (folds, share) in machine.folds.items():
        alone = name == PILOT or course.ladder.is_alone(name)
        if alone and (name != PILOT or folds == course.size.folds):
            found.append(SINGLE + math.log10(share) - 0.01 * (course.size.folds - folds))
    return max(found)


def ends_with(
    competition: str, size: Size, slow: float, limit: float, folder: Path, preset: str = "quick"
) -> float:
    """What a run within `limit` seconds ends with."""
    return course_and_answer(competition, size, slow, limit, folder, preset)[1]


def course_and_answer(
    competition: str,
    size: Size,
    slow: float,
    limit: float,
    folder: Path,
    preset: str = "quick",
    pilot: float | None = None,
) -> tuple[Course, float]:
    """The course of a run, and what it ends with."""
    options = Options(CONFIGS, folder, folder, preset=preset, offline=True, budget=Budget(limit))
    last, machine = load_preset(options, competition), Machine(slow, pilot or slow, START * slow)
    course = Course(
        Workspace(folder, competition),
        load_competition(competition, CONFIGS),
        options.budget,
        limit,
        size,
        load=cache(lambda name: load_base(options, competition, name)),
        needs=cache(lambda name: with_upstream(options, competition, name)),
        join=lambda experiments: joining(last, experiments),
        plan=Plan(preset_model(last).experiments),
        start=START * slow,
    )

    def train(course: Course, options: Options, name: str, config: ExperimentConfig) -> None:
        if config.tune is not None and name.endswith(TUNED):
            machine.work(Clock().study(config, size))
        machine.train(course, config, name)

    def join(course: Course, config: ExperimentConfig, options: Options) -> None:
        machine.work(Clock().training(config, size, execution.resources(size.folds, False)))

    SAID.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Course, "left", lambda self: limit - machine.now)
        patch.setattr(Course, "keep_pace", lambda self, pace: setattr(self, "clock", machine.clock()))
        patch.setattr("goods.budget.course.machine_pace", lambda: PACE)
        patch.setattr("goods.budget.course.deadline", machine.deadline)
        patch.setattr("goods.budget.course.say", SAID.append)
        patch.setattr("goods.pipeline.announce", lambda *_: None)
        patch.setattr(
            "goods.pipeline.train", lambda ws, competition, pilot: machine.train(course, pilot, PILOT)
        )
        patch.setattr("goods.pipeline.train_experiment", train)
        patch.setattr("goods.pipeline.join", join)
        patch.setattr("goods.pipeline.best_answer", lambda *_: None)
        patch.setattr("goods.pipeline.answer_alone", lambda *_: None)
        course.open()
        joined = run_within(course, last, options) is not None
    ENDED[:] = [machine.now + slow * SUBMISSION]
    return course, answer(machine, course, joined)
