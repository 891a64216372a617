"""Studies and folds of experiments in one queue, each begun once what it builds on is done: no core waits meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.core.done import is_done
from goods.core.execution import Arguments, Resources, at_once, remote, resources, run_jobs
from goods.core.processes import Limits, limited
from goods.core.workspace import Workspace
from goods.train.best import TUNED, load_best
from goods.train.fold_job import fit_fold
from goods.train.stage import begin_folds, check_trainable, fold_job
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


@dataclass(frozen=True, eq=False)
class Trained:
    """Folds of an experiment that are jobs of a queue, each of so many `seconds`: as `config` says, or as its study
    finds it, which is a job of the same queue and may take the seconds of `study`; None: no study."""

    config: ExperimentConfig
    folds: Sequence[int]
    seconds: float
    study: float | None = None

    @property
    def name(self) -> str:
        return self.config.name + TUNED * (self.study is not None)


def run_beside(
    ws: Workspace,
    competition: CompetitionConfig,
    trained: list[Trained],
    settings: list[str] | None = None,
) -> None:
    """Make the studies, of families that take one core, then folds of those `trained`: each begins once the same fold
    of those it builds on, which stand before it, or the study that finds it is done; `settings` as of `load_best`."""
    studied = [one for one in trained if one.study is not None]
    jobs: list[Arguments] = [(study_alone, (ws, competition, one.config)) for one in studied]
    made: dict[tuple[str, int | None], int] = {(one.name, None): i for i, one in enumerate(studied)}
    after, seconds = dict[int, list[int]](), [one.study or 0.0 for one in studied]

    @cache
    def begun(one: Trained) -> ExperimentConfig:
        config = load_best(ws, one.config.name, settings) if one in studied else one.config
        check_trainable(ws, competition, config)
        # what builds on it asks for its config, which may be another than when it was finished
        (ws.run(config.name).path / "DONE").unlink(missing_ok=True)
        begin_folds(ws, config)
        return config

    def fold(one: Trained, k: int) -> tuple:
        return fit_fold, fold_job(ws, begun(one), k, alone=False)

    for one in trained:
        if one not in studied:
            begun(one)
        for k in one.folds:
            needed = [(one.name, None), *((name, k) for name in one.config.upstream)]
            after[len(jobs)] = [made[what] for what in needed if what in made]
            made[one.name, k] = len(jobs)
            jobs.append(partial(fold, one, k))
            seconds.append(one.seconds)
    names = [f"tune {one.config.name}" for one in studied] + [f"train {one.name}" for one in trained]
    given = resources(competition.n_folds, on_gpu=False)
    run_jobs(call, jobs, given, ", ".join(names), after=after, seconds=seconds)


def call(job: Callable[..., Any], args: tuple, given: Resources) -> Any:
    return job(*args, given)


def study_alone(
    ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig, given: Resources
) -> None:
    """A study in this process alone, whose trials are then one after the other."""
    from goods.tune.stage import tune  # optuna takes half a second to import: only who studies pays

    with limited(Limits(workers=1)):
        tune(ws, competition, config)
