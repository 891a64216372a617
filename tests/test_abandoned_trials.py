"""Trials whose workers were killed or halted: told from others, queued again, put back in order."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import optuna
import pytest
from conftest import small_configs, write_shop
from filelock import FileLock
from studies import LINEAR, SMALL

from goods.config.loading import load_experiment
from goods.core.workspace import Workspace
from goods.prepare.folds import make_folds
from goods.prepare.stage import prepare
from goods.tune import abandoned
from goods.tune.abandoned import present, queue_again
from goods.tune.order import put_in_order
from goods.tune.storage import study_file
from goods.tune.study import DRAW, open_study, suggest, take_draw, work


@pytest.mark.parametrize("kind", ["db", "journal"])
def test_a_trial_killed_beside_others_that_finished_changes_no_draw_after_it(tmp_path, kind):
    """Equal scores leave it to the order of trials which of them the next draws learn from."""
    config = load_experiment(LINEAR, [*SMALL, "tune.trials=12", "tune.startup_trials=4"])
    lock, drawn = FileLock(tmp_path / "study.lock"), []

    def objective(trial):
        return -round(abs(suggest(trial, config.tune.space)["C"] - 0.25) * 2)

    for disturbed in (False, True):
        path = tmp_path / f"{disturbed}.{kind}"
        study, watch = open_study(config, study_file(path), "key")
        if disturbed:
            both = [study.ask(), study.ask()]
            for number, trial in enumerate(both):
                assert take_draw(trial) == number
                study.sampler = optuna.samplers.TPESampler(seed=config.seed + number, n_startup_trials=4)
                value = objective(trial)
            study.tell(both[1], value)
            queue_again(study, [0], lock)
            few = config.model_copy(update={"tune": config.tune.model_copy(update={"trials": 4})})
            work(study, objective, few, lock, watch)
            assert put_in_order(study, path)
            study, watch = open_study(config, study_file(path), "key")
            assert not put_in_order(study, path)
        work(study, objective, config, lock, watch)
        drawn.append([(trial.user_attrs[DRAW], trial.params, trial.value) for trial in study.trials])
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("heartbeat", [None, 0, 1])
def test_a_trial_without_new_heartbeats_is_stale_whatever_the_time_of_day(tmp_path, monkeypatch, heartbeat):
    monkeypatch.setattr(abandoned, "GRACE_SECONDS", 0.2)
    config = load_experiment(LINEAR, SMALL)
    study, watch = open_study(config, f"sqlite:///{tmp_path / 'study.db'}", "key")
    study.ask(), study.ask()
    with closing(sqlite3.connect(tmp_path / "study.db")) as database, database:
        for trial in (1, 2):
            database.execute(
                "INSERT INTO trial_heartbeats (trial_id, heartbeat) VALUES (?, '2020-01-01')", (trial,)
            )
        if heartbeat is None:
            database.execute("DELETE FROM trial_heartbeats WHERE trial_id = 1")
        else:
            database.execute(
                "UPDATE trial_heartbeats SET heartbeat = datetime('now', ?) WHERE trial_id = 1",
                (f"+{heartbeat} day",),
            )
        database.commit()
        assert watch.stale() == []
        time.sleep(0.3)
        database.execute("UPDATE trial_heartbeats SET heartbeat = '2019-01-01' WHERE trial_id = 2")
        database.commit()
        assert watch.stale() == [0]
    queue_again(study, [0], FileLock(tmp_path / "study.lock"))
    queue_again(study, [0], FileLock(tmp_path / "study.lock"))
    assert [t.state.name for t in study.trials] == ["FAIL", "RUNNING", "WAITING"]


@pytest.mark.parametrize("kind", ["db", "journal"])
@pytest.mark.parametrize("reports", [True, False])
def test_a_worker_whose_trial_was_queued_again_while_it_was_halted_goes_on(tmp_path, capsys, kind, reports):
    config, lock = load_experiment(LINEAR, SMALL), FileLock(tmp_path / "study.lock")
    study, watch = open_study(config, study_file(tmp_path / f"study.{kind}"), "key")

    def objective(trial):
        value = suggest(trial, config.tune.space)["C"]
        if trial.number == 0:
            queue_again(study, [0], FileLock(tmp_path / "study.lock"))
        if reports:
            trial.report(value, 0)
        return value

    work(study, objective, config, lock, watch)
    assert [t.state.name for t in study.trials] == ["FAIL", *["COMPLETE"] * 4]
    assert study.trials[1].user_attrs[DRAW] == 0 and study.trials[1].params["C"] == study.trials[1].value
    assert capsys.readouterr().err.count("trial 0 does not count") == 1


def test_only_the_first_of_the_processes_that_share_a_study_is_alone(tmp_path):
    path, lock = tmp_path / "study.workers", FileLock(tmp_path / "study.lock")
    with present(path, lock) as first, present(path, lock) as second:
        assert (first.alone, second.alone) == (True, False)
        with first.by_itself(lock) as now:
            assert not now
    with present(path, lock) as again:
        assert again.alone
        with again.by_itself(lock) as now:
            assert now


WORKER = """
import os, sys, time
from pathlib import Path
from goods.core.workspace import Workspace
from goods.competitions.loading import load_competition
from goods.config.loading import load_experiment
from goods.tune import objectives, stage, study
work, configs, slow = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] == "slow"
if slow:
    def hang(self, trial):
        study.suggest(trial, self.tune.space)
        print("started", flush=True)
        time.sleep(600)
    objectives.Objective.__call__ = hang
competition = load_competition("kazanexpress2023", configs)
config = load_experiment(configs / "kazanexpress2023" / "linear.yaml")
stage.tune(Workspace(work, "kazanexpress2023"), competition, config)
"""


@pytest.mark.slow
def test_a_killed_worker_s_trial_is_retried_and_workers_share_a_study(tmp_path):
    from goods.competitions.loading import load_competition

    configs = small_configs(tmp_path / "configs", "kazanexpress2023", ["linear"])
    competition = load_competition("kazanexpress2023", configs)
    ws = Workspace(tmp_path / "work", "kazanexpress2023")
    prepare(ws, competition, write_shop(tmp_path / "shop"))
    make_folds(ws, competition)

    def worker(kind):
        command = [sys.executable, "-c", WORKER, str(tmp_path / "work"), str(configs), kind]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )

    hanging = worker("slow")
    assert hanging.stdout is not None
    assert hanging.stdout.readline() == "started\n"
    hanging.send_signal(signal.SIGKILL)
    hanging.wait()
    killed_at = time.monotonic()
    pair = [worker("normal"), worker("normal")]
    assert [p.wait(timeout=120) for p in pair] == [0, 0]
    assert time.monotonic() - killed_at < 100
    study_file = ws.tuning("linear") / "study.db"
    (summary,) = optuna.get_all_study_summaries(f"sqlite:///{study_file}")
    study = optuna.load_study(study_name=summary.study_name, storage=f"sqlite:///{study_file}")
    states = [t.state.name for t in study.trials]
    assert "RUNNING" not in states
    assert states[0] == "FAIL"
    retried = [t for t in study.trials if t.system_attrs.get("failed_trial") == 0]
    assert len(retried) == 1
    assert retried[0].params == study.trials[0].params
    assert retried[0].state.name in ("COMPLETE", "PRUNED")
    assert (ws.tuning("linear") / "best.yaml").is_file()
