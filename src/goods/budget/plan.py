"""What is trained, and in which order it gets less where a run may not take that long.

First studies get fewer trials, then there is no study; then families are left out, those first that cost the most for
what the stack gains by them; then there is no stack, one experiment alone, on an ever smaller share of the rows; last
of all every row gets the shares of the classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from goods.core.wording import count
from goods.train.best import TUNED

STUDY = "study of "
SHARES = (0.5, 0.25, 0.1, 0.05, 0.02)


@dataclass(frozen=True)
class Plan:
    """`experiments` as a preset names them, those ending in "-tuned" after a study with so many `trials` of what is
    before the suffix. Not `joined`: one of them alone, on a `share` of the rows, or, without any, the classes' shares.
    """

    experiments: tuple[str, ...]
    trials: Mapping[str, int] = field(default_factory=dict)
    joined: bool = True
    share: float = 1.0


@dataclass(frozen=True)
class Ladder:
    """What the steps need to know. `seconds` of a plan, all that is still to be done for it; `builds_on`: experiments
    that one needs, itself included; `gain` of each; `alone`: the one that is left, which may be none of
    those that are joined; `fewest` trials of each study."""

    seconds: Callable[[Plan], float]
    builds_on: Callable[[str], list[str]]
    gain: Callable[[str], float]
    alone: str
    fewest: Mapping[str, int]

    def within(self, plan: Plan, limit: float) -> tuple[Plan, list[str]]:
        """The plan with as little left out as `limit` seconds ask for, and a line for each thing that is."""
        steps = list(self.down(plan, limit))
        told = {what: line for _, what, line in steps}
        return (steps[-1][0] if steps else plan), list(told.values())

    def down(self, plan: Plan, limit: float) -> Iterator[tuple[Plan, str, str]]:
        """The steps, as `steps` gives them, until what is left takes no more than `limit` seconds."""
        while (seconds := self.seconds(plan)) > limit:
            step = next((s for s in self.steps(plan) if self.seconds(s[0]) < seconds), None)
            if step is None:
                return
            yield step
            plan = step[0]

    def steps(self, plan: Plan) -> Iterator[tuple[Plan, str, str]]:
        """(plan, what gets less, line) in the stated order; of each only the next step."""
        if plan.joined:
            yield from self.fewer_trials(plan)
            yield from self.no_study(plan)
            yield from self.fewer_families(plan)
        if plan.joined and plan.experiments:
            left = next((n for n in plan.experiments if self.is_alone(n)), self.alone)
            yield Plan((left,), joined=False), "stack", f"nothing is joined: {left} alone"
        if not plan.joined and plan.experiments:
            for share in SHARES:
                if share < plan.share:
                    line = f"{plan.experiments[0]} is fitted on {share:.0%} of the rows"
                    yield replace(plan, share=share), "share", line
        if plan.joined or plan.experiments:
            line = "nothing more is learned: the pilot answers, or without one the shares of the classes"
            yield Plan((), joined=False), "share", line

    def is_alone(self, name: str) -> bool:
        return name.removesuffix(TUNED) == self.alone

    def fewer_trials(self, plan: Plan) -> Iterator[tuple[Plan, str, str]]:
        for name, n in sorted(plan.trials.items(), key=lambda item: -item[1]):
            fewer = max(self.fewest[name], n // 2)
            if fewer < n:
                line = f"the study of {name} gets {count(fewer, 'trial')}"
                yield replace(plan, trials={**plan.trials, name: fewer}), STUDY + name, line

    def no_study(self, plan: Plan) -> Iterator[tuple[Plan, str, str]]:
        found = []
        for name in plan.trials:
            names = tuple(name if n == name + TUNED else n for n in plan.experiments)
            trials = {n: count for n, count in plan.trials.items() if n != name}
            found.append((replace(plan, experiments=names, trials=trials), name))
        for cheaper, name in sorted(found, key=lambda item: self.seconds(item[0])):
            yield cheaper, STUDY + name, f"no study of {name}: its settings as they are"

    def fewer_families(self, plan: Plan) -> Iterator[tuple[Plan, str, str]]:
        found, seconds = [], self.seconds(plan)
        for name in plan.experiments:
            gone = [n for n in plan.experiments if name in self.builds_on(n)]
            kept = tuple(n for n in plan.experiments if n not in gone)
            if not kept or any(map(self.is_alone, gone)):
                continue
            less = replace(plan, experiments=kept)
            saved = seconds - self.seconds(less)
            found.append((saved / max(sum(map(self.gain, gone)), 1e-6), less, gone))
        for _, less, gone in sorted(found, key=lambda item: -item[0]):
            for_gone = f"{', '.join(gone)} left out"
            yield less, for_gone, for_gone
