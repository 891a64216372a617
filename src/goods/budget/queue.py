"""Experiments of a preset, of which those that do not wait for each other are trained side by side."""

from __future__ import annotations

from collections.abc import Callable

from goods.budget.costs import cost_of
from goods.budget.course import Course
from goods.budget.messages import TRAIN, TUNE, announce
from goods.config.experiment import ExperimentConfig
from goods.train.stage import missing_folds
from goods.tune.best import TUNED, load_best
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
    ws, competition = course.ws, course.competition
    studies, trained = dict[str, ExperimentConfig](), dict[str, Trained]()
    for name in left:
        config, tuned = course.load(name), name.endswith(TUNED)
        below = set(config.upstream) & set(left)
        if not fits_beside(competition, config) or not below <= set(config.model.upstream) & set(trained):
            continue
        if tuned and not is_studied(ws, competition, config):
            if config.model.one_core and not below:
                studies[name] = config
                trained[name] = Trained(config, range(competition.n_folds), finds=True)
            continue
        if tuned:
            config = load_best(ws, config.name, settings)
        if below:
            trained[name] = Trained(config, range(competition.n_folds))
        elif missing := missing_folds(ws, competition, config):
            trained[name] = Trained(config, missing)
    if len(trained) < 2 or len(trained) == len(studies):
        return
    longest = dearest_first(course, trained)  # so that they end together
    announce(course, *((TUNE, name) for name in studies), *((TRAIN, name) for name in longest))
    run_beside(ws, competition, list(studies.values()), [trained[name] for name in longest], settings)
    course.studied += [config.name for config in studies.values()]
    course.queued += longest
    for name in studies:
        course.ready.look_again(name)


def dearest_first(course: Course, trained: dict[str, Trained]) -> list[str]:
    """Names of experiments, by the seconds of a fold and of what waits for it; none before one it builds on."""
    seconds = dict[str, float]()
    for name in reversed(trained):  # each stands after those it builds on
        model = trained[name].config.model
        waiting = [seconds[other] for other in seconds if name in trained[other].config.upstream]
        seconds[name] = cost_of(model).fold(model, course.size) + max(waiting, default=0.0)
    return sorted(trained, key=lambda name: seconds[name], reverse=True)
