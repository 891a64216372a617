"""What a stack's report says besides scores."""

from __future__ import annotations

from typing import Any

import numpy as np

from goods.core.predictions import Predictions
from goods.metrics.base import DECODERS
from goods.metrics.evaluation import all_scores
from goods.metrics.reliability import coverage, expected_calibration_error, reliability
from goods.stack.candidates import Candidates, recall_by_source
from goods.stack.fit import FoldStack
from goods.stack.level import Level
from goods.stack.ranked import to_predictions
from goods.stack.settle import Settled, fit_temperatures, settle


def diagnostics(
    level: Level,
    folds: list[FoldStack],
    final: Predictions,
    raw: Predictions,
    settled: Settled,
    calibrated: Candidates,
) -> dict[str, Any]:
    """What report.json says besides scores: decodings, calibration, coverage, candidates, features. `raw` and
    `settled` are the winner's, `calibrated` holds the base models' calibrated probabilities."""
    honest, correct = level.honest, right(level, final)
    warmth = fit_temperatures(level, raw)
    return {
        "decoders": {name: decoded_scores(level, raw, name, warmth) for name in DECODERS},
        "calibration": calibration_report(level, calibrated, raw, settled),
        "coverage": [
            coverage(final.proba[honest, 0], correct[honest], level.fold[honest], precision)
            for precision in level.model.precisions
        ],
        "recall": recall_by_source(level.table, level.target),
        "depth": [f.depth for f in folds],  # with refit the last is that of all folds
        "candidate_recall": candidate_recall(level, folds),
        "candidates_per_card": round(len(level.table.card) / level.table.n_cards, 2),
        "importance": named_importance(folds),
    }


def right(level: Level, predictions: Predictions) -> np.ndarray:
    """bool [n]: cards whose first class is theirs."""
    return predictions.classes[:, 0] == level.target


def decoded_scores(
    level: Level, raw: Predictions, decoder: str, temperatures: dict[int, float]
) -> dict[str, float]:
    """Every metric of one method under one decoding, on the honest folds."""
    chosen = settle(level, raw, decoder, temperatures).predictions.classes[level.honest, 0]
    return all_scores(level.target[level.honest], chosen, level.labels)


def calibration_report(
    level: Level, calibrated: Candidates, raw: Predictions, final: Settled
) -> dict[str, Any]:
    """Expected calibration error and reliability diagram before and after, per base model and of the winner."""
    pairs = {"stack": (raw, final.predictions)}
    for j, name in enumerate(level.maker.names):
        pairs[name] = (
            to_predictions(level.table, np.exp(level.table.log_proba[:, j]), level.train, level.labels),
            to_predictions(level.table, np.exp(calibrated.log_proba[:, j]), level.train, level.labels),
        )
    return {
        name: {
            when: calibration_of(p.proba[level.honest, 0], right(level, p)[level.honest])
            for when, p in zip(("before", "after"), both, strict=True)
        }
        for name, both in pairs.items()
    }


def calibration_of(confidence: np.ndarray, correct: np.ndarray) -> dict[str, Any]:
    """Of the first classes' probabilities float [n], and whether they are right bool [n]."""
    return {
        "ece": round(expected_calibration_error(confidence, correct), 6),
        "reliability": reliability(confidence, correct).round(6).tolist(),
    }


def candidate_recall(level: Level, folds: list[FoldStack]) -> float:
    """Share of cards whose class is among the candidates of their own fold's stack."""
    found = level.table.cls == level.target[level.table.card]
    fold = level.fold[level.table.card]
    kept = sum((found & (fold == k) & level.table.within(f.depth)).sum() for k, f in enumerate(folds))
    return round(float(kept / level.table.n_cards), 6)


def named_importance(folds: list[FoldStack]) -> dict[str, float]:
    """Mean over folds of CatBoost's feature importance (sums to 100), greatest first."""
    boosters = [f.booster for f in folds if f.booster is not None]
    if not boosters:
        return {}
    mean = np.mean([b.get_feature_importance(type="PredictionValuesChange") for b in boosters], axis=0)
    return {boosters[0].feature_names_[i]: round(float(mean[i]), 3) for i in np.argsort(-mean)}
