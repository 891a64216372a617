"""What a study has found: best.yaml, an experiment that train takes unchanged."""

from __future__ import annotations

from pathlib import Path

from goods.config.experiment import ExperimentConfig
from goods.config.loading import load_experiment
from goods.core.workspace import Workspace

TUNED = "-tuned"  # ends the name of what is trained as a study has found it


def best_path(ws: Workspace, experiment: str) -> Path:
    """`experiment`: what was tuned, by the name of its config."""
    return ws.tuning(experiment) / "best.yaml"


def load_best(ws: Workspace, experiment: str, settings: list[str] | None = None) -> ExperimentConfig:
    """GoodsError where no study of the experiment has ended; `settings` as of `load_experiment`."""
    return load_experiment(best_path(ws, experiment), settings)
