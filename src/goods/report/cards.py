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
from matplotlib.figure import Figure

from goods.cards.labels import Labels
from goods.cards.table import load_cards, select
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.config.loading import load_experiment
from goods.core.artifacts import read_json, write_text
from goods.core.errors import GoodsError
from goods.core.page import STYLE, png
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.metrics.evaluation import metric_of
from goods.stack.config import StackConfig

TEMPLATE = (
    """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{{ competition.name }}: report</title>"""
    + STYLE
    + """
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
<p>A fold's method is the one that scores best on the other folds; over the folds:
{{ report.winner_by_fold|join(", ") }}.</p>
<h2>How many cards need no human</h2>
<table><tr><th>precision wanted<th>cards filed<th>precision reached<th>confidence from</tr>
{% for c in report.coverage %}<tr><td class="n">{{ "%.0f"|format(100 * c.wanted_precision) }} %
<td class="n">{{ "%.1f"|format(100 * c.coverage) }} %<td class="n">{{ "%.2f"|format(100 * c.precision) }} %
<td class="n">{{ "%.3f"|format(c.threshold) if c.threshold is not none else "–" }}</tr>{% endfor %}</table>
<p>Each fold's threshold comes from the other folds; the last column is that of all folds, for new cards.</p>
<h2>Can the probabilities be trusted</h2>
<img alt="reliability diagrams" src="data:image/png;base64,{{ reliability }}">
<table><tr><th>expected calibration error<th>before<th>after</tr>
{% for name, both in report.calibration.items() %}<tr><td>{{ name }}<td class="n">{{ "%.4f"|format(both.before.ece) }}
<td class="n">{{ "%.4f"|format(both.after.ece) }}</tr>{% endfor %}</table>
<p>Mean over cards of |accuracy − confidence| in 15 bins; what calibrates a fold is fitted on the other folds.</p>
<h2>Decoding</h2>
<table><tr><th>{{ report.winner }} decoded by{% for metric in definitions %}<th>{{ metric }}{% endfor %}</tr>
{% for name, scores in report.decoders.items() %}<tr{% if name == report.decoding.method %} class="best"{% endif %}>
<td>{{ name }}{% for metric in definitions %}<td class="n">{{ "%.4f"|format(scores[metric]) }}{% endfor %}</tr>
{% endfor %}
</table>
<h2>Candidates</h2>
<p>The class is among a card's candidates for {{ "%.2f"|format(100 * report.candidate_recall) }} % of the cards; the
table holds {{ report.candidates_per_card }} a card, of which those within the models' first
{{ report.depth|join(", ") }} classes (chosen per fold on the others) or named by another source are used.</p>
<table><tr><th>source<th>recall<th>candidates a card</tr>
{% for name, r in report.recall.items() %}<tr><td>{{ name }}<td class="n">{{ "%.4f"|format(r.recall) }}
<td class="n">{{ "%.2f"|format(r.per_card) }}</tr>{% endfor %}</table>
<h2>What the booster looks at</h2>
<p>For single cards: scripts/explain.py {{ competition.name }} {{ stack.name }} PRODUCT_ID</p>
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
)


def write_cards_report(
    ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig, out: Path
) -> Path:
    """Write the report of a finished stack; returns its path."""
    if not isinstance(config.model, StackConfig):
        raise GoodsError(
            f"experiment {config.name} is of family {config.model.family}: reports are of stacks"
        )
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
        definition=metric_of(report["metric"]).definition,
        definitions=list(report["scores"]),
        reliability=reliability_plot(report["calibration"]),
        rows=rows,
        importance=list(report["importance"].items())[:20],
        confusions=confusions(train, oof, labels),
        errors=surest_errors(train, oof, labels),
    )
    write_text(path, text)
    return path


def reliability_plot(calibration: dict[str, Any]) -> str:
    """Accuracy over confidence of each model, before and after calibration: PNG, base64."""
    figure = Figure(figsize=(3 * len(calibration), 3), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, len(calibration), sharey=True))
    for axis, (name, both) in zip(axes, calibration.items(), strict=True):
        axis.plot([0, 1], [0, 1], color="#bbb", linewidth=1)
        for when, colour in (("before", "#c60"), ("after", "#06c")):
            bins = np.array(both[when]["reliability"]).reshape(-1, 3)
            axis.plot(bins[:, 0], bins[:, 1], marker="o", markersize=3, color=colour, label=when)
        axis.set(title=name, xlabel="confidence", xlim=(0, 1), ylim=(0, 1))
    axes[0].set_ylabel("accuracy")
    axes[0].legend(frameon=False)
    return png(figure, dpi=100)


def experiment_row(ws: Workspace, name: str) -> dict[str, Any]:
    run = ws.run(name)
    report = read_json(run.report)
    row = row_of(name, load_experiment(run.config).model.family, report, report["fit_seconds"])
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
