"""Made-up offers of Ozon's matching, prepared, and the smallest experiments on pairs of them."""

from __future__ import annotations

from pathlib import Path

from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.config.loading import load_experiment
from goods.core.workspace import Workspace
from goods.prepare.folds import make_folds
from goods.prepare.stage import prepare

OZON_CONFIGS = Path(__file__).parents[1] / "configs" / "ozon"
OZON = CompetitionConfig(name="ozon", reader="ozon", data="nowhere", metric="pr_auc_prefix", n_folds=3)
NO_OTHERS = ["model.experiments=[]", "model.bags=1"]
QUICK = ["model.iterations=30", "model.learning_rate=0.3", "model.depth=4", *NO_OTHERS]
TINY = [
    "model.scratch_vocab=300",
    "model.scratch_layers=2",
    "model.scratch_width=24",
    "model.max_tokens=32",
    "model.trainer.epochs=1",
]


def ozon_config(name: str, *settings: str, offline: bool = True) -> ExperimentConfig:
    return load_experiment(OZON_CONFIGS / f"{name}.yaml", list(settings), offline)


def ozon_workspace(folder: Path, data: Path) -> Workspace:
    ws = Workspace(folder, "ozon")
    prepare(ws, OZON, data)
    make_folds(ws, OZON)
    return ws
