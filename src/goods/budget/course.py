"""A run that may not take all it would like: what is trained next, asked again before every stage."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import inf

from goods.budget.costs import Clock, cost_of
from goods.budget.limits import Budget
from goods.budget.pace import believed, machine_pace, taken
from goods.budget.plan import TUNED, Ladder, Plan
from goods.budget.size import Size
from goods.budget.trials import fewer, with_trials
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig, preset_model
from goods.config.loading import load_experiment
from goods.core.deadline import OutOfTime, deadline
from goods.core.done import done_key
from goods.core.errors import GoodsError
from goods.core.execution import resources
from goods.core.log import say
from goods.core.workspace import Workspace
from goods.stack.stage import stack_key
from goods.train.keys import is_trained
from goods.tune.keys import study_key

PILOT, PILOT_SHARE = "pilot", 0.05
PILOT_TIME = 0.3  # of the time there is, at most
ALONE = 2.0  # what estimates may be off by
MARGIN = 0.9  # of the seconds left that are planned for: estimates err
START = 1.5  # seconds that a process takes to begin, where nobody has seen how many
ENDING, PAGE = 1.0, 2.0  # times what the start takes: submission and end of a process; the report's page
ROW = 5e-5  # seconds of the page for each row


@dataclass
class Course:
    """`ends`: when time.perf_counter may not be more; `load` gives the config that an experiment of the preset starts
    from, `needs` the names of those it builds on, itself last, `join` the config of the last over some experiments.
    """

    ws: Workspace
    competition: CompetitionConfig
    budget: Budget
    ends: float | None
    size: Size
    load: Callable[[str], ExperimentConfig]
    needs: Callable[[str], list[str]]
    join: Callable[[tuple[str, ...]], ExperimentConfig]
    plan: Plan
    force: bool = False
    done: list[str] = field(default_factory=list)
    piloted: list[ExperimentConfig] = field(default_factory=list)
    estimate: float = 0.0
    told: list[str] = field(default_factory=list)
    clock: Clock = field(default_factory=Clock)
    joined: dict[tuple[str, ...], bool] = field(default_factory=dict)  # answers of is_joined
    finished: bool = False  # nothing is to be trained: no limit takes away what is there
    cached: bool = False  # another target, on the same cards, makes what all folds share
    machine: float = 1.0  # the pace that is believed before folds are finished
    start: float = 0.0  # seconds until this process was ready to begin
    after: list[Course] = field(default_factory=list)  # of the targets that follow

    def open(self) -> None:
        """Find what is done, and how fast this machine is."""
        self.machine = machine_pace()
        self.start = self.start or START * self.machine
        known = [*self.needed(self.plan), *(n.removesuffix(TUNED) for n in self.plan.experiments)]
        known += [self.named] if self.named else []
        self.done = [name for name in dict.fromkeys(known) if self.is_finished(name)]
        trials = {
            n.removesuffix(TUNED): self.trials_of(n) for n in self.plan.experiments if n.endswith(TUNED)
        }
        self.plan = replace(self.plan, trials=trials)
        if self.budget.plans and not self.done and self.is_trained(self.smallest()):
            self.piloted.append(self.smallest())
        self.keep_pace(self.machine)
        self.finished = self.is_joined(self.plan.experiments)
        self.estimate = self.seconds(self.plan)

    def needed(self, plan: Plan) -> list[str]:
        """Experiments of a plan after those that they build on."""
        return list(dict.fromkeys(n for e in plan.experiments for n in self.needs(e)))

    def next(self) -> str | None:
        """The experiment to train now, after what no longer fits is left out; None where all are trained."""
        self.keep_pace(self.machine)
        if self.ends is not None:
            self.plan, lines = self.ladder.within(self.plan, MARGIN * self.left())
            for line in lines:
                self.leave_out(f"time limit: {line}")
        if self.is_answered(self.plan):
            return None
        return next((name for name in self.needed(self.plan) if name not in self.done), None)

    def is_answered(self, plan: Plan) -> bool:
        """Whether what is finished does for a plan where nothing is joined. An experiment that is named to stand alone
        is worth more than those that were to be joined."""
        return not plan.joined and bool(self.done) and (self.named is None or self.named in self.done)

    def left(self) -> float:
        """Seconds until the end."""
        return inf if self.ends is None else self.ends - time.perf_counter()

    def to_work(self) -> float:
        """Seconds until what is trained has to be ready."""
        return self.left() - self.closing

    def to_report(self) -> float:
        """Seconds until the report has to be."""
        return self.left() - ENDING * self.start

    @property
    def closing(self) -> float:
        """Seconds from the last model to the end of the process. Most of it is loading code and data, which takes as
        long as it took at the start, on this machine and beside what else runs there."""
        return (ENDING + PAGE) * self.start + self.clock.pace * ROW * (self.size.train + self.size.test)

    def pilot(self) -> ExperimentConfig | None:
        """A small experiment that is trained first where time is short: something to answer with, and how fast folds
        really are here. None where there is time enough, or not even for that, or where the experiment that it would be
        a pilot of is trained next, on all rows: its first folds tell as much."""
        if not self.ladder.alone or self.done or self.piloted or self.seconds(self.plan) < self.left() / 2:
            return None
        planned, _ = self.ladder.within(self.plan, MARGIN * self.left())
        if not planned.joined and planned.share == 1 and planned.experiments == (self.ladder.alone,):
            return None
        config = self.smallest()
        return config if self.training(config) < PILOT_TIME * self.to_work() else None

    def smallest(self) -> ExperimentConfig:
        """A pilot, whether there is time for it or not."""
        return self.plain().model_copy(update={"name": PILOT, "share": PILOT_SHARE})

    def plain(self) -> ExperimentConfig:
        """What is left where nothing else is, on all rows."""
        return self.load(self.ladder.alone)

    def in_time(self, what: str, work: Callable[[], object]) -> bool:
        """Whether `work` on an experiment was done before the end; if not, no more is trained."""
        try:
            with deadline(self.to_work()):
                work()
        except OutOfTime:
            self.leave_out(f"time limit: {what} was not ready in time")
            self.plan = Plan((), joined=False)
            return False
        return True

    def leave_out(self, line: str) -> None:
        say(line)
        self.told.append(line)

    def seconds(self, plan: Plan) -> float:
        """Of all that is still to be done for a plan."""
        total = self.closing
        if self.is_answered(plan):
            return total
        for name in self.needed(plan):
            if name not in self.done:
                total += self.training(self.config(name, plan), self.least(plan)) * self.doubt(name, plan)
                total += self.study(name, plan)
        if plan.joined and not self.is_joined(plan.experiments):
            total += self.training(self.join(plan.experiments))
        return total

    def doubt(self, name: str, plan: Plan) -> float:
        """What the estimate of an experiment is multiplied by: nothing better than a pilot is there if it fails."""
        unsafe = not self.done and (self.piloted or not plan.joined)
        return ALONE if unsafe and self.ladder.is_alone(name) else 1.0

    def least(self, plan: Plan) -> int | None:
        """Folds that have to be ready; None: all. Of an experiment alone those that are finished answer for it."""
        return None if plan.joined else 1

    def training(self, config: ExperimentConfig, folds: int | None = None) -> float:
        given = resources(self.size.folds, config.model.on_gpu)
        return self.clock.training(config, self.size, given, folds, self.cached)

    def study(self, name: str, plan: Plan) -> float:
        base = name.removesuffix(TUNED)
        if base not in plan.trials or plan.trials[base] == self.studied.get(base):
            return 0.0
        return self.clock.study(with_trials(self.load(name), plan.trials[base]), self.size)

    def config(self, name: str, plan: Plan | None = None) -> ExperimentConfig:
        """What an experiment is trained with in a plan, the present one if none is given."""
        plan = plan or self.plan
        config = self.load(name)
        trials = plan.trials.get(name.removesuffix(TUNED))
        if name.endswith(TUNED) and trials is not None:
            config = with_trials(config, trials)
        return config if plan.share == 1 else config.model_copy(update={"share": plan.share})

    @property
    def named(self) -> str | None:
        """The experiment that the preset names to stand alone."""
        return preset_model(self.join(self.plan.experiments)).alone

    @cached_property
    def ladder(self) -> Ladder:
        names = self.needed(self.plan)
        simple = [n for n in names if not self.load(n).upstream and not self.load(n).model.needs_photos]
        return Ladder(
            self.seconds,
            self.needs,
            self.gain,
            self.named or max(simple or names, key=self.gain, default="").removesuffix(TUNED),
            {name: min(fewer(self.load(name))) for name in self.plan.trials},
        )

    def gain(self, name: str) -> float:
        return cost_of(self.load(name).model).gain

    @cached_property
    def studied(self) -> dict[str, int]:
        """Trials of each study that is finished, with as many as its config says or as a time limit had left it."""
        found: dict[str, int] = {}
        for name in self.plan.experiments:
            config, base = self.load(name), name.removesuffix(TUNED)
            if not name.endswith(TUNED) or (key := done_key(self.ws.tuning(base))) is None:
                continue
            try:
                for n in fewer(config):
                    if study_key(self.ws, self.competition, with_trials(config, n)) == key:
                        found[base] = n
            except GoodsError:  # what it builds on is damaged, and is trained again first
                continue
        return found

    def trials_of(self, name: str) -> int:
        """As many as its config says, or as a finished study has, which is not begun again with another number."""
        base = name.removesuffix(TUNED)
        return self.studied.get(base, max(fewer(self.load(name))))

    def is_finished(self, name: str) -> bool:
        """Whether all of an experiment is there as it would be trained now."""
        if self.force:
            return False
        try:
            config = self.load(name)
            if name.endswith(TUNED):
                best = self.ws.tuning(config.name) / "best.yaml"
                if config.name not in self.studied or not best.is_file():
                    return False
                config = load_experiment(best)
            return self.is_trained(config)
        except GoodsError:  # as in `studied`
            return False

    def is_trained(self, config: ExperimentConfig) -> bool:
        """Whether all folds of a config are there, and their predictions are joined."""
        whole = done_key(self.ws.run(config.name).path) is not None
        return whole and all(is_trained(self.ws, config, k) for k in range(self.size.folds))

    def is_joined(self, experiments: tuple[str, ...]) -> bool:
        """Whether the last experiment over these is finished."""
        if self.force or not set(experiments) <= set(self.done):
            return False
        asked = (*experiments, "", *self.done)
        if asked not in self.joined:
            try:
                self.joined[asked] = self.is_joined_now(experiments)
            except GoodsError:  # what it joins is damaged, and is trained again first
                self.joined[asked] = False
        return self.joined[asked]

    def is_joined_now(self, experiments: tuple[str, ...]) -> bool:
        config = self.join(experiments)
        if not config.model.second_level:
            return all(is_trained(self.ws, config, k) for k in range(self.size.folds))
        key = done_key(self.ws.run(config.name).path)
        return key is not None and key == stack_key(self.ws, self.competition, config)

    def keep_pace(self, otherwise: float) -> None:
        """Go by what finished folds took, as far as they tell enough."""
        configs = [self.load(name).model_copy(update={"name": name}) for name in self.done]
        found = [taken(self.ws, config, self.size) for config in (*configs, *self.piloted)]
        spent, estimated = (sum(column) for column in zip(*found, strict=True)) if found else (0.0, 0.0)
        self.clock = Clock(believed(otherwise, spent, estimated))
