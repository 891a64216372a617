"""Optuna over one experiment's `tune:` block.

reads:  prepared/, folds.parquet, an experiment config with a `tune:` block
writes: runs/<experiment>-tuning/ study.db or study.journal (resumable), best.yaml (train takes it unchanged),
        report.json, DONE

A trial is fitted on growing shares of the cards outside a fold and scored on that fold, so weak trials are
pruned early. Its score has chosen the parameters: it is optimistic, and `best.yaml` names the folds used
(`tuned_on`) so that training leaves them out of the score it reports.
"""

from __future__ import annotations

import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock

from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.config.loading import dump
from goods.core.artifacts import read_json, write_json, write_text
from goods.core.done import begin, begun_with, is_done, mark_done
from goods.core.errors import GoodsError
from goods.core.execution import remote, resources, run_job
from goods.core.locks import one_at_a_time
from goods.core.log import say
from goods.core.taken import measured
from goods.core.workspace import Workspace
from goods.train.best import best_path
from goods.train.foundations import check_problem
from goods.tune.abandoned import LOCK, WORKERS, Presence, is_worked_on, present, queue_again, running
from goods.tune.budget import affordable
from goods.tune.keys import study_key
from goods.tune.objectives import objective_of
from goods.tune.order import put_in_order
from goods.tune.startup import run_startup, work_along
from goods.tune.storage import JOURNAL, drop_damaged, study_file
from goods.tune.study import open_study, params_told, with_params, work

# a trial that raises an error fails: the study ends with it, to be gone on with
TOLD = {"fail": "interrupted"}
STUDY_FILES = ("study.db", "study.db-journal", "study.journal", LOCK, WORKERS)


def tune(
    ws: Workspace,
    competition: CompetitionConfig,
    config: ExperimentConfig,
    force: bool = False,
    storage: str | None = None,
) -> bool:
    """Work on the study until it has `tune.trials` finished trials; several workers may do so at once. Whether there
    was anything to do.

    `storage`: the address of a database, "journal", or None for a file that machines share if jobs run on several.
    """
    folder, folds = ws.tuning(config.name), studied_folds(competition, config)
    if not config.model.second_level:
        check_problem(ws, config)
    key = study_key(ws, competition, config)
    if not force and is_done(folder, key):
        say(f"tune {config.name}: unchanged, {summary(read_json(folder / 'report.json'))}")
        return False
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # what ends a trial is raised as well
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # heartbeats
    with ExitStack() as opened:
        with one_at_a_time(folder):  # workers may start together
            if (force or not begun_with(folder, key)) and is_worked_on(folder / WORKERS):
                why = (
                    ", or leave out --force to work along" if force else ": they have other settings or cards"
                )
                raise GoodsError(f"{folder}: others work on this study; wait for their end{why}")
            if force:
                begin(folder, "forced")
            begin(folder, key)
            presence = opened.enter_context(present(folder / WORKERS, FileLock(folder / LOCK)))
            take_up(folder, config, key, storage, presence.alone)
        with measured() as taken:
            report = search(ws, competition, config, folds, key, storage, presence)
        mark_done(folder, key, leave_out=STUDY_FILES)
        taken.note(folder)
    say(f"tune {config.name}: {summary(report)}")
    return True


def search(
    ws: Workspace,
    competition: CompetitionConfig,
    config: ExperimentConfig,
    folds: list[int],
    key: str,
    storage: str | None,
    presence: Presence,
) -> dict[str, Any]:
    """All of a study's folder but its DONE; returns the report."""
    folder, stacked = ws.tuning(config.name), config.model.second_level
    file = file_of(storage, folder)
    url = str(storage) if file is None else study_file(file)
    lock = FileLock(folder / LOCK)
    study, watch = open_study(config, url, key)
    if not stacked:
        config = affordable(ws, competition, config)
        run_startup(ws, competition, config, url, key, folder)
    if file is not None:
        with presence.by_itself(lock) as alone:
            if alone and put_in_order(study, file):
                study, watch = open_study(config, url, key)
    if remote() is None:
        work(study, objective_of(ws, competition, config), config, lock, watch)
    else:
        given = resources(1, config.model.on_gpu)
        run_job(work_along, (ws, competition, config, url, key, folder), given)
    best = study.best_trial
    write_text(best_path(ws, config.name), dump(with_params(config, best.params)))
    states = [t.state for t in study.get_trials(deepcopy=False)]
    report = {
        "optimistic_score": best.value,
        "note": f"chosen on folds {folds}: optimistic; train best.yaml for an honest score",
        "params": best.params,
        "trials": {state.name.lower(): states.count(state) for state in sorted(set(states))},
    }
    write_json(folder / "report.json", report)
    return report


def take_up(folder: Path, config: ExperimentConfig, key: str, storage: str | None, alone: bool) -> None:
    """Tidy what workers that were killed left of a study in a file: one that cannot be read goes, and of one that
    nobody else has open trials that were running are queued again."""
    file = file_of(storage, folder)
    if file is None:
        return
    drop_damaged(file)
    if alone and file.is_file():
        study, _ = open_study(config, study_file(file), key)
        queue_again(study, running(study), FileLock(folder / LOCK))


def file_of(storage: str | None, folder: Path) -> Path | None:
    """The study's file; None where a database has it."""
    if storage is None:
        return folder / ("study.db" if remote() is None else "study.journal")
    return folder / "study.journal" if storage == JOURNAL else None


def studied_folds(competition: CompetitionConfig, config: ExperimentConfig) -> list[int]:
    """The folds that trials are scored on; GoodsError where there are none such, or none would be left."""
    if config.tune is None:
        raise GoodsError(f"experiment {config.name} has no tune: block; add one with trials, folds and space")
    for k in config.tune.folds:
        if not 0 <= k < competition.n_folds:
            raise GoodsError(
                f"experiment {config.name}: tune.folds names fold {k}, expected 0 to "
                f"{competition.n_folds - 1}"
            )
    if len(set(config.tune.folds)) >= competition.n_folds:
        raise GoodsError(
            f"experiment {config.name}: tune.folds uses every fold; leave one to score the result"
        )
    return list(config.tune.folds)


def summary(report: dict[str, Any]) -> str:
    done = ", ".join(f"{n} {TOLD.get(state, state)}" for state, n in report["trials"].items())
    return f"best {report['optimistic_score']:.4f} (optimistic; {done}) with {params_told(report['params'])}"
