"""The folds of a run joined: out-of-fold and test predictions, and their scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from goods.cards.labels import Labels
from goods.cards.table import select
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.config.loading import dump
from goods.core.artifacts import is_done, mark_done, read_json, write_json, write_text
from goods.core.code import code_hash
from goods.core.errors import GoodsError
from goods.core.hashing import content_hash, file_hash
from goods.core.log import say
from goods.core.predictions import Predictions, mean_of
from goods.core.workspace import ALL, Run, Workspace
from goods.metrics.evaluation import evaluate, evaluate_all
from goods.prepare.folds import load_folds
from goods.problems.kinds import load_rows
from goods.train.fold import halves
from goods.train.foundations import (
    tuned_below,
)
from goods.train.keys import inputs_key, refits


def test_predictions(run: Run, config: ExperimentConfig, n_folds: int) -> Predictions:
    """What an experiment says of the test cards: the mean of the fold models, with pseudo-labels of those that were
    not fitted on the card; with `refit` what the model of all folds says."""
    if refits(config):
        return Predictions.load(run.fold(ALL) / "test.npz")
    found = [Predictions.load(run.fold(k) / "test.npz") for k in range(n_folds)]
    if config.pseudo is None:
        return mean_of(found)
    first, second = (mean_of([found[k] for k in range(n_folds) if k % 2 != half]) for half in (0, 1))
    in_first = halves(len(first.product_id), config.seed)[:, None] == 0
    return Predictions(
        first.product_id,
        np.where(in_first, first.classes, second.classes),
        np.where(in_first, first.proba, second.proba),
    )


def gather(ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig) -> None:
    """Join the folds into oof.npz (every train id exactly once) and test.npz (`test_predictions`)."""
    run, tuned_on = ws.run(config.name), tuned_below(ws, config)
    folds = [run.fold(k) for k in range(competition.n_folds)]
    testers = [run.fold(ALL)] if refits(config) else folds
    key = content_hash(
        inputs_key(ws, config),
        code_hash(__name__, *config.model.modules),
        competition.metric,
        tuned_on,
        [file_hash(f / "valid.npz") for f in folds],
        [file_hash(f / "test.npz") for f in testers],
    )
    if is_done(run.path, key) and run.oof.is_file() and run.test.is_file():
        if run.config.read_text(encoding="utf-8") != dump(config):
            write_text(
                run.config, dump(config)
            )  # weights may have moved: what is loaded later is where they are now
        say(f"train {config.name}: unchanged, {headline(read_json(run.report))}")
        return
    (run.path / "DONE").unlink(missing_ok=True)
    train_cards = select(load_rows(ws), "train")
    valid = [Predictions.load(f / "valid.npz") for f in folds]
    joined = Predictions(
        np.concatenate([p.product_id for p in valid]),
        np.concatenate([p.classes for p in valid]),
        np.concatenate([p.proba for p in valid]),
    )
    if len(joined.product_id) != len(train_cards):
        raise GoodsError(
            f"{run.path}: folds hold {len(joined.product_id)} of {len(train_cards)} train cards; --force"
        )
    oof = joined.aligned(train_cards.product_id.to_numpy())
    test = test_predictions(run, config, competition.n_folds)
    fold = load_folds(ws, train_cards)
    test = test.aligned(select(load_rows(ws), "test").product_id.to_numpy())
    oof, test, agreed = config.model.finish(
        load_rows(ws), oof, test, fold, ~np.isin(fold, tuned_on), competition.metric
    )
    oof.save(run.oof)
    test.save(run.test)
    write_text(run.config, dump(config))
    report = oof_report(ws, competition, oof, train_cards, tuned_on) | agreed
    report["fit_seconds"] = [read_json(f / "report.json")["fit_seconds"] for f in folds]
    report["cards_per_second"] = [read_json(f / "report.json")["cards_per_second"] for f in folds]
    write_json(run.report, report)
    mark_done(run.path, key)
    say(f"train {config.name}: {headline(report)}")


def oof_report(
    ws: Workspace,
    competition: CompetitionConfig,
    oof: Predictions,
    train_cards: pd.DataFrame,
    tuned_on: tuple[int, ...],
) -> dict[str, Any]:
    """Scores of the out-of-fold predictions of `train_cards`, in their order. `score` is over the folds no study has
    used."""
    labels, metric = Labels.load(ws), competition.metric
    fold = load_folds(ws, train_cards)

    def part(rows: np.ndarray) -> tuple[pd.DataFrame, Predictions]:
        return train_cards[rows], Predictions(oof.product_id[rows], oof.classes[rows], oof.proba[rows])

    honest = part(~np.isin(fold, tuned_on))
    per_fold = [evaluate(metric, *part(fold == k), labels) for k in range(competition.n_folds)]
    kept = [per_fold[k] for k in range(competition.n_folds) if k not in tuned_on]
    return {
        "metric": metric,
        "score": round(evaluate(metric, *honest, labels), 6),
        "sd": round(float(np.std(kept, ddof=1)) if len(kept) > 1 else 0.0, 6),
        "folds": [round(s, 6) for s in per_fold],
        "tuned_on": list(tuned_on),
        "score_all_folds": round(evaluate(metric, train_cards, oof, labels), 6),
        "scores": evaluate_all(metric, *honest, labels),
    }


def headline(report: dict[str, Any]) -> str:
    optimistic = f", optimistic on tuned folds {report['tuned_on']}: left out" if report["tuned_on"] else ""
    return f"out-of-fold {report['metric']} {report['score']:.4f} ± {report['sd']:.4f}{optimistic}"
