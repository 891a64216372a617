"""The train cards of a finished experiment beside its out-of-fold answers: what the sections of a report look at.

reads:  runs/<experiment>/oof.npz report.json, prepared/, folds.parquet
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from goods.cards.hiding import like_test
from goods.cards.labels import Labels
from goods.cards.table import load_cards, select
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.prepare.folds import load_folds, scored_rows
from goods.submit.entries import finished_report

SIZES = (
    (1, "1"),
    (5, "2–5"),
    (20, "6–20"),
    (np.inf, "> 20"),
)  # most train cards of a class, and how that is called


@dataclass(frozen=True)
class Judged:
    """Cards of the honest folds (those no study used), in the order of the card table.

    cards: n rows with `fold` besides · test: the test cards · labels · report: report.json · oof: n rows, the submitted
    class first · class_size int [C]: train cards of each class, all folds
    """

    experiment: str
    cards: pd.DataFrame
    test: pd.DataFrame
    labels: Labels
    report: dict[str, Any]
    oof: Predictions
    class_size: np.ndarray

    @cached_property
    def target(self) -> np.ndarray:
        return self.cards.target.to_numpy()

    @cached_property
    def predicted(self) -> np.ndarray:
        return self.oof.classes[:, 0]

    @cached_property
    def right(self) -> np.ndarray:
        return self.predicted == self.target

    @cached_property
    def size_group(self) -> np.ndarray:
        """int [n]: which of SIZES the class of each card is in."""
        return np.searchsorted([most for most, _ in SIZES], self.class_size[self.target])

    @cached_property
    def names(self) -> list[str]:
        """Of each class, as the report calls it: its path and, where that is all a number, nothing more."""
        return [" → ".join(path) for path in self.labels.paths]

    @cached_property
    def shared_depth(self) -> np.ndarray:
        """int [n]: nodes that the paths of the true and the submitted class have in common, root left out."""
        pairs = np.stack([self.target, self.predicted], axis=1)
        found, which = np.unique(pairs, axis=0, return_inverse=True)
        return np.array([common(self.labels, a, b) for a, b in found.tolist()])[which.ravel()]


def common(labels: Labels, a: int, b: int) -> int:
    """How many nodes from below the root on two classes have in common."""
    depth = 0
    for left, right in zip(labels.nodes[a], labels.nodes[b], strict=False):
        if left != right:
            break
        depth += 1
    return depth


def judge(ws: Workspace, experiment: str) -> Judged:
    """GoodsError where the experiment is not finished."""
    report, labels = finished_report(ws, experiment), Labels.load(ws)
    cards, _ = like_test(load_cards(ws))
    train = select(cards, "train")
    train["fold"] = load_folds(ws, train)
    scored = scored_rows(ws, train)
    honest = scored[~scored.fold.isin(report["tuned_on"])].reset_index(drop=True)
    oof = Predictions.load(ws.run(experiment).oof).aligned(honest.product_id.to_numpy())
    size = np.bincount(train.target, minlength=labels.n_classes)
    return Judged(experiment, honest, select(cards, "test"), labels, report, oof, size)
