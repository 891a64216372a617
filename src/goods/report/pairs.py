"""report.html of a matching competition: what was trained, what it scored, where it is wrong.

reads:  runs/, prepared/, folds.parquet
writes: submissions/<competition>/report.html
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from goods.cards.table import load_cards, select
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.core.artifacts import read_json, write_text
from goods.core.errors import GoodsError
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.matching.glossary import described
from goods.metrics.evaluation import metric_of
from goods.metrics.pairs import LEVEL, PAIR_METRICS, best_f1, curve, masked_area, prefix_area, recall_at
from goods.metrics.reliability import expected_calibration_error
from goods.models.pairs.pairs import PairsConfig
from goods.prepare.folds import load_folds
from goods.prepare.order import telling
from goods.problems.kinds import load_rows
from goods.report.board import board_of
from goods.report.experiments import experiment_row, taken_rows
from goods.report.key import is_main, page_key, page_path, submission_link
from goods.report.page import holds, made_now, render
from goods.report.sentences import apart_told, cleanup_told, scored_folds, sd_told, spread_told, tuned_told
from goods.submit.entries import finished_report, joined, lag_of, limits_of, made_of

SHOWN = 25  # pairs of each kind of error
NAME, TEXT = 120, 300  # characters of a name, and of the attributes beside it
TOP = 25  # features


def write_pairs_report(
    ws: Workspace,
    competition: CompetitionConfig,
    config: ExperimentConfig,
    out: Path,
    submits: bool = False,
) -> Path:
    """Write the report of a finished run of the pairs family, or of what stands for it where limits left it out, unless
    it is there as it would be; returns its path. `submits` as of cards."""
    if not is_main(config):
        raise GoodsError(
            f"experiment {config.name} is of family {config.model.family}; name one of family pairs, which "
            "reports are made of"
        )
    path, board = page_path(out, competition, config), board_of(out, competition.name, competition.metric)
    result = submission_link(path, competition, submits)
    key = page_key(__name__, ws, competition, config.name, board, result)
    if holds(path, key):
        return path
    report, train = finished_report(ws, config.name), select(load_rows(ws), "train")
    honest = train[~np.isin(load_folds(ws, train), report["tuned_on"])]
    oof = Predictions.load(ws.run(config.name).oof).aligned(honest.product_id.to_numpy())
    match, target, category = oof.proba_of(1), honest.target.to_numpy(), honest.category.to_numpy(str)
    door = read_json(ws.door)
    f1, threshold = best_f1(target, match)
    sure = np.maximum(match, 1 - match)
    base = joined(config)
    text = render(
        "pairs",
        key=key,
        result=result,
        **made_now(),
        n_pairs=len(honest),
        competition=competition,
        name=config.name,
        report=report,
        sd=sd_told(report),
        spread=spread_told(scored_folds(report)),
        apart=apart_told(report),
        tuned_told=tuned_told(report["tuned_on"], bool(base)),
        cleanup_told=cleanup_told(report["cleanup"], report["metric"]) if "cleanup" in report else "",
        board=board,
        warnings=door["warnings"],
        order=telling(door["order"]),
        definition=metric_of(report["metric"]).definition,
        metrics=[m.name for m in PAIR_METRICS],
        definitions=[(m.name, m.definition) for m in PAIR_METRICS],
        rows=[experiment_row(ws, name) for name in (*base, config.name)],
        taken=taken_rows(ws, made_of(ws, config.name)),
        curves=curves_plot(target, match, category),
        categories=[category_row(name, target, match, category) for name in np.unique(category)],
        ece=expected_calibration_error(sure, (match >= 0.5) == (target == 1)),
        f1=f1,
        threshold=threshold,
        importance=importance(ws, config.name, competition.n_folds)
        if isinstance(config.model, PairsConfig)
        else [],
        limits=limits_of(report),
        lag=lag_of(ws, config.name, report),
        galleries=[
            (
                "Surest of no match, and wrong",
                gallery(ws, honest, match, (target == 1) & (match < threshold), True),
            ),
            (
                "Surest of a match, and wrong",
                gallery(ws, honest, match, (target == 0) & (match >= threshold), False),
            ),
        ],
    )
    write_text(path, text)
    return path


def category_row(name: str, target: np.ndarray, match: np.ndarray, category: np.ndarray) -> dict[str, Any]:
    own = category == name
    return {
        "name": name,
        "pairs": int(own.sum()),
        "matches": int(target[own].sum()),
        "prefix": prefix_area(target[own], match[own]),
        "masked": masked_area(target[own], match[own]),
        "recall": recall_at(target[own], match[own]),
    }


def curves_plot(target: np.ndarray, match: np.ndarray, category: np.ndarray) -> Markup:
    """Precision over recall of each category."""
    from goods.report.figures import new_figure, plain_label, svg  # matplotlib: only who makes a page pays

    figure, axis = new_figure(6.5, 4)
    for name in np.unique(category):
        own = category == name
        if target[own].any():
            recall, precision = curve(target[own], match[own])
            axis.plot(recall, precision, linewidth=1, label=plain_label(name))
    axis.axhline(LEVEL, color="#8888", linewidth=1)
    axis.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    axis.legend(frameon=False, fontsize=8)
    return svg(figure, "curves")


def importance(ws: Workspace, name: str, n_folds: int) -> list[tuple[str, float, str]]:
    """Features by their mean importance over the folds, in %, the most important first, and what they are."""
    found = [read_json(ws.run(name).fold(k) / "model.json")["importance"] for k in range(n_folds)]
    mean = pd.DataFrame(found).mean().sort_values(ascending=False, kind="stable")
    return [(str(name), float(value), described(str(name))) for name, value in mean.head(TOP).items()]


def gallery(
    ws: Workspace, pairs: pd.DataFrame, match: np.ndarray, among: np.ndarray, ascending: bool
) -> list[dict[str, Any]]:
    """The lowest or highest scored pairs where `among` bool [n] holds, with the attributes in which both differ."""
    from goods.matching.attributes import differing, read_characteristics  # scipy: only who makes a page pays

    order = np.flatnonzero(among)
    order = order[np.argsort(match[order] if ascending else -match[order], kind="stable")][:SHOWN]
    products = load_cards(ws).set_index("product_id")
    asked = products.loc[np.unique(pairs[["variantid1", "variantid2"]].iloc[order])]
    values = dict(zip(asked.index, read_characteristics(asked), strict=True))
    found = []
    for i in order:
        ids = [int(pairs[side].iloc[i]) for side in ("variantid1", "variantid2")]
        apart = differing(values[ids[0]], values[ids[1]])
        sides = [(id_, asked.title[id_][:NAME], text[:TEXT]) for id_, text in zip(ids, apart, strict=True)]
        found.append({"score": float(match[i]), "sides": sides})
    return found
