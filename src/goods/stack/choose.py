"""Which method is submitted."""

from __future__ import annotations

import numpy as np

from goods.core.predictions import Predictions
from goods.metrics.base import ClassMetric
from goods.metrics.evaluation import card_metric
from goods.stack.candidates import FLOOR
from goods.stack.level import Level
from goods.stack.settle import Settled


def best_method(level: Level, settled: dict[str, Settled], without: int | None) -> str:
    """The method with the best score on the honest folds but for one (on all but that one where no other is honest).

    Of methods that a score of classes cannot tell from the best, by less than a standard error apart, it is the one
    with the lowest log-loss, which tells apart what no F1 does.
    """
    rows = level.honest & (level.fold != without)
    if not rows.any():
        rows = level.fold != without
    target = level.target[rows]
    known = {name: s.predictions.take(rows) for name, s in settled.items()}
    scores = {name: level.score(target, p) for name, p in known.items()}
    best = max(scores, key=lambda name: scores[name])
    if not isinstance(card_metric(level.metric), ClassMetric):
        return best

    def within_noise(name: str) -> bool:
        right, wanted = (known[n].classes[:, 0] == target for n in (name, best))
        return scores[best] - scores[name] <= np.sqrt((right != wanted).sum()) / len(target)

    return min(filter(within_noise, known), key=lambda name: log_loss(known[name], target))


def log_loss(predictions: Predictions, target: np.ndarray) -> float:
    """Mean -log of the probability of each card's class `target` int [n], the floor where it is not kept."""
    is_target = predictions.classes == target[:, None]
    return float(-np.log((predictions.proba * is_target).sum(1).clip(FLOOR)).mean())


def picked(level: Level, settled: dict[str, Settled], by_fold: list[str]) -> Predictions:
    """The cards of fold k from method by_fold[k]."""
    first = next(iter(settled.values())).predictions
    classes, proba = first.classes.copy(), first.proba.copy()
    for k, name in enumerate(by_fold):
        here = level.fold == k
        classes[here] = settled[name].predictions.classes[here]
        proba[here] = settled[name].predictions.proba[here]
    return Predictions(first.product_id, classes, proba)
