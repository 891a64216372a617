"""Fit an experiment fold by fold, predict, gather the out-of-fold predictions.

reads:  prepared/, folds.parquet, one experiment config
writes: runs/<experiment>/ config.yaml report.json oof.npz test.npz DONE, fold_<k>/ model files valid.npz
        test.npz report.json DONE; with `refit` also all_folds/ as a fold without valid.npz
"""

from __future__ import annotations

from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.config.loading import dump
from goods.core.artifacts import write_text
from goods.core.done import DONE, begin
from goods.core.errors import GoodsError, within
from goods.core.execution import Resources, at_once, resources, run_job, run_jobs
from goods.core.locks import one_at_a_time
from goods.core.log import say
from goods.core.workspace import ALL, Workspace
from goods.problems.kinds import problem_of
from goods.train.context import make_context
from goods.train.fold_job import fit_fold
from goods.train.foundations import check_problem
from goods.train.gather import fold_told, gather
from goods.train.keys import fold_key, is_trained, refits


def train(
    ws: Workspace,
    competition: CompetitionConfig,
    config: ExperimentConfig,
    folds: list[int] | None = None,
    force: bool = False,
) -> bool:
    """Train the folds that are not done (or all given, with `force`), then gather; whether that finished it anew."""
    run = ws.run(config.name)
    wanted = list(range(competition.n_folds)) if folds is None else folds
    for k in wanted:
        if not 0 <= k < competition.n_folds:
            last = competition.n_folds - 1
            raise GoodsError(f"--fold {k}: {ws.competition} has folds 0 to {last}; name one of them")
    check_trainable(ws, competition, config)
    todo = [k for k in wanted if force or not is_trained(ws, config, k)]
    if force:
        for k in todo:  # a forced fold starts from nothing, checkpoints included
            with one_at_a_time(run.fold(k)):
                begin(run.fold(k), "forced")
    if todo:
        fit_folds(ws, competition, config, todo)
    if folds is not None:
        for k in wanted:
            say(f"train {config.name}: {fold_told(ws, competition, config, k)}")
    with one_at_a_time(run.path):  # another may join the folds meanwhile
        missing = missing_folds(ws, competition, config)
        if missing:
            # the folds there are may be of different settings: nobody is to ask them together
            (run.path / DONE).unlink(missing_ok=True)
    if missing:
        say(
            f"train {config.name}: folds {missing} are still to be trained; out-of-fold predictions wait for them"
        )
        return False
    if refits(config) and (force or not is_trained(ws, config, ALL)):
        fit_folds(ws, competition, config, [ALL])
    return gather(ws, competition, config)


def missing_folds(ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig) -> list[int]:
    """Folds of the experiment that are not done with its present inputs."""
    return [k for k in range(competition.n_folds) if not is_trained(ws, config, k)]


def check_trainable(ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig) -> None:
    """GoodsError where the experiment cannot be trained here."""
    check_problem(ws, config)
    check_tuned_on(competition, config)
    if config.pseudo and (competition.order_by or competition.validation):
        raise GoodsError(
            f"experiment {config.name}: pseudo: needs models of several folds, each fitted on half of the test "
            f"cards, and {ws.competition} has order_by or validation; leave one out"
        )
    if not ws.folds.is_file():
        raise GoodsError(f"{ws.folds}: missing; run scripts/make_folds.py {ws.competition} first")


def check_tuned_on(competition: CompetitionConfig, config: ExperimentConfig) -> None:
    """GoodsError where folds are left out of the score that are not there, or all."""
    known = set(range(competition.n_folds))
    if unknown := set(config.tuned_on) - known:
        raise GoodsError(
            f"experiment {config.name}: tuned_on names fold {min(unknown)}, expected 0 to {max(known)}"
        )
    if set(config.tuned_on) == known:
        raise GoodsError(
            f"experiment {config.name}: tuned_on names every fold; leave one to score the result"
        )


def fit_folds(
    ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig, todo: list[int]
) -> None:
    given = resources(competition.n_folds, config.model.on_gpu)
    together = config.model.devices > 1  # a fold that trains on several leaves none to the others
    alone = together or at_once(len(todo), given) == 1
    begin_folds(ws, config)
    jobs = [fold_job(ws, config, k, alone) for k in todo]
    run_jobs(fit_fold, jobs, given, f"train {config.name}", 1 if together else None)


def begin_folds(ws: Workspace, config: ExperimentConfig) -> None:
    """Make what folds of the experiment use."""
    write_text(ws.run(config.name).config, dump(config))
    run_job(warm, (ws, config), resources(1, config.model.on_gpu))


def fold_job(ws: Workspace, config: ExperimentConfig, k: int, alone: bool) -> tuple:
    """Arguments of `fit_fold`; `alone`: it shows its progress."""
    return ws, config, k, fold_key(ws, config, k), alone


def warm(ws: Workspace, config: ExperimentConfig, given: Resources) -> None:
    """Make what all folds of the experiment use."""
    with within(f"experiment {config.name}"):
        config.model.warm(make_context(ws, config, given, None, True), problem_of(ws).all_rows(ws))
