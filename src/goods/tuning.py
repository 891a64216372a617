"""Optuna over one experiment's `tune:` block.

reads:  prepared/, folds.parquet, an experiment config with a `tune:` block
writes: runs/<experiment>-tuning/ study.db (resumable), best.yaml (train takes it unchanged), report.json, DONE

A trial is fitted on growing shares of the cards outside a fold and scored on that fold, so weak trials are
pruned early. Its score has chosen the parameters: it is optimistic, and `best.yaml` names the folds used
(`tuned_on`) so that training leaves them out of the score it reports.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import optuna
from filelock import FileLock
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback, fail_stale_trials
from optuna.trial import FrozenTrial, TrialState

from goods.artifacts import (
    Workspace,
    begin,
    content_hash,
    is_done,
    mark_done,
    read_json,
    write_json,
    write_text,
)
from goods.cards import Labels, load_rows
from goods.config import (
    CompetitionConfig,
    ExperimentConfig,
    SearchSpace,
    StackConfig,
    TuneConfig,
    dump,
    set_key,
)
from goods.errors import GoodsError
from goods.execution import places
from goods.folds import load_folds, outside
from goods.foundations import check_kind, make_context, pair_context, upstream_of
from goods.log import say
from goods.metrics import evaluate
from goods.models.registry import ON_GPU, build
from goods.preparation import select
from goods.stacking import catboost_score, make_level, stack_config, stack_key
from goods.training import all_rows, fit_on, inputs_key, pseudo_cards, top_k

HEARTBEAT_SECONDS = 3
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


def tune(
    ws: Workspace,
    competition: CompetitionConfig,
    config: ExperimentConfig,
    force: bool = False,
    storage: str | None = None,
) -> None:
    """Work on the study until it has `tune.trials` finished trials; several workers may do so at once."""
    if config.tune is None:
        raise GoodsError(f"experiment {config.name} has no tune: block; add one with trials, folds and space")
    for k in config.tune.folds:
        if not 0 <= k < competition.n_folds:
            raise GoodsError(f"experiment {config.name}: tune.folds names fold {k} of {competition.n_folds}")
    if len(set(config.tune.folds)) >= competition.n_folds:
        raise GoodsError(
            f"experiment {config.name}: tune.folds uses every fold; leave one to score the result"
        )
    folder = ws.tuning(config.name)
    stacked = isinstance(config.model, StackConfig)
    if not stacked:
        check_kind(ws, competition, config)
    inputs = stack_key(ws, competition, config) if stacked else inputs_key(ws, config)
    key = content_hash(inputs, competition.metric, config.tune.model_dump(mode="json"))
    if not force and is_done(folder, key):
        say(f"tune {config.name}: unchanged, {summary(read_json(folder / 'report.json'))}")
        return
    if force:
        begin(folder, "forced")
    begin(folder, key)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # heartbeats
    url = storage or f"sqlite:///{(folder / 'study.db').resolve()}"
    study = open_study(config, url, key, FileLock(folder / "retry.lock"))
    objective = StackObjective(ws, competition, config) if stacked else Objective(ws, competition, config)
    work(study, objective, config)
    best = study.best_trial
    write_text(folder / "best.yaml", dump(with_params(config, best.params)))
    states = [t.state for t in study.get_trials(deepcopy=False)]
    report = {
        "optimistic_score": best.value,
        "note": f"chosen on folds {list(config.tune.folds)}: optimistic; train best.yaml for an honest score",
        "params": best.params,
        "trials": {state.name.lower(): states.count(state) for state in sorted(set(states))},
    }
    write_json(folder / "report.json", report)
    mark_done(folder, key)
    say(f"tune {config.name}: {summary(report)}")


def summary(report: dict[str, Any]) -> str:
    done = ", ".join(f"{n} {state}" for state, n in report["trials"].items())
    return f"best {report['optimistic_score']:.4f} (optimistic; {done}) with {report['params']}"


def retry_once(lock: FileLock) -> Callable[[optuna.Study, FrozenTrial], None]:
    """Queue a killed worker's trial again, once however many workers notice its death at the same time."""
    retry = RetryHeartbeatStaleTrialCallback(max_retry=3)

    def callback(study: optuna.Study, stale: FrozenTrial) -> None:
        with lock:
            known = study.get_trials(deepcopy=False)
            if not any(stale.number in retry.retry_history(trial) for trial in known):
                retry(study, stale)

    return callback


def open_study(config: ExperimentConfig, url: str, key: str, lock: FileLock) -> optuna.Study:
    """The study of these inputs, made if it is not there; stale trials of killed workers are queued again."""
    assert config.tune is not None
    storage = RDBStorage(
        url,
        engine_kwargs={"connect_args": {"timeout": 60}} if url.startswith("sqlite") else None,
        heartbeat_interval=HEARTBEAT_SECONDS,
        grace_period=4 * HEARTBEAT_SECONDS,
        heartbeat_stale_trial_callback=retry_once(lock),
    )
    return optuna.create_study(
        study_name=f"{config.name}-{key[:12]}",
        storage=storage,
        direction="maximize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=config.tune.startup_trials, n_warmup_steps=0),
    )


