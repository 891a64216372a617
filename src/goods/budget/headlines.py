"""What a run says before each experiment: which one, the best until here, how long the rest takes."""

from __future__ import annotations

from collections.abc import Iterable

from goods.budget.course import Course
from goods.budget.estimated import PILOT
from goods.budget.targets import remaining
from goods.core.artifacts import read_json
from goods.core.done import done_key
from goods.core.errors import GoodsError
from goods.core.progress import headline

TUNE = "tune"


def announce(course: Course, doing: str, name: str, beside: Iterable[tuple[str, str]] = ()) -> None:
    """`doing`: what is done now, as a verb and what it is of; `name` as the preset has it; `beside`: what else is done
    in the same queue."""
    course.keep_pace(course.machine)
    queue = [(doing, name), *beside]
    course.rate.begin(sum(estimate_of(course, *one) for one in queue) / course.clock.pace)
    doing = ", ".join(done for done, _ in queue)
    names = course.needed(course.plan)
    place = f" ({names.index(name) + 1} of {len(names)})" if name in names and len(queue) == 1 else ""
    told = [f"{course.ws.competition}: {doing}{place}"]
    if scores := scores_of(course, course.done):
        best = max(scores, key=lambda one: scores[one])
        told.append(f"best so far {best} {scores[best]:.4f}")
    headline("; ".join(told), remaining(course))


def estimate_of(course: Course, doing: str, name: str) -> float:
    """Seconds of what is begun, as `announce` is told."""
    if name == PILOT:
        return course.training(course.smallest())
    if name not in course.needed(course.plan):
        return course.training(course.join(course.plan.experiments))
    if doing.startswith(TUNE):
        return course.study(name, course.plan)
    return course.training(course.config(name))


def scores_of(course: Course, names: list[str]) -> dict[str, float]:
    """Out-of-fold scores of those that are finished; what is damaged has none."""
    found = {}
    for name in names:
        run = course.ws.run(name)
        try:
            if name in course.done and done_key(run.path) is not None:
                found[name] = float(read_json(run.report)["score"])
        except GoodsError:
            continue
    return found
