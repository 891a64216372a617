"""How well each class does, and classes by the number of their cards."""

from __future__ import annotations

from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from goods.report.curves import DOTS
from goods.report.figures import new_figure, svg
from goods.report.judged import SIZES, Judged


def class_rows(judged: Judged) -> list[dict[str, Any]]:
    """Of every class that is true or submitted: cards, precision, recall, F1 and what it is taken for most often."""
    n = judged.labels.n_classes
    cards, said = np.bincount(judged.target, minlength=n), np.bincount(judged.predicted, minlength=n)
    right = np.bincount(judged.target[judged.right], minlength=n)
    taken_for = most_taken_for(judged)
    return [
        {
            "name": judged.names[c],
            "id": judged.labels.ids[c],
            "train": int(judged.class_size[c]),
            "precision": float(right[c] / said[c]) if said[c] else None,
            "recall": float(right[c] / cards[c]) if cards[c] else None,
            "f1": float(2 * right[c] / (cards[c] + said[c])),
            "wrong": int(cards[c] - right[c]),
            "taken_for": taken_for.get(c, ""),
        }
        for c in np.flatnonzero(cards + said).tolist()
    ]


def most_taken_for(judged: Judged) -> dict[int, str]:
    """Class → the wrong class most of its cards are given, and how many."""
    wrong = np.stack([judged.target, judged.predicted], axis=1)[~judged.right]
    pairs, counts = np.unique(wrong, axis=0, return_counts=True)
    found: dict[int, str] = {}
    for i in np.argsort(-counts, kind="stable"):
        true, predicted = pairs[i].tolist()
        found.setdefault(true, f"{judged.names[predicted]} ({counts[i]})")
    return found


def size_rows(judged: Judged) -> list[dict[str, Any]]:
    """Classes of 1, 2–5, 6–20 and more train cards: how many, their cards, accuracy and mean F1. A card that is alone
    in its class is right by the category's name at most: no model of its fold has seen the class."""
    rows = class_rows(judged)
    f1 = np.array([row["f1"] for row in rows])
    group = np.searchsorted([most for most, _ in SIZES], [row["train"] for row in rows])
    table = []
    for i, (_, name) in enumerate(SIZES):
        here, cards = group == i, judged.size_group == i
        if here.any():
            table.append(
                {
                    "name": name,
                    "classes": int(here.sum()),
                    "cards": int(cards.sum()),
                    "accuracy": float(judged.right[cards].mean()) if cards.any() else None,
                    "macro_f1": float(f1[here].mean()),
                }
            )
    return table


def f1_by_size(rows: list[dict[str, Any]]) -> Markup:
    """F1 of each class over the number of its train cards."""
    figure, axis = new_figure(6.5, 3.2)
    known = [row for row in rows if row["train"]]
    sizes = [row["train"] for row in known]
    axis.scatter(sizes, [row["f1"] for row in known], s=9, **DOTS)
    axis.set(xscale="log", xlabel="train cards of the class", ylabel="F1", ylim=(-0.03, 1.03))
    axis.set_xlim(min(sizes) / 2, max(sizes) * 2)
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axis.xaxis.set_minor_locator(NullLocator())
    return svg(figure, "f1-by-size")
