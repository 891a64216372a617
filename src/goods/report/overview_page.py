"""The page on all attributes of a competition: what each scored, against what, and class by class.

reads:  runs/<experiment>/ of every attribute, prepared/, folds.parquet
writes: the page
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from goods.cards.table import load_cards, select
from goods.config.competition import CompetitionConfig
from goods.core.artifacts import write_text
from goods.core.predictions import TOP_K, Predictions
from goods.core.workspace import Workspace
from goods.metrics.evaluation import card_metric, metric_of
from goods.prepare.prepared import parts
from goods.report.classes import class_rows
from goods.report.comparison import best_by_modality
from goods.report.curves import folds_plot
from goods.report.judged import Judged, judge
from goods.report.page import made_now, render
from goods.report.sentences import apart_told, scored_folds, sd_told, spread_told
from goods.submit.entries import overall

SIDES = {"text": "text", "image": "photo", "fusion": "both in one network"}  # as best_by_modality names them


def write_page(
    ws: Workspace,
    competition: CompetitionConfig,
    experiment: str,
    path: Path,
    reports: list[str],
    board: dict[str, Any] | None,
    result: str | None,
    key: str,
) -> None:
    """`reports`: attributes that have a page of their own in a folder beside this one."""
    cards = load_cards(ws)
    rows = [attribute_row(space, experiment) for space, _ in parts(ws, competition)]
    _, score, sd = overall(ws, competition, experiment)
    several = all(row["scored_folds"] > 1 for row in rows)
    text = render(
        "attributes",
        key=key,
        result=result,
        **made_now(),
        competition=competition,
        name=experiment,
        metric=metric_of(competition.metric),
        score=score,
        sd=f"{sd:.4f}" if several else "–",
        spread="mean of the standard deviations over folds" if several else spread_told(1),
        train=len(select(cards, "train")),
        test=len(select(cards, "test")),
        rows=rows,
        folds_plot=folds_plot(rows),
        sides=[(side, said) for side, said in SIDES.items() if any(side in row["best"] for row in rows)],
        reports=reports,
        board=board,
    )
    write_text(path, text)


def attribute_row(ws: Workspace, experiment: str) -> dict[str, Any]:
    """What the page says of one attribute; `filed`: what may be answered without a human for the least precision that
    was asked for, None where no stack has told."""
    judged = judge(ws, experiment)
    best = best_by_modality(ws, judged.report)
    return {
        "name": ws.attribute,
        "known": int(judged.class_size.sum()),
        "score": judged.report["score"],
        "sd": sd_told(judged.report),
        "scored_folds": scored_folds(judged.report),
        "folds": judged.report["folds"],
        "tuned_on": judged.report["tuned_on"],
        "apart": apart_told(judged.report),
        "winner": judged.report.get("winner", ""),
        "baseline": prior_score(judged),
        "best": {modality: found[1] for modality, found in best.items()},
        "weighted_f1": judged.report["scores"]["weighted_f1"],
        "filed": next(iter(judged.report.get("coverage", ())), None),
        "classes": sorted(class_rows(judged), key=lambda row: -row["train"]),
    }


def prior_score(judged: Judged) -> float:
    """Score of giving every card the shares of the classes, so the most frequent one first."""
    share, n = judged.class_size / judged.class_size.sum(), len(judged.cards)
    order = np.argsort(-share, kind="stable")[:TOP_K].astype(np.int32)
    said = Predictions(
        judged.cards.product_id.to_numpy(),
        np.tile(order, (n, 1)),
        np.tile(share[order].astype(np.float32), (n, 1)),
    )
    return card_metric(judged.report["metric"]).judge(judged.target, said, judged.labels)
