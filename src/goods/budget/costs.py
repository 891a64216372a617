"""What experiments cost: seconds of a core, memory, and what the stack gains by them.

    .venv/bin/python benchmarks/costs.py kazanexpress2023 --work W

prints these estimates beside what the finished runs of a work folder took; the coefficients are from such runs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from goods.budget.size import Size
from goods.config.base import FamilyConfig
from goods.config.experiment import ExperimentConfig
from goods.core.execution import ANY_GPU, Resources, at_once, cores, resources
from goods.tune.budget import within_budget

WIDEST = 180  # siblings with which boosting grows all its trees
PHOTOLESS = 1.0  # more candidates of a card without a photo: a model of photos names the same for all such
GPU = 20  # cores that a GPU is worth to a network; not measured


@dataclass(frozen=True)
class Cost:
    """Coefficients of one family.

    A fold costs `start` seconds, and for each row it is fitted on `row`, `word` for each of its words, `sibling` for
    the square root of its `Size.siblings`, `label` for each class or, where the model rounds small pushes, `rounded`;
    `said` for each row it predicts and `told` for each of its classes. What joins others costs `member` for each row it
    is fitted on and experiment it joins, times `difficulty`. Training that is bounded, by its number of steps or of
    the rows that are drawn, sees `most` rows, those without a photo counted. Of boosters all but `said` is for one bag
    of `trees` trees, more of which are seldom grown; None: for whatever there are. Caches cost `once` a row for all
    folds. Memory of a job is `base` GB and `kilobytes` a row. `gain`: points of the metric that a stack loses without
    it.
    """

    start: float = 0.0
    row: float = 0.0
    word: float = 0.0
    sibling: float = 0.0
    label: float = 0.0
    rounded: float = 0.0
    said: float = 0.0
    told: float = 0.0
    member: float = 0.0
    most: float = float("inf")
    trees: int | None = None
    once: float = 0.0
    base: float = 0.8
    kilobytes: float = 10.0
    gain: float = 0.002

    def rows(self, model: FamilyConfig, n: float, size: Size) -> float:
        return n * size.photos if model.modalities == ("image",) else n

    def fold(self, model: FamilyConfig, size: Size, share: float = 1.0) -> float:
        """Seconds of one core for one fold fitted on a share of its rows, predictions of all included."""
        fitted = self.rows(model, min(size.part(share).train * size.fitted, self.most), size)
        label = self.rounded if rounds(model, size) else self.label
        each = self.row + self.word * size.words + self.sibling * size.siblings**0.5 + label * size.classes
        each += self.member * len(getattr(model, "experiments", ())) * difficulty(size)
        asked = self.rows(model, size.train / size.folds + size.test, size)
        answers = asked * (self.said + self.told * size.classes)
        return self.grown(model) * (self.start + fitted * each) + answers

    def grown(self, model: FamilyConfig) -> float:
        """How many times `trees` boosters grow: 1 where it is not counted."""
        if self.trees is None:
            return 1.0
        return getattr(model, "bags", 1) * min(getattr(model, "iterations", self.trees) / self.trees, 1.0)

    def for_all(self, model: FamilyConfig, size: Size) -> float:
        """Seconds of one core for what all folds share."""
        return self.once * self.rows(model, size.train + size.test, size)

    def gigabytes(self, size: Size) -> float:
        return self.base + self.kilobytes * (size.train + size.test) / 2**20


def difficulty(size: Size) -> float:
    """What boosting over candidates grows with: of more siblings more are candidates, and more trees are grown, up to
    all that may be; cards without a photo, where others have one, have more candidates."""
    photoless = (1 - size.photos) * (size.photos > 0)
    return min(size.siblings, WIDEST) ** 0.6 * (1 + PHOTOLESS * photoless)


def rounds(model: FamilyConfig, size: Size) -> bool:
    """Whether it is one-vs-all over more classes than its `exact_classes`."""
    return getattr(model, "loss", "") == "ova" and size.classes > getattr(model, "exact_classes", math.inf)


ESTIMATOR = Cost(start=1, row=1e-3, word=6e-6, said=1e-4, kilobytes=25)
FINE_TUNED = Cost(start=10, row=0.15, said=0.01, base=2.5, kilobytes=20, gain=0.002)

MEASURED = {
    "linear": Cost(
        row=1e-4, word=6e-6, sibling=1.5e-5, said=1e-4, told=1.3e-7, base=0.5, kilobytes=25, gain=0.006
    ),
    "fasttext": Cost(
        label=3.4e-6, rounded=5e-7, row=2e-4, word=1.5e-5, most=20_000, said=1e-4, base=0.6, kilobytes=10
    ),
    "navec": Cost(start=2, row=1.8e-3, word=5e-6, said=1e-4, once=4e-4, base=1.2, kilobytes=10, gain=0.004),
    "knn": Cost(start=0.1, row=5e-5, said=1e-4, base=1.2, kilobytes=10, gain=0.001),
    "image/frozen": Cost(start=1, row=2e-3, label=5e-7, most=64_000, said=1e-4, once=8e-3, base=1.5),
    "transformer/frozen": Cost(start=1, row=2.5e-3, said=1e-4, once=2e-2, base=1.5, gain=0.001),
    "fusion": Cost(start=2, row=5e-3, said=5e-4, base=1.8, gain=0.001),
    "transformer": FINE_TUNED,
    "image": FINE_TUNED,
    "prior": Cost(base=0.3, kilobytes=1, gain=0.0),
    "pair_prior": Cost(base=0.3, kilobytes=1, gain=0.0),
    "pair_words": Cost(start=0.15, row=1e-5, said=2e-6, base=0.4, kilobytes=10, gain=0.004),
    "pairs": Cost(start=2.1, row=5.7e-4, trees=800, said=1e-4, once=4e-4, base=0.8, kilobytes=20, gain=1.0),
    "stack": Cost(start=2, member=3.75e-5, most=30_000, once=1e-3, base=1.2, kilobytes=14, gain=1.0),
}


def cost_of(model: FamilyConfig) -> Cost:
    """The coefficients of a family: with fixed encoders, where it can, others; a family without any is taken for a
    network that is fine-tuned, or for an estimator such as scikit-learn has."""
    return MEASURED.get(kind_of(model), FINE_TUNED if is_network(model) else ESTIMATOR)


def kind_of(model: FamilyConfig) -> str:
    """The family, of one with fixed encoders that it could also fine-tune with a suffix."""
    return f"{model.family}/frozen" if getattr(model, "frozen", False) else model.family


def is_network(model: FamilyConfig) -> bool:
    """Whether it is trained by steps, as its settings or its wish for a GPU say."""
    return model.on_gpu or hasattr(model, "trainer")


@dataclass(frozen=True)
class Clock:
    """Core seconds → seconds of wall clock on this machine, where a second of the estimate takes `pace`."""

    pace: float = 1.0

    def training(
        self,
        config: ExperimentConfig,
        size: Size,
        given: Resources,
        folds: int | None = None,
        cached: bool = False,
    ) -> float:
        """Seconds of all folds of an experiment, or of so many, side by side as far as that goes; with what they share
        unless that is `cached`."""
        cost, power = cost_of(config.model), GPU if given.device == ANY_GPU else given.threads
        side_by_side, wanted = at_once(size.folds, given), size.folds if folds is None else folds
        in_turn = -(-wanted // side_by_side) * cost.fold(config.model, size, config.share) / power
        shared = 0.0 if cached else cost.for_all(config.model, size) / cores()
        return self.pace * (in_turn + shared)

    def study(self, config: ExperimentConfig, size: Size) -> float:
        """Seconds of a study: its startup trials side by side where its family has that, the others one after another,
        half of them pruned after their first share."""
        if config.tune is None:
            return 0.0
        tune = within_budget(config.tune, round(size.train * size.fitted))
        startup = min(tune.trials, tune.startup_trials)
        given = resources(startup or 1, config.model.on_gpu)
        side_by_side = at_once(startup, given) if config.model.one_core and startup else 1
        whole, pruned = sum(tune.shares), (sum(tune.shares) + tune.shares[0]) / 2
        fits = -(-startup // side_by_side) * whole + (tune.trials - startup) * pruned
        return self.pace * len(tune.folds) * fits * cost_of(config.model).fold(config.model, size)
