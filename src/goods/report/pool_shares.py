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
    """Experiment → its weight in the log-linear pool out of the sum of all weights, the mean over the stack's fits;
    they sum to 1. Empty without such a pool."""
    run = ws.run(experiment)
    names = joined(load_experiment(run.config))
    pools = [read_json(path)["pools"].get(BLEND) for path in sorted(run.path.glob("fold_*/methods.json"))]
    weights = [pool["weights"] for pool in pools if pool is not None and len(pool["weights"]) == len(names)]
    known = [shares_of(np.array(own)) for own in weights]
    return dict(zip(names, np.mean(known, axis=0).tolist(), strict=True)) if known else {}


def shares_of(weights: np.ndarray) -> np.ndarray:
    """Non-negative weights scaled to sum to 1; equal where all are 0."""
    total = weights.sum()
    return weights / total if total > 0 else np.full(len(weights), 1 / len(weights))
