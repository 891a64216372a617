"""What a run within limits goes by: what is there of it, and how long the rest takes on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import inf

from goods.budget.costs import Clock, cost_of
from goods.budget.limits import Budget
from goods.budget.pace import Rate, believed, taken
from goods.budget.plan import Ladder, Plan
from goods.budget.ready import Ready
from goods.budget.size import Size
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig, preset_model
from goods.core.execution import resources
from goods.core.workspace import Workspace
from goods.train.best import TUNED
from goods.tune.budget import fewer, with_trials

PILOT, PILOT_SHARE = "pilot", 0.05  # of the rows
ALONE = 2.0  # what estimates may be off by
# times what the start takes: of what is finished an answer, the submission and the end of a process; the report's page
ENDING, PAGE = 0.5, 1.5
ROW = 5e-5  # seconds of the page for each row


@dataclass
class Estimated:
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
    clock: Clock = field(default_factory=Clock)
    insured: bool = False  # what is named to stand alone is trained first, beside what is joined
    finished: bool = False  # nothing is to be trained: no limit takes away what is there
    doubted: float = ALONE  # times its estimate that an experiment alone is reckoned with
    rate: Rate = field(default_factory=Rate)  # of this run, by the clock
    cached: bool = False  # another target, on the same cards, makes what all folds share
    machine: float = 1.0  # the pace that is believed before folds are finished
    start: float = 0.0  # seconds until this process was ready to begin

    def needed(self, plan: Plan) -> list[str]:
        """Experiments of a plan after those that they build on."""
        first = [self.named] if self.named and self.insured and plan.joined else []
        return list(dict.fromkeys(n for e in (*first, *plan.experiments) for n in self.needs(e)))

    def is_answered(self, plan: Plan) -> bool:
        """Whether what is finished does for a plan where nothing is joined. An experiment that is named to stand alone
        is worth more than those that were to be joined."""
        return not plan.joined and bool(self.done) and (self.named is None or self.named in self.done)

    def left(self) -> float:
        return inf if self.ends is None else self.ends - time.perf_counter()

    @property
    def ending(self) -> float:
        """Seconds from the last model to the end of the process without the page. As that, it is a part of what the
        start took, on this machine and beside what else runs there: most of both is loading."""
        return ENDING * self.start

    @property
    def closing(self) -> float:
        """Seconds from the last model to the end of the process with the page."""
        page = PAGE * self.start + self.clock.pace * ROW * (self.size.train + self.size.test)
        return self.ending + page

    def closing_of(self, plan: Plan) -> float:
        """The page counts less than that anything is learned: one experiment alone leaves it what time it may."""
        return self.closing if plan.joined else self.ending

    def smallest(self) -> ExperimentConfig:
        """A pilot, whether there is time for it or not."""
        return self.plain().model_copy(update={"name": PILOT, "share": PILOT_SHARE})

    def plain(self) -> ExperimentConfig:
        """What is left where nothing else is, on all rows."""
        return self.load(self.ladder.alone)

    def seconds(self, plan: Plan) -> float:
        """Of all that is still to be done for a plan."""
        total = self.closing_of(plan)
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
        return self.doubted if unsafe and self.ladder.is_alone(name) else 1.0

    def least(self, plan: Plan) -> int | None:
        """Folds that have to be ready; None: all. Of an experiment alone those that are finished answer for it."""
        return None if plan.joined else 1

    def training(self, config: ExperimentConfig, folds: int | None = None) -> float:
        given = resources(self.size.folds, config.model.on_gpu)
        return self.clock.training(config, self.size_for(config), given, folds, self.cached)

    def size_for(self, config: ExperimentConfig) -> Size:
        """What an experiment sees of the rows: of what joins others no photo where none of them looks at photos."""
        members = getattr(config.model, "experiments", ())
        blind = bool(members) and not any(self.load(name).model.needs_photos for name in members)
        return replace(self.size, photos=0.0) if blind else self.size

    def study(self, name: str, plan: Plan) -> float:
        base = name.removesuffix(TUNED)
        if base not in plan.trials or plan.trials[base] == self.ready.trials_of_study(name):
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
    def ready(self) -> Ready:
        return Ready(self.ws, self.competition, self.load, self.join, self.force)

    def keep_pace(self, otherwise: float) -> None:
        """Go by what finished folds took, as far as they tell enough."""
        configs = [self.load(name).model_copy(update={"name": name}) for name in self.done]
        found = [taken(self.ws, config, self.size) for config in (*configs, *self.piloted)]
        spent, estimated = (sum(column) for column in zip(*found, strict=True)) if found else (0.0, 0.0)
        self.clock = Clock(believed(otherwise, spent, estimated))
