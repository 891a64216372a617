import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import optuna
import pytest
from artifact_corpus import damage
from conftest import ROOT, small_configs, write_shop
from filelock import FileLock

from goods.config.loading import load_experiment
from goods.core.artifacts import read_json
from goods.core.errors import GoodsError
from goods.core.workspace import Workspace
from goods.prepare.folds import make_folds
from goods.prepare.stage import prepare
from goods.train.stage import train
from goods.tune.objectives import Objective
from goods.tune.stage import tune
from goods.tune.study import open_study, suggest, take_draw, work

LINEAR = ROOT / "configs" / "kazanexpress2023" / "linear.yaml"
SMALL = ["tune.trials=4", "tune.startup_trials=2", "tune.space={C: {low: 0.1, high: 3.0, log: true}}"]


def test_a_study_writes_a_best_yaml_that_train_takes_unchanged(ws, competition, capsys):
    tune(ws, competition, load_experiment(LINEAR, SMALL))
    folder = ws.tuning("linear")
    report = read_json(folder / "report.json")
    assert "optimistic" in report["note"]
    best = load_experiment(folder / "best.yaml")
    assert (best.name, best.tuned_on, best.tune) == ("linear-tuned", (0,), None)
    assert pytest.approx(report["params"]["C"]) == best.model.C
    train(ws, competition, best)
    trained = read_json(ws.run("linear-tuned").report)
    assert trained["tuned_on"] == [0]
    capsys.readouterr()
    tune(ws, competition, load_experiment(LINEAR, SMALL))
    assert "unchanged" in capsys.readouterr().err


def test_the_same_study_again_finds_the_same(ws, competition):
    config = load_experiment(LINEAR, SMALL)
    tune(ws, competition, config)
    first = (ws.tuning("linear") / "best.yaml").read_text()
    tune(ws, competition, config, force=True)
    assert (ws.tuning("linear") / "best.yaml").read_text() == first


def test_a_stopped_study_goes_on_where_it_was(ws, competition, monkeypatch):

    config = load_experiment(LINEAR, SMALL)
    tune(ws, competition, config)
    expected = (ws.tuning("linear") / "best.yaml").read_text()
    plain, calls = Objective.__call__, []

    def stopped(self, trial):
        calls.append(trial.number)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return plain(self, trial)

    monkeypatch.setattr(Objective, "__call__", stopped)
    with pytest.raises(KeyboardInterrupt):
        tune(ws, competition, config, force=True)
    tune(ws, competition, config)
    assert (ws.tuning("linear") / "best.yaml").read_text() == expected
    assert len(calls) == 5  # 2 finished, 1 stopped, 2 more


@pytest.mark.parametrize("how", ["halved", "torn", "text"])
def test_a_damaged_study_is_made_again(ws, competition, how):
    config = load_experiment(LINEAR, SMALL)
    tune(ws, competition, config)
    folder = ws.tuning("linear")
    best, file = (folder / "best.yaml").read_text(), folder / "study.db"
    (folder / "DONE").unlink()  # stopped before its end
    if how == "text":
        file.write_text("no database" * 1000)
    elif how == "torn":  # pages that a power cut left unwritten
        file.write_bytes(file.read_bytes()[:4096] + bytes(file.stat().st_size - 4096))
    else:
        damage(file, how)
    tune(ws, competition, config)
    assert (folder / "best.yaml").read_text() == best


def test_a_study_on_every_fold_is_refused(ws, competition):
    with pytest.raises(GoodsError, match="leave one to score"):
        tune(ws, competition, load_experiment(LINEAR, [*SMALL, "tune.folds=[0,1,2]"]))


def test_workers_that_start_together_draw_different_trials(tmp_path):
    config = load_experiment(LINEAR, [*SMALL, "tune.startup_trials=4"])
    url, lock = f"sqlite:///{tmp_path / 'study.db'}", tmp_path / "study.lock"
    studies = [open_study(config, url, "key", FileLock(lock)) for _ in range(2)]
    both, drawn = Barrier(2, timeout=60), []

    def objective(trial):
        value = suggest(trial, config.tune.space)["C"]
        drawn.append(value)
        if trial.number < 2:
            both.wait()  # neither has finished a trial when the other begins
        return value

    with ThreadPoolExecutor(2) as pool:
        for worker in [pool.submit(work, study, objective, config, FileLock(lock)) for study in studies]:
            worker.result(timeout=60)
    assert len(drawn) >= 4
    assert len(set(drawn)) == len(drawn)


def test_one_worker_draws_by_how_many_trials_there_are(tmp_path):
    config = load_experiment(LINEAR, [*SMALL, "tune.startup_trials=4"])
    study = open_study(config, f"sqlite:///{tmp_path / 'study.db'}", "key", FileLock(tmp_path / "study.lock"))
    work(
        study, lambda trial: suggest(trial, config.tune.space)["C"], config, FileLock(tmp_path / "study.lock")
    )
    alone = optuna.create_study()
    for number, trial in enumerate(study.trials):
        alone.sampler = optuna.samplers.TPESampler(seed=config.seed + number, n_startup_trials=4)
        assert suggest(alone.ask(), config.tune.space) == trial.params


def test_a_draw_is_the_first_that_no_trial_has(tmp_path):
    study = optuna.create_study()
    first, second = study.ask(), study.ask()
    assert take_draw(second) == 1  # the first has yet to take its own
    assert take_draw(first) == 0
    study.tell(first, state=optuna.trial.TrialState.FAIL)
    third = study.ask()
    assert take_draw(third) == 0  # what failed is drawn again
    assert take_draw(third) == 0


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
