"""The folds of a run joined: out-of-fold and test predictions, and their scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from goods.cards.labels import Labels
from goods.cards.table import select
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.config.loading import dump
from goods.core.artifacts import read_json, write_json, write_text
from goods.core.code import code_hash
from goods.core.done import change, is_done, mark_done
from goods.core.errors import GoodsError
from goods.core.hashing import content_hash, file_hash
from goods.core.locks import one_at_a_time
from goods.core.log import say
from goods.core.predictions import Predictions, joined, mean_of
from goods.core.workspace import ALL, Run, Workspace
from goods.metrics.evaluation import check_finite, evaluate, evaluate_all
from goods.prepare.folds import load_folds, scored_rows
from goods.train.fold import halves
from goods.train.foundations import tuned_below
from goods.train.keys import inputs_key, judges, refits
from goods.train.rows import rows_seen

OF_FOLDS = (
    "fit_seconds",
    "cards_per_second",
    "memory_mb",
    "threads",
)  # what a run's report repeats of its folds'


def test_predictions(run: Run, config: ExperimentConfig, competition: CompetitionConfig) -> Predictions:
    """What an experiment says of the test cards: the mean of the models that judge them, with pseudo-labels of those
    that were not fitted on the card."""
    asked = judges(config, competition)
    found = [Predictions.load(run.fold(k) / "test.npz") for k in asked]
    if config.pseudo is None:
        return mean_of(found) if len(found) > 1 else found[0]
    first, second = (mean_of([found[k] for k in asked if k % 2 != half]) for half in (0, 1))
    in_first = halves(len(first.product_id), config.seed)[:, None] == 0
    return Predictions(
        first.product_id,
        np.where(in_first, first.classes, second.classes),
        np.where(in_first, first.proba, second.proba),
    )


def gather(ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig) -> bool:
    """Join the folds into oof.npz (every scored train id once) and test.npz (`test_predictions`), unless they
    are; whether they were not."""
    with one_at_a_time(ws.run(config.name).path):
        return join(ws, competition, config)


def join(ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig) -> bool:
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
    if is_done(run.path, key):
        # weights may have moved, and what is loaded later is where they are now
        if run.config.read_text(encoding="utf-8") != dump(config):
            change(run.path, run.config.name, dump(config))
        say(f"train {config.name}: unchanged, {headline(read_json(run.report))}")
        return False
    (run.path / "DONE").unlink(missing_ok=True)
    rows, photos_hidden = rows_seen(ws, config)
    train = scored_rows(ws, select(rows, "train"))
    oof = out_of_fold(run, train, folds)
    test = test_predictions(run, config, competition)
    test = test.aligned(select(rows, "test").product_id.to_numpy())
    fold = load_folds(ws, train)
    honest = ~np.isin(fold, tuned_on)
    oof, test, agreed = config.model.finish(rows, oof, test, fold, honest, competition.metric)
    oof.save(run.oof)
    test.save(run.test)
    write_text(run.config, dump(config))
    report = oof_report(ws, competition, oof, train, tuned_on) | hidden_share(photos_hidden) | agreed
    said = [read_json(f / "report.json") for f in folds]
    report |= {name: [of_fold[name] for of_fold in said] for name in OF_FOLDS}
    write_json(run.report, report)
    mark_done(run.path, key)
    say(f"train {config.name}: {headline(report)}")
    return True


def out_of_fold(run: Run, train: pd.DataFrame, folds: list[Path]) -> Predictions:
    """What the `folds` of a run say of the rows they left out, in the order of the `train` rows."""
    found = joined([Predictions.load(f / "valid.npz") for f in folds])
    if len(found.product_id) != len(train):
        raise GoodsError(
            f"{run.path}: folds hold {len(found.product_id)} of {len(train)} train cards; add --force"
        )
    return found.aligned(train.product_id.to_numpy())


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
        return train_cards[rows], oof.take(rows)

    honest = part(~np.isin(fold, tuned_on))
    per_fold = [evaluate(metric, *part(fold == k), labels) for k in range(competition.n_folds)]
    check_finite(metric, per_fold)
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


def fold_told(ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig, k: int) -> str:
    """The score of a trained fold, on the rows it left out, and the seconds of its fitting and predicting."""
    folder = ws.run(config.name).fold(k)
    said, report = Predictions.load(folder / "valid.npz"), read_json(folder / "report.json")
    rows = select(rows_seen(ws, config)[0], "train")
    left_out = rows[rows.product_id.isin(said.product_id)]
    score = evaluate(
        competition.metric, left_out, said.aligned(left_out.product_id.to_numpy()), Labels.load(ws)
    )
    seconds = report["fit_seconds"] + report["predict_seconds"]
    optimistic = " (optimistic: a study has used it)" if k in tuned_below(ws, config) else ""
    return f"fold {k} {competition.metric} {score:.4f}{optimistic}, {seconds:.1f} s"


def headline(report: dict[str, Any]) -> str:
    optimistic = f", optimistic on tuned folds {report['tuned_on']}: left out" if report["tuned_on"] else ""
    scored = f"out-of-fold {report['metric']} {report['score']:.4f} ± {report['sd']:.4f}{optimistic}"
    return scored + seen_without(report) + apart_from_folds(report, "; ")


def apart_from_folds(report: dict[str, Any], before: str = "") -> str:
    """Why a score is none that lies between those of its folds, in a clause; empty where it does."""
    kept = [score for k, score in enumerate(report["folds"]) if k not in report["tuned_on"]]
    if len(kept) < 2 or min(kept) <= report["score"] <= max(kept):
        return ""
    return (
        f"{before}outside the {min(kept):.4f} to {max(kept):.4f} of its folds, as {report['metric']} of all cards is "
        "no mean over folds: in one fold a rare class has few cards or none"
    )


def hidden_share(photos_hidden: float) -> dict[str, float]:
    """What a report holds of the train cards that were seen without their photo."""
    return {"photos_hidden": round(photos_hidden, 6)} if photos_hidden else {}


def seen_without(report: dict[str, Any]) -> str:
    hid = report.get("photos_hidden")
    return f"; {hid:.0%} of the train cards without their photo, as test has fewer" if hid else ""
