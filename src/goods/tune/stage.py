"""Optuna over one experiment's `tune:` block.

reads:  prepared/, folds.parquet, an experiment config with a `tune:` block
writes: runs/<experiment>-tuning/ study.db (resumable), best.yaml (train takes it unchanged), report.json, DONE

A trial is fitted on growing shares of the cards outside a fold and scored on that fold, so weak trials are
pruned early. Its score has chosen the parameters: it is optimistic, and `best.yaml` names the folds used
(`tuned_on`) so that training leaves them out of the score it reports.
"""

from __future__ import annotations

import warnings
from typing import Any

import optuna
from filelock import FileLock

from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.config.loading import dump
from goods.core.artifacts import read_json, write_json, write_text
from goods.core.done import begin, is_done, mark_done
from goods.core.errors import GoodsError
from goods.core.log import say
from goods.core.workspace import Workspace
from goods.train.foundations import check_problem
from goods.tune.abandoned import present, queue_again, running
from goods.tune.budget import affordable
from goods.tune.database import drop_damaged
from goods.tune.keys import study_key
from goods.tune.objectives import Objective, StackObjective
from goods.tune.order import put_in_order
from goods.tune.startup import run_startup
from goods.tune.study import open_study, study_file, with_params, work

STUDY_FILES = ("study.db", "study.db-journal", "study.lock", "study.workers")


def tune(
    ws: Workspace,
    competition: CompetitionConfig,
    config: ExperimentConfig,
    force: bool = False,
    storage: str | None = None,
) -> bool:
    """Work on the study until it has `tune.trials` finished trials; several workers may do so at once. Whether there
    was anything to do."""
    folder, folds = ws.tuning(config.name), studied_folds(competition, config)
    stacked = config.model.second_level
    if not stacked:
        check_problem(ws, config)
    key = study_key(ws, competition, config)
    if not force and is_done(folder, key):
        say(f"tune {config.name}: unchanged, {summary(read_json(folder / 'report.json'))}")
        return False
    if force:
        begin(folder, "forced")
    begin(folder, key)
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # what ends a trial is raised as well
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # heartbeats
    url = storage or study_file(folder / "study.db")
    lock = FileLock(folder / "study.lock")
    with lock:
        drop_damaged(folder / "study.db")
    with present(folder / "study.workers", lock) as presence:
        study, watch = open_study(config, url, key)
        if presence.alone and storage is None:
            queue_again(study, running(study), lock)
        if not stacked:
            config = affordable(ws, competition, config)
            run_startup(ws, competition, config, url, key, folder)
        if storage is None:
            with presence.by_itself(lock) as alone:
                if alone and put_in_order(study, folder / "study.db"):
                    study, watch = open_study(config, url, key)
        objective = StackObjective(ws, competition, config) if stacked else Objective(ws, competition, config)
        work(study, objective, config, lock, watch)
    best = study.best_trial
    write_text(folder / "best.yaml", dump(with_params(config, best.params)))
    states = [t.state for t in study.get_trials(deepcopy=False)]
    report = {
        "optimistic_score": best.value,
        "note": f"chosen on folds {folds}: optimistic; train best.yaml for an honest score",
        "params": best.params,
        "trials": {state.name.lower(): states.count(state) for state in sorted(set(states))},
    }
    write_json(folder / "report.json", report)
    mark_done(folder, key, leave_out=STUDY_FILES)
    say(f"tune {config.name}: {summary(report)}")
    return True


def studied_folds(competition: CompetitionConfig, config: ExperimentConfig) -> list[int]:
    """The folds that trials are scored on; GoodsError where there are none such, or none would be left."""
    if config.tune is None:
        raise GoodsError(f"experiment {config.name} has no tune: block; add one with trials, folds and space")
    for k in config.tune.folds:
        if not 0 <= k < competition.n_folds:
            raise GoodsError(f"experiment {config.name}: tune.folds names fold {k} of {competition.n_folds}")
    if len(set(config.tune.folds)) >= competition.n_folds:
        raise GoodsError(
            f"experiment {config.name}: tune.folds uses every fold; leave one to score the result"
        )
    return list(config.tune.folds)


def summary(report: dict[str, Any]) -> str:
    done = ", ".join(f"{n} {state}" for state, n in report["trials"].items())
    return f"best {report['optimistic_score']:.4f} (optimistic; {done}) with {report['params']}"
