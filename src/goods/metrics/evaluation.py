"""Metrics by name, and the scores of predictions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from numbers import Real

import numpy as np
import pandas as pd

from goods.cards.labels import Labels
from goods.core.errors import GoodsError, within
from goods.core.meant import among
from goods.core.predictions import Predictions
from goods.metrics.base import CardMetric, ClassMetric, Metric, PairMetric
from goods.metrics.classification import CLASS_METRICS
from goods.metrics.pairs import PAIR_METRICS
from goods.metrics.probabilities import PROBA_METRICS

_ALL: tuple[Metric, ...] = (*CLASS_METRICS, *PROBA_METRICS, *PAIR_METRICS)
METRICS: dict[str, Metric] = {m.name: m for m in _ALL}


if len(METRICS) < len(_ALL):
    twice = next(m.name for m in _ALL if METRICS[m.name] is not m)
    raise GoodsError(f"metrics/: two metrics have the name {twice}; give one of them another")


def metric_of(name: str) -> Metric:
    """GoodsError where there is no metric of that name."""
    if name not in METRICS:
        raise GoodsError(f"unknown metric {name!r}: known are {among(name, METRICS)}")
    return METRICS[name]


def pair_metric(name: str) -> PairMetric:
    metric = metric_of(name)
    assert isinstance(metric, PairMetric), name
    return metric


def card_metric(name: str) -> CardMetric:
    metric = metric_of(name)
    assert not isinstance(metric, PairMetric), name
    return metric


def like(name: str, labels: Labels) -> list[Metric]:
    """The metrics of the kind that `name` is of, those that are defined for the labels."""
    return [m for m in METRICS.values() if m.problem == metric_of(name).problem and m.defined(labels)]


def score(name: str, true: np.ndarray, predicted: np.ndarray, labels: Labels) -> float:
    """A metric of classes, by its name."""
    metric = metric_of(name)
    assert isinstance(metric, ClassMetric), name
    return number_of(metric, partial(metric.score, true, predicted, labels))


def all_scores(true: np.ndarray, predicted: np.ndarray, labels: Labels) -> dict[str, float]:
    """Every metric of classes that is defined for so many."""
    defined = [m for m in CLASS_METRICS if m.defined(labels)]
    return {m.name: round(number_of(m, partial(m.score, true, predicted, labels)), 6) for m in defined}


def evaluate(name: str, rows: pd.DataFrame, predictions: Predictions, labels: Labels) -> float:
    metric = metric_of(name)
    return number_of(metric, partial(metric.evaluate, rows, predictions, labels))


def evaluate_all(name: str, rows: pd.DataFrame, predictions: Predictions, labels: Labels) -> dict[str, float]:
    """Every metric of the kind that `name` is of."""
    return {
        m.name: round(number_of(m, partial(m.evaluate, rows, predictions, labels)), 6)
        for m in like(name, labels)
    }


def number_of(metric: Metric, scoring: Callable[[], object]) -> float:
    """What `scoring` gives; GoodsError where a metric of any author gave no number, and what it raises names it."""
    with within(f"metric {metric.name}"):
        found = scoring()
    if not isinstance(found, Real):
        raise GoodsError(f"metric {metric.name} gave {found!r}, expected a number; mend its score")
    return float(found)


def check_finite(name: str, scores: list[float]) -> None:
    """GoodsError where a metric gave a fold a score that none can be compared with."""
    if not np.isfinite(scores).all():
        raise GoodsError(
            f"metric {name} gave {scores} over the folds; mend its score: higher is better, never nan"
        )
