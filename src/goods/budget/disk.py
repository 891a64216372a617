"""Room on the disk: what a run will write, told before it is written, beside what is free where it goes.

    .venv/bin/python benchmarks/costs.py kazanexpress2023 --work W

prints these estimates beside what the runs of a work folder take up; the coefficients are from such runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from goods.budget.costs import is_network, kind_of
from goods.budget.course import MARGIN, Course
from goods.budget.size import Size, size_of
from goods.config.base import FamilyConfig
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.core.done import DONE
from goods.core.execution import at_once, resources
from goods.core.folders import check_room, disk_used
from goods.core.predictions import TOP_K
from goods.core.workspace import Workspace

CHECKPOINT = 4  # networks' worth of weights in what a training goes on from
REPORT = 5e6  # bytes of a submission but for its rows
ANSWER = 20  # bytes of one of these


@dataclass(frozen=True)
class Written:
    """Bytes of one fold's model: `model` whatever it is fitted on, for each row `row`, for each of its words `word`,
    for each of its `Size.siblings` `sibling`; `cached` of each row that is looked at, once for all folds."""

    model: float = 1e6
    row: float = 0.0
    word: float = 0.0
    sibling: float = 0.0
    cached: float = 0.0

    def fold(self, config: ExperimentConfig, size: Size) -> float:
        rows = size.part(config.share).train * size.fitted
        return self.model + rows * (self.row + self.word * size.words + self.sibling * size.siblings)


NETWORK, ESTIMATOR = Written(model=1.2e8), Written(row=1e3)

MEASURED = {
    "linear": Written(word=25, sibling=5),
    "fasttext": Written(model=5.2e7, row=60),
    "navec": Written(model=1.7e7, cached=300),
    "knn": Written(row=1.1e3),
    "image/frozen": Written(model=4e6, cached=7e3),
    "transformer/frozen": Written(model=2e7, cached=1.3e3),
    "fusion": Written(model=2.4e7),
    "contrastive": Written(model=2.4e7),
    "transformer": Written(model=1.2e8, cached=400),
    "image": NETWORK,
    "prior": Written(model=1e4),
    "pair_prior": Written(model=1e4),
    "pair_words": Written(model=1e5, row=20),
    "pairs": Written(model=2e6, cached=700),
    "stack": Written(model=3e6),
}


def written_of(model: FamilyConfig) -> Written:
    """The coefficients of a family; one without any is taken for a network that is fine-tuned, or for an estimator that
    keeps its rows."""
    return MEASURED.get(kind_of(model), NETWORK if is_network(model) else ESTIMATOR)


def of_experiment(config: ExperimentConfig, size: Size) -> float:
    """Bytes of runs/<experiment>/ once all folds are trained and joined."""
    models = size.folds + config.refit
    row = 8 + 8 * min(TOP_K, size.classes)  # its id, classes and their shares
    predicted = row * (2 * size.train + (models + 1) * size.test)
    return models * written_of(config.model).fold(config, size) + predicted


def while_training(config: ExperimentConfig, size: Size) -> float:
    """Bytes that are taken besides as long as folds of a network are trained."""
    if not is_network(config.model):
        return 0.0
    side_by_side = at_once(size.folds, resources(size.folds, config.model.on_gpu))
    return side_by_side * CHECKPOINT * written_of(config.model).fold(config, size)


def of_caches(configs: Iterable[ExperimentConfig], size: Size) -> float:
    """Bytes of what all folds share: photos as each network wants them, a byte a colour, and what encoders say."""
    models = [part for config in configs for part in with_parts(config.model)]
    rows = size.train + size.test
    kept = {kind_of(model): cached(model, size) for model in models}
    pixels = {int(getattr(model, "size", 0)) for model in models if model.needs_photos}
    return rows * (sum(kept.values()) + size.photos * sum(3 * side**2 for side in pixels))


def cached(model: FamilyConfig, size: Size) -> float:
    return written_of(model).cached * (size.photos if model.modalities == ("image",) else 1.0)


def with_parts(model: FamilyConfig) -> Iterator[FamilyConfig]:
    """The family and those that are parts of it."""
    yield model
    for name in type(model).model_fields:
        if isinstance(part := getattr(model, name), FamilyConfig):
            yield from with_parts(part)


def check_course(course: Course, out: Path, times: int) -> None:
    """As `check_run`, of what is still to be trained within the limits."""
    plan = course.plan
    if course.ends is not None:
        plan, _ = course.ladder.within(plan, MARGIN * course.left())
    left = {name: course.config(name, plan) for name in course.needed(plan) if name not in course.done}
    if plan.joined and not course.ready.is_joined(plan.experiments, course.done):
        last = course.join(plan.experiments)
        left[last.name] = last
    check_run(course.ws, left, course.size, out, times)


def check_run(
    ws: Workspace,
    configs: Mapping[str, ExperimentConfig],
    size: Size,
    out: Path | None = None,
    times: int = 1,
) -> None:
    """GoodsError where there is too little room to train `configs`, by the names of their runs, and to submit to `out`;
    `times`: that often, for as many targets. What is there already is not needed again."""
    runs = sum(
        max(0.0, of_experiment(config, size) - disk_used(ws.run(name).path))
        for name, config in configs.items()
    )
    caches = max(0.0, of_caches(configs.values(), size) - disk_used(ws.cache))
    training = max((while_training(config, size) for config in configs.values()), default=0.0)
    needed = {ws.whole.path: times * runs + caches + training}
    if out is not None:
        needed[out] = times * (REPORT + ANSWER * size.test)
    check_room(needed, "what is still to be trained")


def check_training(ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig) -> None:
    """As `check_run`, of one experiment, where all its folds are to be trained and what they need is there."""
    if ws.folds.is_file() and not (ws.run(config.name).path / DONE).is_file():
        check_run(ws, {config.name: config}, size_of(ws, competition))
