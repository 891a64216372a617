"""report.html of a matching competition: what was trained, what it scored, where it is wrong.

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

from goods.cards.table import load_cards, select
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.core.artifacts import read_json, write_text
from goods.core.page import STYLE, png
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.metrics.evaluation import metric_of
from goods.metrics.pairs import LEVEL, PAIR_METRICS, best_f1, curve, masked_area, prefix_area, recall_at
from goods.metrics.reliability import expected_calibration_error
from goods.models.pairs.pairs import PairsConfig
from goods.prepare.folds import load_folds
from goods.problems.kinds import load_rows
from goods.submit.stage import finished_report

SHOWN = 25  # pairs of each kind of error

TOP = 25  # features

TEMPLATE = (
    """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{{ competition.name }}: report</title>"""
    + STYLE
    + """
<h1>{{ competition.name }}</h1>
<p>Submitted: <b>{{ name }}</b>, out-of-fold {{ report.metric }} <b>{{ "%.4f"|format(report.score) }}</b> ±
{{ "%.4f"|format(report.sd) }} (standard deviation over folds). {{ definition }}.
{% if report.tuned_on %}Folds {{ report.tuned_on }} chose parameters in a study and are left out of every score here.
{% endif %}No pair is scored by a model that has seen one of its products.</p>
<h2>Experiments</h2>
<table><tr><th>experiment{% for metric in metrics %}<th>{{ metric }}{% endfor %}<th>± sd<th>fit, s</tr>
{% for row in rows %}<tr{% if row.name == name %} class="best"{% endif %}><td>{{ row.name }}
{% for metric in metrics %}<td class="n">{{ "%.4f"|format(row.scores[metric]) }}{% endfor %}
<td class="n">{{ "%.4f"|format(row.sd) }}<td class="n">{{ "%.0f"|format(row.seconds) }}</tr>{% endfor %}</table>
{% for metric, text in definitions %}<p><b>{{ metric }}</b>: {{ text }}.</p>{% endfor %}
<h2>Precision and recall by category</h2>
<img alt="precision-recall curves" src="data:image/png;base64,{{ curves }}">
<table><tr><th>cat3_grouped<th>pairs<th>matches<th>area, prefix<th>area, masked<th>recall at precision 0.75</tr>
{% for c in categories %}<tr><td>{{ c.name }}<td class="n">{{ c.pairs }}<td class="n">{{ c.matches }}
<td class="n">{{ "%.4f"|format(c.prefix) }}<td class="n">{{ "%.4f"|format(c.masked) }}
<td class="n">{{ "%.4f"|format(c.recall) }}</tr>{% endfor %}</table>
<p>Expected calibration error {{ "%.4f"|format(ece) }}; F1 is highest, {{ "%.4f"|format(f1) }}, where scores of at least
{{ "%.3f"|format(threshold) }} are matches.</p>
{% if report.cleanup %}<h2>Agreement</h2>
<p>Where a third product matches one of both, the score gives way by {{ report.cleanup.strength }} (folds:
{{ report.cleanup.strength_by_fold|join(", ") }}); {{ report.metric }} by strength:
{% for strength, score in report.cleanup.scores.items() %}{{ ", " if not loop.first }}{{ strength }}:
{{ "%.4f"|format(score) }}{% endfor %}. {{ report.cleanup.test_pairs_changed }} test pairs changed.</p>{% endif %}
<h2>What the booster looks at</h2>
<table>{% for feature, value in importance %}<tr><td>{{ feature }}<td class="n">{{ "%.1f"|format(value) }}</tr>
{% endfor %}</table>
{% for title, errors in galleries %}<h2>{{ title }}</h2>
{% if not errors %}<p>None.</p>{% else %}<table><tr><th>score<th>variantid1<th>name<th>variantid2<th>name</tr>
{% for e in errors %}<tr><td class="n">{{ "%.3f"|format(e.score) }}<td>{{ e.variantid1 }}<td>{{ e.name1 }}
<td>{{ e.variantid2 }}<td>{{ e.name2 }}</tr>{% endfor %}</table>{% endif %}{% endfor %}
"""
)


def write_pairs_report(
    ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig, out: Path
) -> Path:
    """Write the report of a finished run of the pairs family; returns its path."""
    assert isinstance(config.model, PairsConfig)
    report, train = finished_report(ws, config.name), select(load_rows(ws), "train")
    honest = train[~np.isin(load_folds(ws, train), report["tuned_on"])]
    oof = Predictions.load(ws.run(config.name).oof).aligned(honest.product_id.to_numpy())
    match, target, category = oof.proba_of(1), honest.target.to_numpy(), honest.category.to_numpy(str)
    f1, threshold = best_f1(target, match)
    sure = np.maximum(match, 1 - match)
    html = jinja2.Environment(autoescape=True).from_string(TEMPLATE)
    text = html.render(
        competition=competition,
        name=config.name,
        report=report,
        definition=metric_of(report["metric"]).definition,
        metrics=[m.name for m in PAIR_METRICS],
        definitions=[(m.name, m.definition) for m in PAIR_METRICS],
        rows=[experiment_row(ws, name) for name in (*config.model.experiments, config.name)],
        curves=curves_plot(target, match, category),
        categories=[category_row(name, target, match, category) for name in np.unique(category)],
        ece=expected_calibration_error(sure, (match >= 0.5) == (target == 1)),
        f1=f1,
        threshold=threshold,
        importance=importance(ws, config.name, competition.n_folds),
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
    path = out / competition.name / "report.html"
    write_text(path, text)
    return path


def experiment_row(ws: Workspace, name: str) -> dict[str, Any]:
    report = finished_report(ws, name)
    return {
        "name": name,
        "scores": report["scores"],
        "sd": report["sd"],
        "seconds": sum(report["fit_seconds"]),
    }


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


def curves_plot(target: np.ndarray, match: np.ndarray, category: np.ndarray) -> str:
    """Precision over recall of each category: PNG, base64."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axis = figure.subplots()
    for name in np.unique(category):
        own = category == name
        if target[own].any():
            recall, precision = curve(target[own], match[own])
            axis.plot(recall, precision, linewidth=1, label=plain_label(name))
    axis.axhline(LEVEL, color="#bbb", linewidth=1)
    axis.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    axis.legend(frameon=False, fontsize=8)
    return png(figure, dpi=100)


