"""Experiments of a preset, trained side by side as far as they do not wait for each other."""

from __future__ import annotations

from collections.abc import Callable

from goods.budget.costs import cost_of
from goods.budget.course import Course
from goods.budget.messages import TRAIN, TUNE, announce
from goods.train.best import TUNED, load_best
from goods.train.stage import missing_folds
from goods.tune.queue import Trained, fits_beside, is_studied, run_beside


def train_all(course: Course, settings: list[str] | None, train: Callable[[str], None]) -> None:
    """Every experiment of the plan; `settings` are those of all, `train` makes what is still missing of one."""
    left = course.needed(course.plan)
    while left:
        if not course.force:
            train_beside(course, settings, left)
        for name in [name for name in left if not set(course.needs(name)[:-1]) & set(left)]:
            train(name)
            course.done = list(dict.fromkeys((*course.done, name)))
            left.remove(name)


def train_beside(course: Course, settings: list[str] | None, left: list[str]) -> None:
    """The folds of those `left` that may share cores, in one queue: with the studies of some, whose folds follow, and
    with what builds on their folds. Nothing where a queue of its own is as good."""
    ws, competition, every = course.ws, course.competition, range(course.competition.n_folds)
    trained = dict[str, Trained]()
    for name in left:
        config, tuned = course.load(name), name.endswith(TUNED)
        below = set(config.upstream) & set(left)
        if not fits_beside(competition, config) or not below <= set(config.model.upstream) & set(trained):
            continue
        seconds = cost_of(config.model).fold(config.model, course.size)
        if tuned and not is_studied(ws, competition, config):
            if config.model.one_core and not below:
                study = course.study(name, course.plan) / course.clock.pace
                trained[name] = Trained(config, every, seconds, study)
            continue
        if tuned:
            config = load_best(ws, config.name, settings)
        if folds := every if below else missing_folds(ws, competition, config):
            trained[name] = Trained(config, folds, seconds)
    studies = [name for name, one in trained.items() if one.study is not None]
    if len(trained) < 2 or len(trained) == len(studies):
        return
    longest = dearest_first(trained)  # so that they end together
    announce(course, *((TUNE, name) for name in studies), *((TRAIN, name) for name in longest))
    run_beside(ws, competition, [trained[name] for name in longest], settings)
    course.studied += [trained[name].config.name for name in studies]
    course.queued += longest
    for name in studies:
        course.ready.look_again(name)


def dearest_first(trained: dict[str, Trained]) -> list[str]:
    """Names of experiments, each after those it builds on, by the seconds of a fold and of what waits for it."""
    seconds = dict[str, float]()
    for name, one in reversed(trained.items()):
        waiting = [seconds[other] for other in seconds if name in trained[other].config.upstream]
        seconds[name] = one.seconds + max(waiting, default=0.0)
    return sorted(trained, key=lambda name: seconds[name], reverse=True)
