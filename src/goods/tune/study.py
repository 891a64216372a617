"""One study, resumable and shared by workers."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice
from typing import Any

import optuna
from filelock import FileLock
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState

from goods.config.experiment import ExperimentConfig, SearchSpace
from goods.config.loading import set_key
from goods.core.log import say
from goods.train.best import TUNED
from goods.tune.abandoned import GRACE_SECONDS, Watch, queue_again
from goods.tune.storage import beating, open_storage

DRAW = "draw"  # user attribute of a trial: its place in the order of draws
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


def open_study(config: ExperimentConfig, url: str, key: str) -> tuple[optuna.Study, Watch]:
    """The study of these inputs, made if it is not there, and what tells whose workers were killed."""
    assert config.tune is not None
    storage = open_storage(url)
    study = optuna.create_study(
        study_name=f"{config.name}-{key[:12]}",
        storage=storage,
        direction="maximize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=config.tune.startup_trials, n_warmup_steps=0),
    )
    return study, Watch(study, storage)


def work(
    study: optuna.Study,
    objective: Callable[[optuna.Trial], float],
    config: ExperimentConfig,
    lock: FileLock,
    watch: Watch,
    told: bool = False,
) -> None:
    """Run trials until the study has enough, whoever ran them; `lock` is held from counting them until one more has
    taken its number; `told`: that others may be waited for goes without saying."""
    assert config.tune is not None
    while True:
        queue_again(study, watch.stale(), lock)
        with lock:
            trials = study.get_trials(deepcopy=False)
            finished = sum(t.state in FINISHED for t in trials)
            if finished >= config.tune.trials:
                return
            waiting = sum(t.state == TrialState.WAITING for t in trials)
            running = [t.number for t in trials if t.state == TrialState.RUNNING]
            full = finished + len(running) >= config.tune.trials and not waiting
            if not full:
                trial = study.ask()
                number = take_draw(trial)
        if not full:
            # a sampler per trial, seeded by its draw: a resumed study goes on as if never stopped
            study.sampler = optuna.samplers.TPESampler(
                seed=config.seed + number, n_startup_trials=config.tune.startup_trials, constant_liar=True
            )
            with beating(watch.storage, trial):
                counts = run(study, objective, trial)
            done = progress(study, trial.number, config.tune.trials) if counts else given_up(trial)
            say(f"tune {config.name}: {done}")
            continue
        if not told:
            say(
                f"tune {config.name}: waiting for other workers, which hold the last trials {running}; "
                f"those of a killed one are queued again after {GRACE_SECONDS} s"
            )
        told = True
        time.sleep(1)


def run(study: optuna.Study, objective: Callable[[optuna.Trial], float], trial: optuna.Trial) -> bool:
    """Run one trial; whether it counts: of one that others gave up meanwhile, as its process was halted, they have
    queued another."""
    try:
        value, state = objective(trial), None
    except optuna.TrialPruned:
        value, state = None, TrialState.PRUNED
    except UpdateFinishedTrialError:
        return False
    except (Exception, KeyboardInterrupt):
        study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
        raise
    if study.get_trials(deepcopy=False)[trial.number].state.is_finished():
        return False
    study.tell(trial, value, state, skip_if_finished=True)
    return True


def given_up(trial: optuna.Trial) -> str:
    """In a message: why a trial that was run does not count."""
    return (
        f"trial {trial.number} does not count: it was halted for more than {GRACE_SECONDS} s, in which another worker "
        "queued it again"
    )


def progress(study: optuna.Study, number: int, wanted: int) -> str:
    """In a message: how many trials are finished, and what became of one of them."""
    trials = study.get_trials(deepcopy=False)
    last, finished = trials[number], sum(t.state in FINISHED for t in trials)
    value = f"{last.value:.4f}" if last.value is not None else "-"
    return f"{finished}/{wanted} {last.state.name.lower()} {value} {params_told(last.params)}"


def params_told(params: dict[str, Any]) -> str:
    """In a message; of a fraction four digits."""
    values = {name: f"{value:.4g}" if isinstance(value, float) else value for name, value in params.items()}
    return ", ".join(f"{name}={value}" for name, value in values.items())


def take_draw(trial: optuna.Trial) -> int:
    """The trial's place in the order of draws, from 0: the first that no trial of the study has, failed ones aside.

    No two workers draw the same, and what a stopped trial would have drawn is drawn by the next. Trials begun before
    this one that have no place yet (on another machine) are left one each. A retried trial keeps its place.
    """
    if DRAW in trial.user_attrs:
        return trial.user_attrs[DRAW]
    others = [
        t
        for t in trial.study.get_trials(deepcopy=False)
        if t.state != TrialState.FAIL and t.number != trial.number
    ]
    taken = {t.user_attrs[DRAW] for t in others if DRAW in t.user_attrs}
    before = sum(t.number < trial.number and DRAW not in t.user_attrs for t in others)
    free = (number for number in range(len(others) + 1) if number not in taken)
    number = next(islice(free, before, None))
    trial.set_user_attr(DRAW, number)
    return number


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
    data |= {"name": config.name + TUNED, "tuned_on": sorted({*config.tuned_on, *config.tune.folds})}
    return ExperimentConfig.model_validate(data)
