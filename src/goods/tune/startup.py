"""The trials of a study that depend on no other, side by side on every core.

Trials up to `startup_trials` are drawn at random, each by its own seed, and none is pruned: together or one after the
other they come out the same. Those after them learn from all before, so they run one at a time.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import optuna
from filelock import FileLock

from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.core.execution import Resources, at_once, remote, resources, run_jobs
from goods.core.workspace import Workspace
from goods.problems.kinds import load_rows
from goods.tune.abandoned import LOCK, WORKERS, present
from goods.tune.budget import with_trials
from goods.tune.objectives import objective_of
from goods.tune.study import open_study, work

FEWEST_CARDS = 5_000  # below, a process costs more than it saves


def run_startup(
    ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig, url: str, key: str, folder: Path
) -> None:
    """Finish the study's startup trials, where there are cores, memory and enough cards for several at once; on other
    machines those of any model, each with all the threads it has by itself."""
    assert config.tune is not None
    trials = min(config.tune.startup_trials, config.tune.trials)
    given = resources(trials if config.model.one_core else 1, config.model.on_gpu)
    workers = at_once(trials, given)
    pays = remote() is not None or (config.model.one_core and len(load_rows(ws)) >= FEWEST_CARDS)
    if workers < 2 or not pays:
        return
    some = with_trials(config, trials)
    run_jobs(work_along, [(ws, competition, some, url, key, folder)] * workers, given, f"tune {config.name}")


def work_along(
    ws: Workspace,
    competition: CompetitionConfig,
    config: ExperimentConfig,
    url: str,
    key: str,
    folder: Path,
    given: Resources,
) -> None:
    """One process of several that run a study's trials."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    lock = FileLock(folder / LOCK)
    study, watch = open_study(config, url, key)
    with present(folder / WORKERS, lock):
        work(study, objective_of(ws, competition, config, given), config, lock, watch, told=True)
