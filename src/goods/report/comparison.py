"""Attributes side by side: the best experiment on text, on photos and on both, and the stack."""

from __future__ import annotations

from typing import Any

import pandas as pd

from goods.cards.table import load_cards
from goods.config.competition import CompetitionConfig
from goods.config.loading import load_experiment
from goods.core.workspace import Workspace
from goods.prepare.prepared import parts
from goods.submit.entries import finished_report


def comparison(ws: Workspace, competition: CompetitionConfig, experiment: str) -> str:
    """Markdown: for every attribute the best experiment on text alone, on photos alone and joining both in one
    network, and the stack; out-of-fold macro F1 ± sd, weighted and binary F1 of the stack besides.

    What is best is read off the same scores, which favours the three over the stack, not the stack.
    """
    rows = []
    for space, _ in parts(ws, competition):
        report = finished_report(space, experiment)
        best, scores = best_by_modality(space, report), report["scores"]
        rows.append(
            {"attribute": space.attribute, "known cards": str((load_cards(space).target >= 0).sum())}
            | {modality: best.get(modality, (0.0, "–"))[1] for modality in ("text", "image", "fusion")}
            | {
                "stack": f"**{macro_f1(report)}**",
                "stack: weighted F1": f"{scores['weighted_f1']:.4f}",
                "binary F1": f"{scores['binary_f1']:.4f}" if "binary_f1" in scores else "–",
            }
        )
    return pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True) + "\n"


def best_by_modality(ws: Workspace, report: dict[str, Any]) -> dict[str, tuple[float, str]]:
    """text, image and fusion → macro F1 of the best of a stack's base experiments that look at that, and how it is
    shown; empty where `report` is of one experiment alone."""
    best: dict[str, tuple[float, str]] = {}
    for base in report.get("base", ()):
        scored, modality = finished_report(ws, base), modality_of(ws, base)
        macro = scored["scores"]["macro_f1"]
        if macro > best.get(modality, (-1.0, ""))[0]:
            best[modality] = (macro, f"{macro_f1(scored)} ({base})")
    return best


def macro_f1(report: dict[str, Any]) -> str:
    """With its spread over folds where that is the competition's metric."""
    spread = f" ± {report['sd']:.4f}" if report["metric"] == "macro_f1" else ""
    return f"{report['scores']['macro_f1']:.4f}{spread}"


def modality_of(ws: Workspace, experiment: str) -> str:
    """text, image or fusion: what an experiment and those it builds on look at."""
    config = load_experiment(ws.run(experiment).config)
    below = {modality_of(ws, name) for name in config.upstream}
    found = below | set(config.model.modalities)
    return found.pop() if len(found) == 1 else "fusion"
