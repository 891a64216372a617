"""report.html: what was trained, what it scored, what the submission is, where it is wrong.

reads:  runs/, prepared/, folds.parquet
writes: submissions/<competition>/report.html
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from goods.cards.labels import Labels
from goods.cards.table import load_cards, select
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.core.artifacts import read_json, write_text
from goods.core.errors import GoodsError
from goods.core.ids import plain_id
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.metrics.evaluation import metric_of
from goods.prepare.door import rows_of
from goods.prepare.folds import scored_rows
from goods.report.board import board_of
from goods.report.experiments import experiment_row, score_row
from goods.report.page import plain_label, png, render
from goods.stack.config import StackConfig


def write_cards_report(
    ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig, out: Path
) -> Path:
    """Write the report of a finished stack; returns its path."""
    if not isinstance(config.model, StackConfig):
        raise GoodsError(
            f"experiment {config.name} is of family {config.model.family}: reports are of stacks"
        )
    report, labels, door = read_json(ws.run(config.name).report), Labels.load(ws), read_json(ws.door)
    train = scored_rows(ws, select(load_cards(ws), "train"))
    oof = Predictions.load(ws.run(config.name).oof).aligned(train.product_id.to_numpy())
    text = render(
        "cards",
        competition=competition,
        stack=config,
        report=report,
        board=board_of(out, competition.name, report["metric"]),
        definition=metric_of(report["metric"]).definition,
        definitions=list(next(iter(report["decoders"].values()))),
        came_in=rows_of(door),
        warnings=door["warnings"],
        reliability=reliability_plot(report["calibration"]),
        rows=[experiment_row(ws, name) for name in config.model.experiments] + method_rows(config, report),
        importance=list(report["importance"].items())[:20],
        confusions=confusions(train, oof, labels),
        errors=surest_errors(train, oof, labels),
    )
    path = out / competition.name / "report.html"
    write_text(path, text)
    return path


def method_rows(config: ExperimentConfig, report: dict[str, Any]) -> list[dict[str, Any]]:
    """A row per method the stack compares; `best` marks the one that is submitted."""
    return [
        score_row(f"{config.name}: {method}", config.model.family, scored, report["fit_seconds"])
        | {"best": method == report["winner"]}
        for method, scored in report["methods"].items()
    ]


def reliability_plot(calibration: dict[str, Any]) -> str:
    """Accuracy over confidence of each model, before and after calibration: PNG, base64."""
    figure = Figure(figsize=(3 * len(calibration), 3), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, len(calibration), sharey=True))
    for axis, (name, both) in zip(axes, calibration.items(), strict=True):
        axis.plot([0, 1], [0, 1], color="#bbb", linewidth=1)
        for when, colour in (("before", "#c60"), ("after", "#06c")):
            bins = np.array(both[when]["reliability"]).reshape(-1, 3)
            axis.plot(bins[:, 0], bins[:, 1], marker="o", markersize=3, color=colour, label=when)
        axis.set(title=plain_label(name), xlabel="confidence", xlim=(0, 1), ylim=(0, 1))
    axes[0].set_ylabel("accuracy")
    axes[0].legend(frameon=False)
    return png(figure, dpi=100)


def path_name(labels: Labels, c: int) -> str:
    return " → ".join(labels.paths[c])


def confusions(
    train: pd.DataFrame, oof: Predictions, labels: Labels, most: int = 15
) -> list[tuple[str, str, int]]:
    wrong = pd.DataFrame({"true": train.target, "predicted": oof.classes[:, 0]})
    wrong = wrong[wrong.true != wrong.predicted]
    counts = wrong.value_counts().head(most).reset_index()
    return [
        (path_name(labels, t), path_name(labels, p), n)
        for t, p, n in zip(
            counts.true.tolist(), counts.predicted.tolist(), counts["count"].tolist(), strict=True
        )
    ]


def surest_errors(
    train: pd.DataFrame, oof: Predictions, labels: Labels, most: int = 25
) -> list[dict[str, Any]]:
    wrong = np.flatnonzero(oof.classes[:, 0] != train.target.to_numpy())
    order = wrong[np.argsort(-oof.proba[wrong, 0], kind="stable")][:most]
    return [
        {
            "id": plain_id(train.product_id.iloc[i]),
            "title": train.title.iloc[i][:160],
            "true": path_name(labels, int(train.target.iloc[i])),
            "predicted": path_name(labels, int(oof.classes[i, 0])),
            "confidence": float(oof.proba[i, 0]),
        }
        for i in order
    ]
