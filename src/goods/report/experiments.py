"""An experiment's line in the tables of reports."""

from __future__ import annotations

from typing import Any

import numpy as np

from goods.config.loading import load_experiment
from goods.core.artifacts import read_json
from goods.core.taken import Taken, taken_in
from goods.core.workspace import Workspace
from goods.submit.entries import finished_report, memory_of
from goods.train.best import TUNED

PREPARE = "prepare"  # the stage that is no experiment


def experiment_row(ws: Workspace, name: str) -> dict[str, Any]:
    """What a finished run is, what it scored and what it took; its family is the one its config says."""
    report = finished_report(ws, name)
    family = load_experiment(ws.run(name).config).model.family
    return {
        **score_row(name, family, report, report["fit_seconds"]),
        "tuned_on": report["tuned_on"],
        "rate": round(float(np.mean(report["cards_per_second"]))),
        "memory": memory_of(report),
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
        "memory": memory_of(report),
    }


def taken_rows(ws: Workspace, names: list[str]) -> list[dict[str, Any]]:
    """What each stage took, `seconds` (of experiments those of fitting, folds added up) and `memory`, MB of its largest
    process, None where nobody noted it: cards, studies, experiments in the order of `names`."""
    rows = [(PREPARE, taken_in(ws.whole.path))]
    for name in names:
        config, report = load_experiment(ws.run(name).config), read_json(ws.run(name).report)
        if config.tuned_on:
            study = ws.tuning(name.removesuffix(TUNED))
            rows.append((study.name, taken_in(study)))
        rows.append((name, Taken(sum(report.get("fit_seconds", ())), memory_of(report) or 0)))
    known = [(name, taken) for name, taken in rows if taken is not None]
    return [
        {"name": name, "seconds": taken.seconds, "memory": taken.memory_mb or None} for name, taken in known
    ]
