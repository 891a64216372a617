"""Workers that share a study: how they begin it, what they draw, what they tell."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError, Event

import optuna
import pytest
from filelock import FileLock
from studies import LINEAR, SMALL

from goods.config.loading import load_experiment
from goods.core import execution
from goods.core.artifacts import read_json
from goods.core.errors import GoodsError
from goods.tune import abandoned, stage, startup
from goods.tune.objectives import Objective
from goods.tune.stage import tune
from goods.tune.study import open_study, suggest, take_draw, work


def refused(*_):
    raise GoodsError("as far as it goes")


@pytest.mark.slow
def test_startup_trials_side_by_side_are_those_of_one_worker(ws, competition, monkeypatch):
    config = load_experiment(LINEAR, SMALL)
    found, workers, plain = [], [], startup.run_jobs

    def counted(job, arguments, *rest):
        workers.append(len(arguments))
        return plain(job, arguments, *rest)

    monkeypatch.setattr(startup, "run_jobs", counted)
    for fewest, n_cores in ((10**9, 2), (1, 2)):
        monkeypatch.setattr(startup, "FEWEST_CARDS", fewest)
        monkeypatch.setattr(execution, "cores", lambda n=n_cores: n)
        monkeypatch.setattr(execution, "free_memory", lambda: 1 << 36)
        tune(ws, competition, config, force=True)
        folder = ws.tuning("linear")
        (summary,) = optuna.get_all_study_summaries(f"sqlite:///{folder / 'study.db'}")
        study = optuna.load_study(study_name=summary.study_name, storage=f"sqlite:///{folder / 'study.db'}")
        trials = [(t.number, t.params, t.value, t.intermediate_values) for t in study.trials]
        found.append((trials, (folder / "best.yaml").read_bytes()))
    assert found[0] == found[1]
    assert workers == [2]


def test_workers_that_count_at_the_same_time_run_no_trial_too_many(tmp_path):
    config = load_experiment(LINEAR, [*SMALL, "tune.trials=1"])
    url, lock = f"sqlite:///{tmp_path / 'study.db'}", tmp_path / "study.lock"
    studies = [open_study(config, url, "key") for _ in range(2)]
    counted = Barrier(2)

    def worker(study, watch):
        plain = study.ask

        def slow(*args, **kwargs):
            with suppress(BrokenBarrierError):
                counted.wait(2)  # begins once the other has counted as well, if it can
            return plain(*args, **kwargs)

        study.ask = slow
        work(study, lambda trial: 1.0, config, FileLock(lock), watch)

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(worker, *one) for one in studies]:
            future.result(timeout=60)
    assert len(studies[0][0].trials) == 1


def test_workers_that_start_together_draw_different_trials(tmp_path):
    config = load_experiment(LINEAR, [*SMALL, "tune.startup_trials=4"])
    url, lock = f"sqlite:///{tmp_path / 'study.db'}", tmp_path / "study.lock"
    studies = [open_study(config, url, "key") for _ in range(2)]
    both, drawn = Barrier(2, timeout=60), []

    def objective(trial):
        value = suggest(trial, config.tune.space)["C"]
        drawn.append(value)
        if trial.number < 2:
            both.wait()  # neither has finished a trial when the other begins
        return value

    with ThreadPoolExecutor(2) as pool:
        for worker in [
            pool.submit(work, study, objective, config, FileLock(lock), watch) for study, watch in studies
        ]:
            worker.result(timeout=60)
    assert len(drawn) >= 4
    assert len(set(drawn)) == len(drawn)


def test_workers_that_start_together_begin_the_folder_one_after_the_other(ws, competition, monkeypatch):
    inside, most, begin = 0, 0, stage.begin

    def slow(folder, key):
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.2)
        begin(folder, key)
        inside -= 1

    monkeypatch.setattr(stage, "begin", slow)
    monkeypatch.setattr(stage, "present", refused)
    config = load_experiment(LINEAR, SMALL)
    with ThreadPoolExecutor(2) as pool:
        ended = [pool.submit(tune, ws, competition, config) for _ in range(2)]
    assert all("as far as" in str(one.exception()) for one in ended)
    assert most == 1


def test_a_trial_that_another_began_meanwhile_is_not_taken_for_a_killed_worker_s(
    ws, competition, monkeypatch
):
    config = load_experiment(LINEAR, ["tune.trials=1", *SMALL[1:]])
    began, plain = Event(), stage.open_study

    def trial(self, trial):
        began.set()
        time.sleep(1.5)
        return suggest(trial, self.tune.space)["C"]

    def slow(*args):
        monkeypatch.setattr(stage, "open_study", plain)
        try:
            return plain(*args)
        finally:
            others.append(pool.submit(tune, ws, competition, config))
            began.wait(1)

    monkeypatch.setattr(Objective, "__call__", refused)
    with pytest.raises(GoodsError, match="as far as it goes"):
        tune(ws, competition, config)
    monkeypatch.setattr(Objective, "__call__", trial)
    monkeypatch.setattr(stage, "open_study", slow)
    others = []
    with ThreadPoolExecutor(1) as pool:
        tune(ws, competition, config)
        others[0].result()
    trials = read_json(ws.tuning("linear") / "report.json")["trials"]
    assert trials == {"complete": 1, "fail": 1}  # what was refused


@pytest.mark.parametrize(("settings", "force"), [([], True), (["model.C=2.0"], False)])
def test_a_study_that_others_work_on_is_not_begun_anew(ws, competition, monkeypatch, settings, force):
    config = load_experiment(LINEAR, ["tune.trials=1", *SMALL[1:]])
    found, plain = [], Objective.__call__

    def beside(self, trial):
        with pytest.raises(GoodsError, match="others work on this study") as told:
            tune(
                ws,
                competition,
                load_experiment(LINEAR, ["tune.trials=1", *SMALL[1:], *settings]),
                force=force,
            )
        found.append("--force" in str(told.value))
        return plain(self, trial)

    monkeypatch.setattr(Objective, "__call__", beside)
    tune(ws, competition, config)
    assert found == [force]
    assert read_json(ws.tuning("linear") / "report.json")["trials"] == {"complete": 1}


def test_one_worker_draws_by_how_many_trials_there_are(tmp_path):
    config = load_experiment(LINEAR, [*SMALL, "tune.startup_trials=4"])
    study, watch = open_study(config, f"sqlite:///{tmp_path / 'study.db'}", "key")
    lock = FileLock(tmp_path / "study.lock")
    work(study, lambda trial: suggest(trial, config.tune.space)["C"], config, lock, watch)
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


@pytest.mark.timeout(60)
def test_a_worker_says_once_what_it_waits_for(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(abandoned, "GRACE_SECONDS", 2.5)
    config = load_experiment(LINEAR, [*SMALL, "tune.trials=1"])
    study, watch = open_study(config, f"sqlite:///{tmp_path / 'study.db'}", "key")
    study.ask()
    lock = FileLock(tmp_path / "study.lock")
    work(study, lambda trial: suggest(trial, config.tune.space)["C"], config, lock, watch)
    assert capsys.readouterr().err.count("waiting for other workers, which hold the last trials [0]") == 1
    assert [t.state.name for t in study.trials] == ["FAIL", "COMPLETE"]


def test_a_worker_tells_of_its_own_trial_and_of_all_that_are_finished(tmp_path, capsys):
    config = load_experiment(LINEAR, [*SMALL, "tune.trials=4"])
    study, watch = open_study(config, f"sqlite:///{tmp_path / 'study.db'}", "key")

    def objective(trial):
        if trial.number == 1:  # meanwhile others finish the one before and the one after
            study.tell(0, 0.9)
            study.add_trial(optuna.trial.create_trial(value=0.1))
        return suggest(trial, config.tune.space)["C"] * 0 + 0.5

    study.ask()
    work(study, objective, config, FileLock(tmp_path / "study.lock"), watch, told=True)
    told = [line.split() for line in capsys.readouterr().err.splitlines()]
    assert [(words[2], words[4]) for words in told] == [("3/4", "0.5000"), ("4/4", "0.5000")]
