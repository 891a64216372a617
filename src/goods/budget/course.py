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
from goods.budget.plan import STUDY, TUNED, Ladder, Plan
from goods.budget.ready import Ready
from goods.budget.size import Size
from goods.budget.trials import fewer, with_trials
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig, preset_model
from goods.core.deadline import OutOfTime, deadline
from goods.core.execution import resources
from goods.core.log import say
from goods.core.workspace import Workspace

PILOT, PILOT_SHARE, PILOT_TIME = "pilot", 0.05, 0.3  # of the rows; of the time there is, at most
ALONE = 2.0  # what estimates may be off by
INSURED = 4.0  # times its estimate: a run that has less trains first what the preset names to stand alone
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
    studied: list[str] = field(default_factory=list)  # whose studies this run has made already
    estimate: float = 0.0
    told: list[str] = field(default_factory=list)
    wanted: Plan | None = None  # with what does not fit now, but for studies
    lines: dict[str, str] = field(default_factory=dict)  # of those told, by what does not fit
    clock: Clock = field(default_factory=Clock)
    insured: bool = False  # what is named to stand alone is trained first, beside what is joined
    finished: bool = False  # nothing is to be trained: no limit takes away what is there
    page: bool = True  # the report's, which counts less than that anything is learned
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
        self.done = [name for name in dict.fromkeys(known) if self.ready.has(name)]
        tuned = [name for name in self.plan.experiments if name.endswith(TUNED)]
        self.plan = replace(self.plan, trials={n.removesuffix(TUNED): self.trials_of(n) for n in tuned})
        if self.budget.plans and not self.done and self.ready.is_trained(self.smallest()):
            self.piloted.append(self.smallest())
        self.keep_pace(self.machine)
        self.finished = self.ready.is_joined(self.plan.experiments, self.done)
        self.estimate = self.seconds(self.plan)

    def needed(self, plan: Plan) -> list[str]:
        """Experiments of a plan after those that they build on."""
        first = [self.named] if self.named and self.insured and plan.joined else []
        return list(dict.fromkeys(n for e in (*first, *plan.experiments) for n in self.needs(e)))

    def next(self) -> str | None:
        """The experiment to train now, after what no longer fits is left out; None where all are trained."""
        self.keep_pace(self.machine)
        if self.ends is not None and (self.may_grow() or not self.may_be_joined()):
            if self.page and not (self.done or self.piloted):
                self.page = bool(self.ladder.within(self.plan, MARGIN * self.left())[0].experiments)
            self.plan_again()
        if self.is_answered(self.plan):
            return None
        return next((name for name in self.needed(self.plan) if name not in self.done), None)

    def plan_again(self) -> None:
        """Leave out what does not fit now. Of what did not fit before, studies apart, that is taken which does, or that
        may where an experiment alone has answered already; once one is fitted on a share of the rows nothing is."""
        grows = self.plan.share == 1 and bool(self.plan.experiments)
        before, whole = self.plan, (self.wanted or self.plan) if grows else self.plan
        self.insure(whole)
        plan, lines = whole, dict[str, str]()
        limit = (ALONE if self.is_answered(before) else MARGIN) * self.left()
        for plan, what, line in self.ladder.down(whole, limit):
            lines[what] = f"time limit: {line}"
            if what.startswith(STUDY):
                whole = plan
        kept = {what: line for what, line in self.lines.items() if not grows or what.startswith(STUDY)}
        self.told = [
            line
            for line in self.told
            if line not in self.lines.values() or line in (*kept.values(), *lines.values())
        ]
        for line in lines.values():
            if line not in self.told:
                self.leave_out(line)
        self.plan, self.wanted, self.lines = plan, whole, kept | lines
        known = {name.removesuffix(TUNED) for name in (*self.needed(before), *self.done)}
        more = [name for name in self.needed(plan) if name.removesuffix(TUNED) not in known]
        if more or plan.joined > before.joined:
            say(
                f"time limit: there is time after all for {', '.join([*more, *['what joins them'] * plan.joined])}"
            )

    def insure(self, plan: Plan) -> None:
        """Where what is joined is worth nothing by itself, and time may be too short to join it, what is named to stand
        alone goes first, and its time is counted."""
        self.insured = False
        if self.ends is not None and self.named is not None and self.named not in self.done:
            self.insured = plan.joined and INSURED * self.seconds(plan) > self.left()

    def may_be_joined(self) -> bool:
        """Whether nothing but the last experiment is left to do, which may be ready in time: if it is not, the best of
        the others answers, as it would without."""
        safe = self.done if self.named is None else self.named in self.done
        rest = self.left() - self.closing
        trained = self.plan.joined and set(self.needed(self.plan)) <= set(self.done)
        return bool(safe) and trained and self.seconds(self.plan) - self.closing < ALONE * rest

    def may_grow(self) -> bool:
        """Whether what is to be joined fits now with more of what did not before."""
        if self.wanted is None or not self.plan.joined:
            return False
        plan, _ = self.ladder.within(self.wanted, MARGIN * self.left())
        return plan.joined and set(plan.experiments) > set(self.plan.experiments)

    def is_answered(self, plan: Plan) -> bool:
        """Whether what is finished does for a plan where nothing is joined. An experiment that is named to stand alone
        is worth more than those that were to be joined."""
        return not plan.joined and bool(self.done) and (self.named is None or self.named in self.done)

    def left(self) -> float:
        return inf if self.ends is None else self.ends - time.perf_counter()

    def to_work(self) -> float:
        """Seconds until what is trained has to be ready."""
        return self.left() - self.closing

    def to_report(self) -> float:
        """Seconds until the report has to be."""
        return self.left() - ENDING * self.start

    @property
    def closing(self) -> float:
        """Seconds from the last model to the end of the process. Most of it is loading, which takes as long as at the
        start, on this machine and beside what else runs there."""
        page = PAGE * self.start + self.clock.pace * ROW * (self.size.train + self.size.test)
        return ENDING * self.start + (page if self.page else 0.0)

    def pilot(self) -> ExperimentConfig | None:
        """A small experiment that is trained first where time is short: something to answer with, and how fast folds
        really are. None where there is time enough, or not even for that, or where what it would be a pilot of is
        trained next, on all rows: its first folds tell as much."""
        if not self.ladder.alone or self.done or self.piloted or self.seconds(self.plan) < self.left() / 2:
            return None
        self.insure(self.plan)
        planned, _ = self.ladder.within(self.plan, MARGIN * self.left())
        on_all = not planned.joined and planned.share == 1 and planned.experiments == (self.ladder.alone,)
        if on_all or (planned.joined and self.insured):
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
        """Whether `work`, a pilot, an experiment or the last of them, was done before the end, or before what is
        finished would no longer be joined in time."""
        try:
            with deadline(self.to_train(what)):
                work()
        except OutOfTime:
            self.leave_out(f"time limit: {what} was not ready in time")
            self.plan = self.wanted = self.without(what)
            return False
        return True

    def to_train(self, what: str) -> float:
        """Seconds until `what` has to be ready: its estimate is kept back for what joins those that are finished, and
        as much again for what that errs by, but for what `what` is estimated at and its processes' start."""
        done = tuple(name for name in self.plan.experiments if name in self.done)
        if not done or not self.plan.joined or what not in self.needed(self.plan) or what == self.named:
            return self.to_work()
        joining = self.seconds(replace(self.plan, experiments=done)) - self.closing
        own = self.training(self.config(what)) + self.study(what, self.plan)
        return min(self.to_work() - joining, max(self.to_work() - ALONE * joining, own / MARGIN + self.start))

    def without(self, what: str) -> Plan:
        """The present plan without an experiment that was stopped; nothing where nothing else is to be joined."""
        kept = tuple(name for name in self.plan.experiments if what not in self.needs(name))
        if not self.plan.joined or kept == self.plan.experiments or not set(kept) & set(self.done):
            return Plan((), joined=False)
        trials = {n: count for n, count in self.plan.trials.items() if n + TUNED in kept}
        return replace(self.plan, experiments=kept, trials=trials)

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
        if plan.joined and not self.ready.is_joined(plan.experiments, self.done):
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
        if base not in plan.trials or plan.trials[base] == self.ready.trials_of_study(name):
            return 0.0
        return self.clock.study(with_trials(self.load(name), plan.trials[base]), self.size)

    def config(self, name: str, plan: Plan | None = None) -> ExperimentConfig:
        """What an experiment is trained with in a plan, the present one if none is given."""
        plan, config = plan or self.plan, self.load(name)
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

    def trials_of(self, name: str) -> int:
        """As many as its config says, or as a finished study has, which is not begun again with another number."""
        return self.ready.trials_of_study(name) or max(fewer(self.load(name)))

    @cached_property
    def ready(self) -> Ready:
        return Ready(self.ws, self.competition, self.load, self.join, self.force)

    def keep_pace(self, otherwise: float) -> None:
        """Go by what finished folds took, as far as they tell enough."""
        configs = [self.load(name).model_copy(update={"name": name}) for name in self.done]
        found = [taken(self.ws, config, self.size) for config in (*configs, *self.piloted)]
        spent, estimated = (sum(column) for column in zip(*found, strict=True)) if found else (0.0, 0.0)
        self.clock = Clock(believed(otherwise, spent, estimated))