def work(study: optuna.Study, objective: Callable[[optuna.Trial], float], config: ExperimentConfig) -> None:
    assert config.tune is not None
    while True:
        fail_stale_trials(study)
        trials = study.get_trials(deepcopy=False)
        finished = sum(t.state in FINISHED for t in trials)
        if finished >= config.tune.trials:
            return
        waiting = sum(t.state == TrialState.WAITING for t in trials)
        running = sum(t.state == TrialState.RUNNING for t in trials)
        if finished + running >= config.tune.trials and not waiting:
            time.sleep(1)  # other workers hold the last trials; should one die, its trial is queued again
            continue
        # a sampler per trial, seeded by how far the study is: a resumed study goes on as if never stopped
        study.sampler = optuna.samplers.TPESampler(
            seed=config.seed + finished, n_startup_trials=config.tune.startup_trials, constant_liar=True
        )
        study.optimize(objective, n_trials=1)
        last = max(
            (t for t in study.get_trials(deepcopy=False) if t.state in FINISHED), key=lambda t: t.number
        )
        value = f"{last.value:.4f}" if last.value is not None else "-"
        say(
            f"tune {config.name}: {finished + 1}/{config.tune.trials} {last.state.name.lower()} {value} {last.params}"
        )


def suggest(trial: optuna.Trial, space: dict[str, SearchSpace]) -> dict[str, Any]:
    params: dict[str, Any] = {}
    for key, dimension in space.items():
        if dimension.choices is not None:
            params[key] = trial.suggest_categorical(key, dimension.choices)
        elif isinstance(dimension.low, int) and isinstance(dimension.high, int):
            params[key] = trial.suggest_int(key, dimension.low, dimension.high, log=dimension.log)
        else:
            params[key] = trial.suggest_float(key, dimension.low, dimension.high, log=dimension.log)  # type: ignore[arg-type]
    return params


def with_params(config: ExperimentConfig, params: dict[str, Any]) -> ExperimentConfig:
    """The tuned experiment: parameters set, no `tune:` block, a name of its own, the folds it was tuned on."""
    assert config.tune is not None
    data = config.model_dump(mode="json", exclude={"tune", "refit"})
    for key, value in params.items():
        set_key(data["model"], key, value)
    data |= {"name": f"{config.name}-tuned", "tuned_on": sorted({*config.tuned_on, *config.tune.folds})}
    return ExperimentConfig.model_validate(data)


class Objective:
    """Mean score over the study's folds; after each (fold, share) the trial may be pruned."""

    def __init__(self, ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig) -> None:
        assert config.tune is not None
        self.ws, self.config, self.tune, self.metric = ws, config, config.tune, competition.metric
        self.labels = Labels.load(ws)
        self.cards, self.test = (select(load_rows(ws), split) for split in ("train", "test"))
        self.fold = load_folds(ws, self.cards)
        place = places(1, config.model.family in ON_GPU)[0][0]
        self.context = pair_context(ws, config, make_context(ws, config, place, None, False))
        build(config.model, self.context).warm(all_rows(ws))

    def __call__(self, trial: optuna.Trial) -> float:
        candidate = with_params(self.config, suggest(trial, self.tune.space))
        scores: list[float] = []
        for k in self.tune.folds:
            for share in self.tune.shares:
                value = self._score(candidate, k, share)
                trial.report(float(np.mean([*scores, value])), step=trial_step(self.tune, k, share))
                if trial.should_prune():
                    raise optuna.TrialPruned
            scores.append(value)
        return float(np.mean(scores))

    def _score(self, candidate: ExperimentConfig, k: int, share: float) -> float:
        rows = np.flatnonzero(outside(self.cards, self.fold == k))
        if share < 1:
            rng = np.random.default_rng(self.config.seed)
            rows = np.sort(rng.choice(rows, max(2, round(share * len(rows))), replace=False))
        model = build(candidate.model, replace(self.context, upstream=upstream_of(self.ws, candidate, k)))
        extra = pseudo_cards(self.ws, candidate, k, self.test)
        fit_on(model, self.cards.iloc[rows].reset_index(drop=True), candidate, extra)
        valid = self.cards[self.fold == k]
        return evaluate(self.metric, valid, top_k(model, valid, 2), self.labels)


class StackObjective:
    """Mean score over the study's folds of CatBoost on candidates, which are made once: what makes them is fixed."""

    FIXED = ("experiments", "min_proba")

    def __init__(self, ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig) -> None:
        assert config.tune is not None
        for key in self.FIXED:
            if key in config.tune.space:
                raise GoodsError(
                    f"experiment {config.name}: tune.space names {key}, which a study of a stack cannot vary; "
                    "compare stacks of different names instead"
                )
        self.level = make_level(ws, competition, config)

    def __call__(self, trial: optuna.Trial) -> float:
        assert self.level.config.tune is not None
        candidate = with_params(self.level.config, suggest(trial, self.level.config.tune.space))
        level = replace(self.level, config=candidate, model=stack_config(candidate))
        scores: list[float] = []
        for step, k in enumerate(self.level.config.tune.folds):
            scores.append(catboost_score(level, k))
            trial.report(float(np.mean(scores)), step=step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return float(np.mean(scores))


def trial_step(tune: TuneConfig, k: int, share: float) -> int:
    return tune.folds.index(k) * len(tune.shares) + tune.shares.index(share)
