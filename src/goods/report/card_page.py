"""The page of a report of cards: what came in, what it scored, where it is wrong and why, what to look at.

reads:  runs/, prepared/, folds.parquet
writes: the page, a list of all errors and one of suspected labels
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.core.artifacts import read_json, write_csv, write_text
from goods.core.workspace import Workspace
from goods.metrics.evaluation import metric_of
from goods.prepare.door import rows_of
from goods.prepare.order import telling
from goods.report.classes import class_rows, f1_by_size, size_rows
from goods.report.confusion import branch_maps, distance_rows, frequent_confusions
from goods.report.curves import automation_curve, folds_plot, reliability_plots
from goods.report.drift import drift_of
from goods.report.experiments import experiment_row, score_row, taken_rows
from goods.report.gallery import gallery
from goods.report.judged import Judged, judge
from goods.report.leave_one_out import left_out_rows
from goods.report.page import made_now, render
from goods.report.pool_shares import SHARE, pool_shares
from goods.report.sentences import (
    agreement_told,
    apart_told,
    bias_told,
    calibration_told,
    drift_told,
    scored_folds,
    sd_told,
    spread_told,
    suspects_told,
    tuned_told,
)
from goods.report.slices import agreement_rows, slice_rows
from goods.report.suspects import FEWEST, suspected_labels
from goods.stack.glossary import DECODED, description
from goods.submit.entries import joined, lag_of, limits_of, made_of

TOP = 20  # features
OTHERS = {"macro_f1": "macro F1", "hierarchical_f1": "hierarchical F1"}  # metrics besides that of the contest
LISTED = 60  # suspected labels in the page; the file has all


def write_page(
    ws: Workspace,
    competition: CompetitionConfig,
    config: ExperimentConfig,
    path: Path,
    lists: list[Path],
    board: dict[str, Any] | None,
    result: str | None,
    key: str,
) -> None:
    """`lists`: files of all errors and suspected labels, beside the page; `result`: its link to the submission."""
    judged = judge(ws, config.name)
    suspects = suspected_labels(judged)
    write_csv(lists[0], all_errors(judged))
    write_csv(lists[1], suspects)
    names = [file.name for file in lists]
    write_text(path, page_of(ws, competition, config, judged, suspects, board, result, key, names))


def page_of(
    ws: Workspace,
    competition: CompetitionConfig,
    config: ExperimentConfig,
    judged: Judged,
    suspects: pd.DataFrame,
    board: dict[str, Any] | None,
    result: str | None,
    key: str,
    files: list[str],
) -> str:
    report, door = judged.report, read_json(ws.door)
    drift = drift_of(judged.cards, judged.test, config.seed)
    base = list(joined(config))
    classes = class_rows(judged)
    agreement = agreement_rows(ws, judged, base) if base else []
    experiments = [experiment_row(ws, name) for name in [*base, *([] if base else [config.name])]]
    features = list(report["importance"].items())[:TOP] if base else []
    return render(
        "cards",
        key=key,
        **made_now(),
        competition=competition,
        result=result,
        stack=config if base else None,
        name=config.name,
        report=report,
        limits=limits_of(report),
        lag=lag_of(ws, config.name, report),
        judged=judged,
        n_classes=len(known_sizes(judged)),
        tuned_told=tuned_told(report["tuned_on"], bool(base)),
        others=[(name, said) for name, said in OTHERS.items() if name != report["metric"]],
        files=files,
        metric=metric_of(report["metric"]),
        sd=sd_told(report),
        spread=spread_told(scored_folds(report)),
        apart=apart_told(report),
        board=board,
        definitions=list(next(iter(report["decoders"].values()))) if base else [],
        decoded=DECODED,
        bias_told=bias_told(report["decoding"]) if base else "",
        came_in=rows_of(door),
        warnings=door["warnings"],
        order=telling(door["order"]),
        problems=door["problems"],
        rows=experiments + method_rows(config, report),
        folds_plot=folds_plot(
            [*experiments, {"name": config.name, **{k: report[k] for k in ("folds", "tuned_on")}}]
            if base
            else experiments
        ),
        taken=taken_rows(ws, made_of(ws, config.name)),
        left_out=left_out_rows(ws, judged, base),
        shares=pool_shares(ws, config.name),
        share_name=SHARE,
        slices=slice_rows(judged),
        agreement=agreement,
        agreement_told=agreement_told(agreement, len(base)),
        sizes=size_rows(judged),
        f1_by_size=f1_by_size(classes),
        classes=sorted(classes, key=lambda row: -row["wrong"]),
        confusions=frequent_confusions(judged),
        distances=distance_rows(judged),
        branches=branch_maps(judged),
        errors=gallery(ws, competition, judged, bool(base)),
        suspects=suspects.head(LISTED).to_dict("records"),
        suspects_told=suspects_told(len(suspects), known_sizes(judged), FEWEST),
        automation=automation_curve(judged),
        reliability=reliability_plots(report["calibration"]) if base else [],
        calibration_told=calibration_told(report["calibration"]) if base else "",
        drift=drift,
        drift_told=drift_told(drift) if drift else "",
        importance=[(name, value, description(name)) for name, value in features],
    )


def method_rows(config: ExperimentConfig, report: dict[str, Any]) -> list[dict[str, Any]]:
    """A row per method the stack compares; `best` marks the one that is submitted, which bears the seconds of all."""
    rows = []
    for method, scored in report.get("methods", {}).items():
        row = score_row(f"{config.name}: {method}", config.model.family, scored, report["fit_seconds"])
        best = method == report["winner"]
        rows.append(row | {"best": best} | ({} if best else {"seconds": None}))
    return rows


def known_sizes(judged: Judged) -> list[int]:
    """Train cards of each class that has any."""
    return judged.class_size[judged.class_size > 0].tolist()


def all_errors(judged: Judged) -> pd.DataFrame:
    """Every card that is wrong out of fold, the surest first."""
    wrong = np.flatnonzero(~judged.right)
    wrong = wrong[np.argsort(-judged.oof.proba[wrong, 0], kind="stable")]
    cards = judged.cards.iloc[wrong]
    return pd.DataFrame(
        {
            "product_id": cards.product_id,
            "title": cards.title,
            "true_id": [judged.labels.ids[c] for c in judged.target[wrong]],
            "true": [judged.names[c] for c in judged.target[wrong]],
            "submitted_id": [judged.labels.ids[c] for c in judged.predicted[wrong]],
            "submitted": [judged.names[c] for c in judged.predicted[wrong]],
            "confidence": judged.oof.proba[wrong, 0].round(4),
            "fold": cards.fold,
        }
    )
