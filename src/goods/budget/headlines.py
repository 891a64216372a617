"""What a run says before each experiment: which one, the best until here, how long the rest takes."""

from __future__ import annotations

from goods.budget.course import Course
from goods.budget.estimated import PILOT
from goods.budget.targets import remaining
from goods.core.artifacts import read_json
from goods.core.done import done_key
from goods.core.errors import GoodsError
from goods.core.progress import headline
from goods.tune.best import TUNED

TUNE, TRAIN, STACK = "tune", "train", "stack"
Work = tuple[str, str]  # one of these, and of what, as the preset has it


def announce(course: Course, *queue: Work) -> None:
    """`queue`: what is done now, of several in one queue."""
    course.keep_pace(course.machine)
    course.rate.begin(sum(estimate_of(course, *work) for work in queue) / course.clock.pace)
    doing = ", ".join(f"{verb} {name.removesuffix(TUNED) if verb == TUNE else name}" for verb, name in queue)
    names, (_, first) = course.needed(course.plan), queue[0]
    place = f" ({names.index(first) + 1} of {len(names)})" if first in names and len(queue) == 1 else ""
    told = [f"{course.ws.competition}: {doing}{place}"]
    if scores := scores_of(course, course.done):
        best = max(scores, key=lambda one: scores[one])
        told.append(f"best so far {best} {scores[best]:.4f}")
    headline("; ".join(told), remaining(course))


def estimate_of(course: Course, verb: str, name: str) -> float:
    """Seconds of what is begun."""
    if name == PILOT:
        return course.training(course.smallest())
    if name not in course.needed(course.plan):
        return course.training(course.join(course.plan.experiments))
    if verb == TUNE:
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
