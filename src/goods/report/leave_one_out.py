"""What each experiment adds: the score of all of them pooled, and of all but one."""

from __future__ import annotations

from typing import Any

import numpy as np

from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.metrics.evaluation import card_metric
from goods.report.judged import Judged
from goods.stack.candidates import Candidates, make_candidates
from goods.stack.pooling import fit_log_pool
from goods.stack.ranked import to_predictions

SAMPLE = 20_000  # cards that are pooled
MIN_PROBA = 0.001


def left_out_rows(
    ws: Workspace, judged: Judged, experiments: list[str], seed: int = 0
) -> list[dict[str, Any]]:
    """Of each experiment what the score of a log-linear pool (weights fitted on the other folds) loses without it: mean
    and standard deviation over the folds. Empty with less than two experiments or folds."""
    folds = np.unique(judged.cards.fold.to_numpy())
    if len(experiments) < 2 or len(folds) < 2:
        return []
    rows = np.random.default_rng(seed).permutation(len(judged.cards))[:SAMPLE]
    rows.sort()
    ids = judged.cards.product_id.to_numpy()[rows]
    base = [Predictions.load(ws.run(name).oof).aligned(ids) for name in experiments]
    table = make_candidates(base, judged.labels.n_classes, MIN_PROBA, {})
    cards, metric = judged.cards.iloc[rows], card_metric(judged.report["metric"])
    fold, target = cards.fold.to_numpy(), judged.target[rows]

    def scores(kept: list[int]) -> np.ndarray:
        pooled = np.empty(len(table.card))
        for k in folds:
            fitted, here = of_cards(table, fold != k, kept), of_cards(table, fold == k, kept)
            pool = fit_log_pool(fitted, target, judged.labels.n_classes)
            pooled[fold[table.card] == k] = pool(here)
        said = to_predictions(table, pooled, cards, judged.labels)
        return np.array([metric.judge(target[fold == k], said.take(fold == k), judged.labels) for k in folds])

    everything = list(range(len(experiments)))
    whole = scores(everything)
    table_rows = []
    for j, name in enumerate(experiments):
        lost = whole - scores([i for i in everything if i != j])
        table_rows.append({"name": name, "adds": float(lost.mean()), "sd": float(lost.std(ddof=1))})
    return table_rows


def of_cards(table: Candidates, cards: np.ndarray, models: list[int]) -> Candidates:
    """The entries of some cards (bool [n]), with the log-probabilities of some models."""
    taken = table.take(cards[table.card])
    return Candidates(
        taken.card,
        taken.cls,
        np.ascontiguousarray(taken.log_proba[:, models]),
        taken.rank,
        taken.named,
        taken.n_cards,
    )
