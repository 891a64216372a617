"""A run that may not take all it would like: what is trained next, asked again before every stage."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from math import inf

from goods.budget.estimates import ALONE, PILOT, Estimated
from goods.budget.pace import machine_pace
from goods.budget.plan import SHARES, STUDY, Plan
from goods.config.experiment import ExperimentConfig
from goods.core.deadline import OutOfTime, deadline
from goods.core.execution import remote
from goods.core.log import say
from goods.core.processes import limited, limits
from goods.train.best import TUNED
from goods.tune.budget import fewer

PILOT_TIME = 0.3  # of the time there is, at most
INSURED = 4.0  # times its estimate: a run that has less trains first what the preset names to stand alone
MARGIN = 0.9  # of the seconds left that are planned for: estimates err
START = 1.5  # seconds that a process takes to begin, where nobody has seen how many
BEGIN = 2.0  # times that, until processes side by side have loaded what they train with
# times its estimate that an experiment alone is reckoned with, one after another
DOUBTS = (ALONE, 1.0, 1 / ALONE)


@dataclass
class Course(Estimated):
    """`first`: the plan where a time limit leaves nothing out; `wanted`: with what does not fit now, but for studies;
    `lines` of those `told`, by what does not fit; `studied`: whose studies this run has made; `queued`: whose folds it
    has trained in one queue; `after`: of the targets that follow; `alone`: the experiment that answered
    without others."""

    told: list[str] = field(default_factory=list)
    wanted: Plan | None = None
    first: Plan | None = None
    lines: dict[str, str] = field(default_factory=dict)
    studied: list[str] = field(default_factory=list)
    queued: list[str] = field(default_factory=list)
    after: list[Course] = field(default_factory=list)
    alone: str | None = None

    def open(self) -> None:
        """Find what is done, and how fast this machine is."""
        self.machine = machine_pace() if self.left() > 0 else 1.0
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

    def next(self) -> str | None:
        """The experiment to train now, after what no longer fits is left out; None where all are trained."""
        self.keep_pace(self.machine)
        if self.ends is not None and (self.may_grow() or not self.may_be_joined()):
            self.concede()
            self.plan_again()
            self.take_more_rows()
        if self.is_answered(self.plan):
            return None
        return next((name for name in self.needed(self.plan) if name not in self.done), None)

    def concede(self) -> None:
        """Where nothing would be learned otherwise give up doubts about the estimate of what is alone: if it is not
        ready, the shares of the classes answer as they would without."""
        if self.done or self.piloted:
            return
        for self.doubted in DOUBTS:
            if self.ladder.within(self.plan, MARGIN * self.left())[0].experiments:
                return

    def plan_again(self) -> None:
        """Leave out what does not fit now. Of what did not fit before, studies apart, that is taken which does, or the
        least that may where an experiment alone has answered already; once one is fitted on a share of the rows nothing
        is."""
        grows = self.plan.share == 1 and bool(self.plan.experiments)
        before, whole = self.plan, (self.wanted or self.plan) if grows else self.plan
        self.insure(whole)
        plan, lines = whole, dict[str, str]()
        for plan, what, line in self.ladder.down(whole, self.most(whole, before)):
            lines[what] = f"time limit: {line}"
            if what.startswith(STUDY):
                whole = plan
        for name in self.too_late(plan):
            plan, lines[name] = self.without(name, plan), f"time limit: {name} left out"
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

    def most(self, whole: Plan, before: Plan) -> float:
        """Seconds that what is left of the `whole` plan may take. Where an experiment alone has answered, nothing is
        lost by the least that may be joined, if that fits where estimates are too high."""
        most = MARGIN * self.left()
        if not self.is_answered(before):
            return most
        least = whole
        for plan, _, _ in self.ladder.down(whole, -inf):
            if not plan.joined:  # nor is any below it
                break
            least = plan
        return min(ALONE * self.left(), max(most, self.seconds(least)))

    def take_more_rows(self) -> None:
        """Fit an experiment alone that has answered on a share of the rows again on more of them, as far as there is
        time. Of what is not ready then the folds of before are left."""
        if self.plan.share == 1 or not self.is_answered(self.plan):
            return
        name, done, self.doubted = self.plan.experiments[0], self.done, 1.0
        for share in (1.0, *SHARES):
            more = replace(self.plan, share=share)
            self.done = [other for other in done if other != name]
            if share > self.plan.share and self.seconds(more) <= MARGIN * self.left():
                say(f"time limit: there is time after all for {name} on {share:.0%} of the rows")
                self.plan, self.wanted = more, self.first
                return
        self.done = done

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
        rest = self.to_report()
        trained = self.plan.joined and set(self.needed(self.plan)) <= set(self.done)
        return bool(safe) and trained and self.seconds(self.plan) - self.closing < ALONE * rest

    def may_grow(self) -> bool:
        """Whether what is to be joined fits now with more of what did not before."""
        if self.wanted is None or not self.plan.joined:
            return False
        plan, _ = self.ladder.within(self.wanted, MARGIN * self.left())
        return plan.joined and set(plan.experiments) > set(self.plan.experiments)

    def to_work(self) -> float:
        """Seconds until what is trained has to be ready."""
        return self.left() - self.closing

    def to_report(self) -> float:
        """Seconds until the report has to be."""
        return self.left() - self.ending

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
        return config if self.training(config) < PILOT_TIME * self.to_report() else None

    def in_time(self, what: str, work: Callable[[], object]) -> bool:
        """Whether `work`, a pilot, an experiment or the last of them, was done before the end, or before what is
        finished would no longer be joined in time."""
        try:
            with deadline(self.to_train(what)), self.processes(what):
                work()
        except OutOfTime:
            self.rate.stop()
            self.leave_out(f"time limit: {what} was not ready in time")
            self.plan = self.wanted = self.without(what, self.plan)
            return False
        return True

    def processes(self, what: str) -> AbstractContextManager[None]:
        """In it the folds of a pilot, or of an experiment alone, are trained one after another in this process where
        others would begin too late for the first of them, or not be ready earlier with all."""
        if (self.plan.joined and what != PILOT) or remote() is not None:
            return nullcontext()
        config = self.smallest() if what == PILOT else self.config(what)
        fold, begin = self.training(config, 1), BEGIN * self.start
        in_turn = self.size.folds * fold <= begin + self.training(config) or begin + fold > self.to_report()
        return limited(replace(limits(), workers=1)) if in_turn else nullcontext()

    def to_train(self, what: str, plan: Plan | None = None) -> float:
        """Seconds until `what` of the plan, by itself the present one, has to be ready: of what joins those that are
        finished the estimate is kept back, and as much again for what that errs by, but for what `what` is estimated at
        and its processes' start. What joins them, and what is alone, is worth more than the page: it may take the time
        of that."""
        plan = plan or self.plan
        if not plan.joined or what not in self.needed(plan):
            return self.to_report()
        done = tuple(name for name in plan.experiments if name in self.done)
        if not done or what == self.named:
            return self.to_work()
        joining = self.seconds(replace(plan, experiments=done)) - self.closing
        own = self.training(self.config(what)) + self.study(what, plan)
        return min(self.to_work() - joining, max(self.to_work() - ALONE * joining, own / MARGIN + self.start))

    def too_late(self, plan: Plan) -> list[str]:
        """Experiments that would have to be ready before they begin, as what joins those that are finished may take all
        the time."""
        return [
            name for name in self.needed(plan) if name not in self.done and self.to_train(name, plan) <= 0
        ]

    def without(self, what: str, plan: Plan) -> Plan:
        """The plan without an experiment that is not ready; nothing where nothing else is to be joined."""
        kept = tuple(name for name in plan.experiments if what not in self.needs(name))
        if not plan.joined or kept == plan.experiments or not set(kept) & set(self.done):
            return Plan((), joined=False)
        trials = {n: count for n, count in plan.trials.items() if n + TUNED in kept}
        return replace(plan, experiments=kept, trials=trials)

    def leave_out(self, line: str) -> None:
        say(line)
        self.told.append(line)

    def trials_of(self, name: str) -> int:
        """As many as its config says, or as a finished study has, which is not begun again with another number."""
        return self.ready.trials_of_study(name) or max(fewer(self.load(name)))
