"""Experiments of a preset, of which those that do not wait for each other are trained side by side."""

from __future__ import annotations

from collections.abc import Callable

from goods.budget.costs import cost_of
from goods.budget.course import Course
from goods.budget.messages import TRAIN, TUNE, announce
from goods.config.experiment import ExperimentConfig
from goods.train.stage import missing_folds
from goods.tune.best import TUNED, load_best
from goods.tune.queue import fits_beside, is_studied, run_beside


def train_all(course: Course, settings: list[str] | None, train: Callable[[str], None]) -> None:
    """Every experiment of the plan; `settings` are those of all, `train` makes what is still missing of one."""
    left = course.needed(course.plan)
    while left:
        ready = [name for name in left if not set(course.needs(name)[:-1]) & set(left)]
        later = [] if course.force else train_beside(course, settings, ready)
        for name in (name for name in ready if name not in later):
            train(name)
            course.done = list(dict.fromkeys((*course.done, name)))
            left.remove(name)


def train_beside(course: Course, settings: list[str] | None, names: list[str]) -> list[str]:
    """The folds of those that may share cores, in one queue with the studies of others, whose folds are still to be
    trained: these are returned. Nothing where a queue of its own is as good."""
    ws, competition = course.ws, course.competition
    studies, trained = dict[str, ExperimentConfig](), dict[str, tuple[ExperimentConfig, list[int]]]()
    for name in names:
        config = course.load(name)
        if not fits_beside(competition, config):
            continue
        if name.endswith(TUNED) and not is_studied(ws, competition, config):
            if config.model.one_core:
                studies[name] = config
            continue
        if name.endswith(TUNED):
            config = load_best(ws, config.name, settings)
        if missing := missing_folds(ws, competition, config):
            trained[name] = config, missing
    if not trained or len(studies) + len(trained) == 1:
        return []

    def fold_seconds(name: str) -> float:
        model = trained[name][0].model
        return cost_of(model).fold(model, course.size)

    longest = sorted(trained, key=fold_seconds, reverse=True)  # first, so that they end together
    announce(course, *((TUNE, name) for name in studies), *((TRAIN, name) for name in longest))
    run_beside(ws, competition, list(studies.values()), [trained[name] for name in longest])
    course.studied += [config.name for config in studies.values()]
    course.queued += longest
    for name in studies:
        course.ready.look_again(name)
    return list(studies)
