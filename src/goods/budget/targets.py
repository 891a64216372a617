"""The targets of one run share its limits: what is estimated and left is that of all of them."""

from __future__ import annotations

import time

from goods.budget.course import Course
from goods.budget.limits import Budget
from goods.core.log import say
from goods.core.progress import gigabytes


def estimate(courses: list[Course], budget: Budget, started: float) -> None:
    """Say how long all that is to be done would take, and what is left of the limits; `started` as time.perf_counter
    gives it. Afterwards each course knows those that follow it."""
    for i, course in enumerate(courses):
        course.cached, course.after, course.machine = i > 0, courses[i + 1 :], courses[0].machine
        course.rate = courses[0].rate
        course.keep_pace(course.machine)
    total = sum(course.seconds(course.plan) for course in courses)
    targets = f", {len(courses)} targets together" if len(courses) > 1 else ""
    say(f"estimate: {total:.0f} s for all that is to be done{targets}{allowed(budget, started)}")


def allowed(budget: Budget, started: float) -> str:
    """What is left of the limits, in words."""
    told = ""
    if budget.seconds is not None:
        told += f"; {max(0, started + budget.seconds - time.perf_counter()):.0f} s are left"
    if budget.gigabytes is not None:
        told += f"; {gigabytes(budget.gigabytes)} may be taken"
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
