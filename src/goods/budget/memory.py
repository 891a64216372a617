"""--memory-limit: what is left out because one process of it would take more than all may."""

from __future__ import annotations

from dataclasses import replace

import psutil

from goods.budget.costs import cost_of
from goods.budget.course import Course
from goods.budget.plan import Plan
from goods.config.experiment import ExperimentConfig
from goods.core.wording import size


def keep_within_memory(course: Course) -> None:
    """Leave out of a course what memory is too small for; say where even what this process holds by now is more."""
    most = course.budget.gigabytes
    if most is None or course.finished:
        return
    held = psutil.Process().memory_info().rss / 2**30
    if most < held:
        course.leave_out(
            f"memory limit: {size(most * 2**30)} is less than the {size(held * 2**30)} that a process takes before it "
            "trains anything; the run goes beyond it, by as little as it can"
        )
    course.plan = within_memory(course, course.plan, most)


def within_memory(course: Course, plan: Plan, most: float) -> Plan:
    """Without what takes more, in one process, than `most` GB."""

    def takes(config: ExperimentConfig) -> float:
        return cost_of(config.model).gigabytes(course.size.part(config.share))

    kept = []
    for name in plan.experiments:
        largest = max(takes(course.load(n)) for n in course.needs(name))
        if largest <= most:
            kept.append(name)
        else:
            course.leave_out(f"memory limit: {name}, about {size(largest * 2**30)}, left out")
    plan = replace(plan, experiments=tuple(kept))
    if kept and takes(course.join(plan.experiments)) <= most:
        return plan
    alone = course.ladder.alone
    first = (Plan((alone,), joined=False), "", f"{alone} alone")
    for smaller, _, line in (first, *course.ladder.steps(first[0])):
        if all(takes(course.config(n, smaller)) <= most for n in smaller.experiments):
            course.leave_out(f"memory limit: {line}")
            return smaller
    return plan
