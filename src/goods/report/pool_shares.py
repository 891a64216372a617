"""What each experiment weighs in the pool that a stack's boosting starts from.

reads: runs/<stack>/fold_<k>/methods.json
"""

from __future__ import annotations

import numpy as np

from goods.config.loading import load_experiment
from goods.core.artifacts import read_json
from goods.core.workspace import Workspace
from goods.stack.fit import BLEND
from goods.submit.entries import joined

SHARE = "share of the pool"  # what a column of them is called


def pool_shares(ws: Workspace, experiment: str) -> dict[str, float]:
    """Experiment → how far it moves the log-linear pool: its weight times the spread of its log-probabilities among a
    card's candidates, out of the sum over experiments, the mean over the stack's fits; they sum to 1. Empty without
    such a pool."""
    run = ws.run(experiment)
    names = joined(load_experiment(run.config))
    known = []
    for path in sorted(run.path.glob("fold_*/methods.json")):
        fitted = read_json(path)
        pool = fitted["pools"].get(BLEND)
        if pool is not None and len(pool["weights"]) == len(names):
            known.append(shares_of(np.array(pool["weights"]) * np.array(fitted["spreads"])))
    return dict(zip(names, np.mean(known, axis=0).tolist(), strict=True)) if known else {}


def shares_of(moves: np.ndarray) -> np.ndarray:
    """Non-negative numbers scaled to sum to 1; equal where all are 0."""
    total = moves.sum()
    return moves / total if total > 0 else np.full(len(moves), 1 / len(moves))
