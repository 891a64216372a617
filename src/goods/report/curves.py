"""Plots of how far probabilities can be trusted, and how many cards could be filed by themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
from markupsafe import Markup

from goods.report.figures import new_figure, plain_label, svg
from goods.report.judged import Judged

BEFORE, AFTER = "#d9730d", "#2f6fdb"
DOTS: dict[str, Any] = {"color": AFTER, "alpha": 0.85}  # they stand out on a light page and on a dark one


def reliability_plots(calibration: dict[str, Any]) -> list[tuple[str, Markup]]:
    """(name, plot) of accuracy over confidence of each model, before and after calibration."""
    drawn = []
    for number, (name, both) in enumerate(calibration.items()):
        figure, axis = new_figure(3.2, 2.8)
        axis.plot([0, 1], [0, 1], color="#8888", linewidth=1)
        for when, colour in (("before", BEFORE), ("after", AFTER)):
            bins = np.array(both[when]["reliability"]).reshape(-1, 3)
            axis.plot(bins[:, 0], bins[:, 1], marker="o", markersize=3, linewidth=1, color=colour, label=when)
        axis.set(title=plain_label(name), xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1.02))
        axis.legend(frameon=False)
        drawn.append((name, svg(figure, f"reliability-{number}")))
    return drawn


def automation_curve(judged: Judged) -> Markup:
    """Precision over the share of cards that are filed, the surest first."""
    order = np.argsort(-judged.oof.proba[:, 0], kind="stable")
    precision = np.cumsum(judged.right[order]) / np.arange(1, len(order) + 1)
    shown = np.unique(np.linspace(0, len(order) - 1, 400).astype(int))
    shown = shown[shown >= min(len(order) // 50, len(order) - 1)]  # the first few cards jump up and down
    figure, axis = new_figure(6.5, 3.2)
    axis.plot((shown + 1) / len(order), precision[shown], color=AFTER)
    axis.set(xlabel="share of the cards that are filed by themselves", ylabel="share of them that is right")
    axis.grid(color="#8884", linewidth=0.5)
    return svg(figure, "automation")


def folds_plot(rows: list[dict[str, Any]]) -> Markup:
    """The score of every fold of every experiment; `rows` have name, folds and those tuned on, which are hollow."""
    figure, axis = new_figure(6.5, 0.8 + 0.32 * len(rows))
    for i, row in enumerate(reversed(rows)):
        tuned = np.isin(np.arange(len(row["folds"])), row["tuned_on"])
        for hollow in (False, True):
            scores = np.array(row["folds"])[tuned == hollow]
            fill = {"facecolor": "none"} if hollow else {}
            axis.scatter(scores, [i] * len(scores), s=22, **DOTS | fill)
        axis.scatter([np.mean(np.array(row["folds"])[~tuned])], [i], marker="|", s=160, color=BEFORE)
    axis.set_yticks(range(len(rows)), [plain_label(row["name"]) for row in reversed(rows)])
    which = "the mean of the filled ones" if any(row["tuned_on"] for row in rows) else "their mean"
    axis.set(xlabel=f"score of each fold; the bar is {which}", ylim=(-0.6, len(rows) - 0.4))
    axis.grid(axis="x", color="#8884", linewidth=0.5)
    return svg(figure, "folds")
