"""What a run with a time limit says at its end: how much of it was used, what a longer one would have brought first."""

from __future__ import annotations

import time
from math import inf

from goods.budget.course import MARGIN, Course
from goods.budget.limits import Budget
from goods.budget.plan import Plan
from goods.core.log import say
from goods.core.progress import seconds


def tell_used(courses: list[Course], budget: Budget, started: float) -> None:
    """`started` as time.perf_counter gives it."""
    if budget.seconds is None:
        return
    used = time.perf_counter() - started
    more = min(filter(None, map(next_step, courses)), default=None)
    if more is None:
        told = "nothing was left out"
    elif more[0] > 0:
        told = f"with about {seconds(more[0])} more: {more[1]}"
    else:
        told = f"left out, as it was estimated to take longer: {more[1]}"
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
            what = [*names, *["what joins them"] * (joins and not answered.experiments)]
            return takes / MARGIN - course.left(), ", ".join(what)
    return None
