"""The rows that models of an experiment see: those that look at photos see train cards as test cards are."""

from __future__ import annotations

import pandas as pd

from goods.cards.hiding import like_test
from goods.config.experiment import ExperimentConfig
from goods.config.loading import load_experiment
from goods.core.workspace import Workspace
from goods.problems.kinds import load_rows


def looks_at_photos(ws: Workspace, config: ExperimentConfig) -> bool:
    """Whether the experiment or any that its models ask does."""
    below = (load_experiment(ws.run(name).config) for name in config.model.upstream)
    return config.model.needs_photos or any(looks_at_photos(ws, other) for other in below)


def rows_seen(ws: Workspace, config: ExperimentConfig) -> tuple[pd.DataFrame, float]:
    """Train and test rows as models of the experiment see them, in a fit and out of fold, and the share of the train
    rows whose photos are hidden from them: as many as it takes to have no more than test has."""
    rows = load_rows(ws)
    return like_test(rows) if "image" in rows and looks_at_photos(ws, config) else (rows, 0.0)
