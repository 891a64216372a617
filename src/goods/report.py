"""report.html: what was trained, what it scored, what the submission is, where it is wrong.

reads:  runs/, prepared/, folds.parquet
writes: submissions/<competition>/report.html
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd

from goods.artifacts import Predictions, Workspace, read_json, write_text
from goods.cards import Labels, load_cards
from goods.config import CompetitionConfig, ExperimentConfig, StackConfig
from goods.metrics import DEFINITIONS
from goods.preparation import select

TEMPLATE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{{ competition.name }}: report</title>
<style>
body { font: 15px/1.45 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0 } td, th { padding: .25rem .7rem; border-bottom: 1px solid #ddd }
th { text-align: left } td.n { text-align: right; font-variant-numeric: tabular-nums } .best { font-weight: 600 }
</style>
<h1>{{ competition.name }}</h1>
<p>Submitted: <b>{{ stack.name }}</b>, method <b>{{ report.winner }}</b>, out-of-fold {{ report.metric }}
<b>{{ "%.4f"|format(report.score) }}</b> ± {{ "%.4f"|format(report.sd) }} (standard deviation over folds).
{{ definition }}.
{% if report.tuned_on %}Folds {{ report.tuned_on }} chose parameters in a study and are left out of every score
here.{% endif %}</p>
<h2>Experiments</h2>
<table><tr><th>experiment<th>family<th>{{ report.metric }}<th>± sd<th>macro F1<th>hierarchical F1<th>fit, s
<th>cards/s</tr>
{% for row in rows %}<tr{% if row.best %} class="best"{% endif %}><td>{{ row.name }}<td>{{ row.family }}
<td class="n">{{ "%.4f"|format(row.score) }}<td class="n">{{ "%.4f"|format(row.sd) }}
<td class="n">{{ "%.4f"|format(row.macro_f1) }}<td class="n">{{ "%.4f"|format(row.hierarchical_f1) }}
<td class="n">{{ "%.0f"|format(row.seconds) }}<td class="n">{{ row.rate }}</tr>
{% endfor %}</table>
<p>The class is among the {{ report.candidates_per_card }} candidates a card has on average for
{{ "%.2f"|format(100 * report.candidate_recall) }} % of the cards.</p>
<h2>What the booster looks at</h2>
<table>{% for name, value in importance %}<tr><td>{{ name }}<td class="n">{{ "%.1f"|format(value) }}</tr>{% endfor %}
</table>
<h2>Most frequent confusions</h2>
<table><tr><th>true<th>predicted<th>cards</tr>
{% for actual, predicted, n in confusions %}<tr><td>{{ actual }}<td>{{ predicted }}<td class="n">{{ n }}</tr>
{% endfor %}
</table>
<h2>Surest errors</h2>
<table><tr><th>product_id<th>title<th>true<th>predicted<th>confidence</tr>
{% for e in errors %}<tr><td>{{ e.id }}<td>{{ e.title }}<td>{{ e.true }}<td>{{ e.predicted }}
<td class="n">{{ "%.3f"|format(e.confidence) }}</tr>{% endfor %}</table>
"""


def write_report(ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig, out: Path) -> Path:
    """Write the report of a finished stack; returns its path."""
    assert isinstance(config.model, StackConfig)
    report, labels = read_json(ws.run(config.name).report), Labels.load(ws)
    rows = [experiment_row(ws, name) for name in config.model.experiments]
    rows += [
        {
            **row_of(f"{config.name}: {method}", "stack", r, report["fit_seconds"]),
            "best": method == report["winner"],
        }
        for method, r in report["methods"].items()
    ]
    train = select(load_cards(ws), "train")
    oof = Predictions.load(ws.run(config.name).oof).aligned(train.product_id.to_numpy())
    html = jinja2.Environment(autoescape=True).from_string(TEMPLATE)
    path = out / competition.name / "report.html"
    text = html.render(
        competition=competition,
        stack=config,
        report=report,
        definition=DEFINITIONS[report["metric"]],
        rows=rows,
        importance=list(report["importance"].items())[:20],
        confusions=confusions(train, oof, labels),
        errors=surest_errors(train, oof, labels),
    )
    write_text(path, text)
    return path


def experiment_row(ws: Workspace, name: str) -> dict[str, Any]:
    run = ws.run(name)
    report = read_json(run.report)
    row = row_of(name, name.split("-")[0], report, report["fit_seconds"])
    return {**row, "rate": round(float(np.mean(report["cards_per_second"])))}


def row_of(name: str, family: str, report: dict[str, Any], seconds: list[float]) -> dict[str, Any]:
    scores = report["scores"]
    return {
        "name": name,
        "family": family,
        "score": report["score"],
        "sd": report["sd"],
        "macro_f1": scores["macro_f1"],
        "hierarchical_f1": scores["hierarchical_f1"],
        "seconds": sum(seconds),
        "rate": "",
        "best": False,
    }


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
            "id": int(train.product_id.iloc[i]),
            "title": train.title.iloc[i][:160],
            "true": path_name(labels, int(train.target.iloc[i])),
            "predicted": path_name(labels, int(oof.classes[i, 0])),
            "confidence": float(oof.proba[i, 0]),
        }
        for i in order
    ]
