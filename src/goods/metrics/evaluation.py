"""Scores of predictions by name of the metric."""

from __future__ import annotations

import pandas as pd

from goods.cards.labels import Labels
from goods.core.predictions import Predictions
from goods.metrics.classification import DEFINITIONS, all_scores, score
from goods.metrics.pairs import PAIR_METRICS, pair_score


def evaluate(metric: str, rows: pd.DataFrame, predictions: Predictions, labels: Labels) -> float:
    """Of the most probable class of each of `rows` (the predictions' order); of pairs by their probability."""
    target = rows.target.to_numpy()
    if metric in PAIR_METRICS:
        return pair_score(metric, target, predictions.proba_of(1), rows.category.to_numpy(str))
    return score(metric, target, predictions.classes[:, 0], labels)


def evaluate_all(
    metric: str, rows: pd.DataFrame, predictions: Predictions, labels: Labels
) -> dict[str, float]:
    """Every metric of the kind `metric` is of."""
    if metric in PAIR_METRICS:
        return {name: round(evaluate(name, rows, predictions, labels), 6) for name in PAIR_METRICS}
    return all_scores(rows.target.to_numpy(), predictions.classes[:, 0], labels)


def definition(metric: str) -> str:
    return (DEFINITIONS | PAIR_METRICS)[metric]
