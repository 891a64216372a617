"""The rows that models of an experiment see: those that look at photos see train cards as test cards are."""

from __future__ import annotations

import numpy as np
import pandas as pd

from goods.cards.hiding import like_test
from goods.cards.table import select
from goods.config.experiment import ExperimentConfig
from goods.core.errors import GoodsError
from goods.core.wording import count
from goods.core.workspace import Workspace
from goods.prepare.folds import load_dealt
from goods.problems.base import Problem
from goods.problems.kinds import load_rows, problem_of
from goods.train.foundations import trained_config


def looks_at_photos(ws: Workspace, config: ExperimentConfig) -> bool:
    """Whether the experiment or any that its models ask does."""
    below = (trained_config(ws, config, name) for name in config.model.upstream)
    return config.model.needs_photos or any(looks_at_photos(ws, other) for other in below)


def rows_seen(ws: Workspace, config: ExperimentConfig) -> tuple[pd.DataFrame, float]:
    """Train and test rows as models of the experiment see them, in a fit and out of fold, and the share of the train
    rows whose photos are hidden from them: as many as it takes to have no more than test has."""
    rows = load_rows(ws)
    return like_test(rows) if "image" in rows and looks_at_photos(ws, config) else (rows, 0.0)


def check_folds(ws: Workspace) -> None:
    """GoodsError where `check_classes` would find a fold that nothing can be fitted for."""
    problem = problem_of(ws)
    train = select(problem.rows(ws), "train")
    folds, targets = load_dealt(ws, train), train[["target"]]  # texts are not copied for each fold
    for k in np.unique(folds.fold[folds.scored]):
        check_classes(ws, problem, train, targets[folds.may_fit(problem, train, k)], k)


def check_classes(ws: Workspace, problem: Problem, train: pd.DataFrame, known: pd.DataFrame, k: int) -> None:
    """GoodsError where `known`, those of the `train` rows that fold k's models may be fitted on, are of one class."""
    if known.target.nunique() < 2:
        raise GoodsError(
            f"{ws.competition}: what may be fitted on for fold {k} is of a single class ({count(len(known), 'row')}): "
            f"the rarest class has {train.target.value_counts().min()} of {len(train)} train rows"
            f"{problem.why_no_folds(train)}; give more rows of it, or lower n_folds in competition.yaml"
        )
