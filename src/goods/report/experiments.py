"""An experiment's line in the tables of reports."""

from __future__ import annotations

from typing import Any

import numpy as np

from goods.config.loading import load_experiment
from goods.core.workspace import Workspace
from goods.submit.entries import finished_report


def experiment_row(ws: Workspace, name: str) -> dict[str, Any]:
    """What a finished run is, what it scored and what it took; its family is the one its config says."""
    report = finished_report(ws, name)
    family = load_experiment(ws.run(name).config).model.family
    return {
        **score_row(name, family, report, report["fit_seconds"]),
        "rate": round(float(np.mean(report["cards_per_second"]))),
        "warning": report.get("warning"),
    }


def score_row(name: str, family: str, report: dict[str, Any], seconds: list[float]) -> dict[str, Any]:
    """`report` has score, sd over folds and scores (metric → value); `seconds` are those of each fold's fit."""
    return {
        "name": name,
        "family": family,
        "score": report["score"],
        "sd": report["sd"],
        "folds": report["folds"],
        "scores": report["scores"],
        "seconds": sum(seconds),
        "rate": "",
    }
