"""Studies and folds of experiments that do not wait for each other in one queue: no core waits for the last of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.core.done import is_done
from goods.core.execution import Resources, at_once, remote, resources, run_jobs
from goods.core.processes import Limits, limited
from goods.core.workspace import Workspace
from goods.train.fold_job import fit_fold
from goods.train.stage import check_trainable, fold_jobs
from goods.tune.keys import study_key


def is_studied(ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig) -> bool:
    """Whether the study of the experiment is done with its present inputs."""
    return is_done(ws.tuning(config.name), study_key(ws, competition, config))


def fits_beside(competition: CompetitionConfig, config: ExperimentConfig) -> bool:
    """Whether folds of the experiment may share cores with those of others: on this machine, without a GPU."""
    if remote() is not None or config.model.devices > 1 or config.model.second_level:
        return False
    given = resources(competition.n_folds, config.model.on_gpu)
    return given.device == "cpu" and at_once(competition.n_folds, given) > 1


def run_beside(
    ws: Workspace,
    competition: CompetitionConfig,
    studies: list[ExperimentConfig],
    trained: list[tuple[ExperimentConfig, list[int]]],
) -> None:
    """Make the `studies`, of families that take one core, then of each of `trained` the folds named beside it."""
    jobs: list[tuple] = [(study_alone, (ws, competition, config)) for config in studies]
    for config, folds in trained:
        check_trainable(ws, competition, config)
        jobs += [(fit_fold, job) for job in fold_jobs(ws, config, folds, alone=False)]
    names = [f"tune {config.name}" for config in studies] + [f"train {config.name}" for config, _ in trained]
    run_jobs(call, jobs, resources(competition.n_folds, on_gpu=False), ", ".join(names))


def call(job: Callable[..., Any], args: tuple, given: Resources) -> Any:
    return job(*args, given)


def study_alone(
    ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig, given: Resources
) -> None:
    """A study in this process alone, whose trials are then one after the other."""
    from goods.tune.stage import tune  # optuna takes half a second to import: only who studies pays

    with limited(Limits(workers=1)):
        tune(ws, competition, config)