def plain_label(name: str) -> str:
    """As matplotlib shows it: no formulas, and no label that it would hide."""
    return " " + name.replace("$", r"\$")


def importance(ws: Workspace, name: str, n_folds: int) -> list[tuple[str, float]]:
    """Features by their mean importance over the folds, in %, the most important first."""
    found = [read_json(ws.run(name).fold(k) / "model.json")["importance"] for k in range(n_folds)]
    mean = pd.DataFrame(found).mean().sort_values(ascending=False, kind="stable")
    return list(mean.head(TOP).items())  # type: ignore[arg-type]


def gallery(
    ws: Workspace, pairs: pd.DataFrame, match: np.ndarray, among: np.ndarray, ascending: bool
) -> list[dict[str, Any]]:
    """The lowest or highest scored pairs where `among` bool [n] holds."""
    names = load_cards(ws).set_index("product_id").title
    order = np.flatnonzero(among)
    order = order[np.argsort(match[order] if ascending else -match[order], kind="stable")][:SHOWN]
    return [
        {
            "score": float(match[i]),
            "variantid1": int(pairs.variantid1.iloc[i]),
            "variantid2": int(pairs.variantid2.iloc[i]),
            "name1": names.get(pairs.variantid1.iloc[i], "")[:120],
            "name2": names.get(pairs.variantid2.iloc[i], "")[:120],
        }
        for i in order
    ]
