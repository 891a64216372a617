"""What a run says of its time: the estimate at its start, a headline before each experiment, at its end how much of the
limit was used. The targets of one run share its limits: what is estimated and left is that of all of them."""

from __future__ import annotations

import time
from math import inf

from goods.budget.course import MARGIN, Course
from goods.budget.estimates import PILOT
from goods.budget.limits import Budget
from goods.budget.pace import why_slow
from goods.budget.plan import Plan
from goods.core.artifacts import read_json
from goods.core.done import done_key
from goods.core.errors import GoodsError
from goods.core.log import say
from goods.core.progress import headline, seconds
from goods.core.wording import size
from goods.train.best import TUNED

TUNE, TRAIN, STACK = "tune", "train", "stack"
Work = tuple[str, str]  # one of these, and of what, as the preset has it


def estimate(courses: list[Course], budget: Budget, started: float) -> None:
    """Say how long all that is to be done would take, and what is left of the limits; `started` as time.perf_counter
    gives it. Afterwards each course knows those that follow it."""
    for i, course in enumerate(courses):
        course.cached, course.after, course.machine = i > 0, courses[i + 1 :], courses[0].machine
        course.rate = courses[0].rate
        course.keep_pace(course.machine)
    total = sum(course.seconds(course.plan) for course in courses)
    targets = f", {len(courses)} targets together" if len(courses) > 1 else ""
    slow = why_slow(courses[0].machine)
    say(f"estimate: {total:.0f} s for all that is to be done{targets}{allowed(budget, started)}{slow}")


def allowed(budget: Budget, started: float) -> str:
    """What is left of the limits, in words."""
    told = ""
    if budget.seconds is not None:
        told += f"; {max(0, started + budget.seconds - time.perf_counter()):.0f} s are left"
    if budget.gigabytes is not None:
        told += f"; {size(budget.gigabytes * 2**30)} may be taken"
    return told


def remaining(course: Course) -> float:
    """Seconds that are left to be done of this target and those after it, as fast as this run has been by the clock and
    within the limits."""
    trained = closing = 0.0
    for one in (course, *course.after):
        if one is not course:
            one.machine, one.clock = course.clock.pace, course.clock
        closing += one.closing_of(one.plan)
        trained += (one.seconds(one.plan) - one.closing_of(one.plan)) / one.clock.pace
    total = course.rate.pace(course.clock.pace, trained) * trained + closing
    return min(total, course.left() * (1 + len(course.after)))


def announce(course: Course, *queue: Work) -> None:
    """`queue`: what is done now, of several in one queue."""
    course.keep_pace(course.machine)
    course.rate.begin(sum(estimate_of(course, *work) for work in queue) / course.clock.pace)
    doing = ", ".join(f"{verb} {name.removesuffix(TUNED) if verb == TUNE else name}" for verb, name in queue)
    names, (_, first) = course.needed(course.plan), queue[0]
    place = f" ({names.index(first) + 1} of {len(names)})" if first in names and len(queue) == 1 else ""
    told = [f"{course.ws.competition}: {doing}{place}"]
    if scores := scores_of(course):
        best = max(scores, key=lambda one: scores[one])
        told.append(f"best so far {best} {scores[best]:.4f}")
    headline("; ".join(told), remaining(course))


def estimate_of(course: Course, verb: str, name: str) -> float:
    """Seconds of what is begun, as `announce` is told."""
    if name == PILOT:
        return course.training(course.smallest())
    if name not in course.needed(course.plan):
        return course.training(course.join(course.plan.experiments))
    if verb == TUNE:
        return course.study(name, course.plan)
    return course.training(course.config(name))


def scores_of(course: Course) -> dict[str, float]:
    """Out-of-fold scores of those that are finished; what is damaged has none."""
    found = {}
    for name in course.done:
        run = course.ws.run(name)
        try:
            if done_key(run.path) is not None:
                found[name] = float(read_json(run.report)["score"])
        except GoodsError:
            continue
    return found


def tell_used(courses: list[Course], budget: Budget, used: float) -> None:
    """`used` seconds of the limit."""
    if budget.seconds is None:
        return
    more = min(filter(None, map(next_step, courses)), default=None)
    if more is None:
        told = "nothing was left out"
    elif more[0] > 0:
        told = f"with about {seconds(more[0])} more: {more[1]}"
    else:
        told = f"left out, as it was estimated to take longer: {more[1]}; run the same command again, which adds it"
    say(f"time used: {used:.0f} of {budget.seconds:.0f} s; {told}")


def next_step(course: Course) -> tuple[float, str] | None:
    """The least that was left out, in words, after the seconds by which the limit would have to be longer, below 0
    where there is time for it after all; None where nothing was left out."""
    if course.first is None:
        return None
    answered = course.plan if course.plan.joined else Plan(())
    plans = [course.first, *(plan for plan, _, _ in course.ladder.down(course.first, -inf))]
    for plan in reversed(plans):
        joins = plan.joined and not set(plan.experiments) <= set(answered.experiments)
        names = [name for name in course.needed(plan) if name not in course.done]
        if plan.share == 1 and (names or joins):
            takes = course.seconds(plan) - course.closing_of(plan)
            if answered.experiments and joins:  # one last experiment in place of another
                takes -= course.training(course.join(answered.experiments))
            last = "what joins them" if len(plan.experiments) > 1 else f"a stack of {plan.experiments[0]}"
            what = [*names, *[last] * (joins and not answered.experiments)]
            return takes / MARGIN - course.left(), ", ".join(what)
    return None
