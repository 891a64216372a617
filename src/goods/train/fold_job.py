"""A fold as one of several jobs: nobody else is at it, it is not done, and it is made of what its key says."""

from __future__ import annotations

from goods.config.experiment import ExperimentConfig
from goods.core.done import begin, is_done, mark_done
from goods.core.errors import GoodsError, within
from goods.core.execution import Resources
from goods.core.inputs import note_inputs
from goods.core.locks import one_at_a_time
from goods.core.workspace import ALL, Workspace
from goods.train.fold import write_fold
from goods.train.keys import fold_inputs, fold_key


def fit_fold(
    ws: Workspace, config: ExperimentConfig, k: int, key: str, progress: bool, resources: Resources
) -> None:
    """Write fold_<k>/ under its `key`, unless another run has done so meanwhile."""
    folder = ws.run(config.name).fold(k)
    with one_at_a_time(folder):
        if is_done(folder, key):
            return
        check_inputs(ws, config, k, key)
        begin(folder, key)
        with within(f"experiment {config.name}, {'all folds' if k == ALL else f'fold {k}'}"):
            write_fold(ws, config, k, progress, resources)
        check_inputs(ws, config, k, key)
        note_inputs(folder, fold_inputs(ws, config, k))
        mark_done(folder, key)


def check_inputs(ws: Workspace, config: ExperimentConfig, k: int, key: str) -> None:
    """GoodsError where fold k would have another key by now: what was read may not be what the key was made of."""
    if fold_key(ws, config, k) != key:
        raise GoodsError(
            f"{ws.run(config.name).fold(k)}: prepared/, folds.parquet, the code or what {config.name} builds on was "
            "changed while it was trained; run again"
        )
