"""Studies: what is found, what is gone on from, what is refused."""

import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import optuna
import pytest
from artifact_corpus import damage
from conftest import COMPETITION
from filelock import FileLock
from sklearn.feature_extraction.text import TfidfVectorizer
from studies import LINEAR, SMALL, stop_in_third_trial

from goods.config.loading import load_experiment
from goods.core.artifacts import read_json
from goods.core.errors import GoodsError
from goods.core.workspace import Workspace
from goods.train.stage import train
from goods.tune import stage
from goods.tune.budget import within_budget
from goods.tune.stage import tune
from goods.tune.storage import drop_damaged, lock_of, study_file
from goods.tune.study import open_study


@pytest.fixture(scope="module")
def studied_work(tmp_path_factory, prepared_shop) -> Path:
    """The work folder of the small shop with a finished study."""
    work = shutil.copytree(prepared_shop / "work", tmp_path_factory.mktemp("studied") / "work")
    tune(Workspace(work, COMPETITION.name), COMPETITION, load_experiment(LINEAR, SMALL))
    return work


@pytest.fixture
def studied(ws, studied_work) -> Workspace:
    """A workspace with a finished study."""
    shutil.copytree(Workspace(studied_work, ws.competition).path / "runs", ws.path / "runs")
    return ws


def test_a_study_writes_a_best_yaml_that_train_takes_unchanged(studied, competition, capsys):
    ws = studied
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


def test_the_same_study_again_finds_the_same(studied, competition):
    ws, config = studied, load_experiment(LINEAR, SMALL)
    first = (ws.tuning("linear") / "best.yaml").read_text()
    tune(ws, competition, config, force=True)
    assert (ws.tuning("linear") / "best.yaml").read_text() == first


def test_a_stopped_study_goes_on_where_it_was(studied, competition, monkeypatch, capsys):
    ws, config = studied, load_experiment(LINEAR, SMALL)
    expected = (ws.tuning("linear") / "best.yaml").read_text()
    calls = stop_in_third_trial(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        tune(ws, competition, config, force=True)
    tune(ws, competition, config)
    assert (ws.tuning("linear") / "best.yaml").read_text() == expected
    assert len(calls) == 5  # 2 finished, 1 stopped, 2 more
    told = capsys.readouterr().err.splitlines()[-1]
    assert "1 interrupted" in told and "fail" not in told


def test_optuna_says_nothing_of_a_study_that_is_gone_on_with(studied, competition, monkeypatch):
    levels, plain = [], stage.open_study

    def opened(*args):
        levels.append(optuna.logging.get_verbosity())
        return plain(*args)

    monkeypatch.setattr(stage, "open_study", opened)
    (studied.tuning("linear") / "DONE").unlink()
    optuna.logging.set_verbosity(optuna.logging.INFO)
    tune(studied, competition, load_experiment(LINEAR, SMALL))
    assert set(levels) == {optuna.logging.ERROR}


@pytest.mark.parametrize("how", ["halved", "torn", "text"])
def test_a_damaged_study_is_made_again(studied, competition, how):
    ws, config = studied, load_experiment(LINEAR, SMALL)
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


def test_a_journal_to_which_another_adds_a_line_is_not_damaged(tmp_path):
    path = tmp_path / "study.journal"
    open_study(load_experiment(LINEAR, SMALL), study_file(path), "key")
    whole = path.read_bytes()
    with ThreadPoolExecutor(1) as pool, path.open("r+b") as file:
        with FileLock(lock_of(path)):
            file.truncate(len(whole) - 9)
            looked = pool.submit(drop_damaged, path)
            with suppress(TimeoutError):
                looked.result(0.5)
            file.seek(0)
            file.write(whole)
            file.flush()
        looked.result()
    assert path.read_bytes() == whole


def test_a_study_on_every_fold_is_refused(ws, competition):
    with pytest.raises(GoodsError, match="leave one to score"):
        tune(ws, competition, load_experiment(LINEAR, [*SMALL, "tune.folds=[0,1,2]"]))


def test_a_study_of_what_builds_on_another_says_how_to_train_that_first(ws, competition):
    mend = "experiment knn builds on navec, which is not trained; run scripts/train.py configs/.*/navec.yaml first"
    with pytest.raises(GoodsError, match=mend):
        tune(ws, competition, load_experiment(LINEAR.with_name("knn.yaml")))


@pytest.mark.parametrize(
    ("folds", "message"), [([9], "tuned_on names fold 9, expected 0 to 2"), ([0, 1, 2], "leave one to score")]
)
def test_folds_to_leave_out_of_the_score_are_those_there_are_and_not_all(ws, competition, folds, message):
    with pytest.raises(GoodsError, match=message):
        train(ws, competition, load_experiment(LINEAR, [f"tuned_on={folds}"]))


def test_a_study_of_many_cards_takes_shares_of_them_then_fewer_trials():
    tune = load_experiment(LINEAR).tune
    assert within_budget(tune, 12_000) == tune
    some = within_budget(tune, 70_400)
    assert (some.trials, some.shares) == (10, (0.1705, 0.5682))
    few = within_budget(tune, 400_000)
    assert (few.trials, few.shares) == (5, (0.075, 0.25))  # startup_trials: 4
    assert within_budget(tune.model_copy(update={"budget": None}), 10**7).trials == 10


def test_a_study_says_what_its_budget_leaves_and_keeps_to_it(ws, competition, capsys):
    tune(ws, competition, load_experiment(LINEAR, [*SMALL, "tune.budget=100"]))
    told = [line for line in capsys.readouterr().err.splitlines() if "tune.budget" in line]
    assert len(told) == 1
    assert "3 of 4 trials, each on up to 25%" in told[0]
    assert sum(read_json(ws.tuning("linear") / "report.json")["trials"].values()) == 3


@pytest.mark.timeout(60)
def test_a_metric_that_gives_no_number_ends_a_study(ws, competition, monkeypatch):
    monkeypatch.setattr("goods.tune.objectives.evaluate", lambda *_: float("nan"))
    with pytest.raises(GoodsError, match=r"metric weighted_f1 gave \[nan\]"):
        tune(ws, competition, load_experiment(LINEAR, SMALL))


def test_trials_count_the_terms_of_a_share_once(ws, competition, monkeypatch):
    counted, plain = [], TfidfVectorizer.fit_transform
    monkeypatch.setattr(
        TfidfVectorizer, "fit_transform", lambda self, texts: counted.append(len(texts)) or plain(self, texts)
    )
    tune(ws, competition, load_experiment(LINEAR, SMALL))
    shares = set(counted)
    assert len(shares) == 2
    assert len(counted) == 2 * 5  # analysers of four fields, the title's two


def drawn_in(folder: Path) -> list[tuple[float]]:
    """Values of C of the finished trials, in the order of their numbers."""
    with closing(sqlite3.connect(folder / "study.db")) as database:
        return database.execute(
            "SELECT param_value FROM trial_params JOIN trials USING (trial_id) "
            "WHERE state IN ('COMPLETE', 'PRUNED') ORDER BY number"
        ).fetchall()


@pytest.mark.parametrize("heartbeat", [None, 0, 1])
@pytest.mark.timeout(60)
def test_a_study_killed_in_a_trial_goes_on_and_ends_with_the_same(
    studied, competition, monkeypatch, heartbeat
):
    """Before its first heartbeat, just after it, and with one from before the clock was set back by a day."""
    ws, config = studied, load_experiment(LINEAR, SMALL)
    folder = ws.tuning("linear")
    expected = (folder / "best.yaml").read_text(), drawn_in(folder)
    calls = stop_in_third_trial(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        tune(ws, competition, config, force=True)
    with closing(sqlite3.connect(folder / "study.db")) as database, database:
        (trial,) = database.execute("SELECT trial_id FROM trials WHERE state = 'FAIL'").fetchone()
        database.execute(
            "UPDATE trials SET state = 'RUNNING', datetime_complete = NULL, "
            "datetime_start = datetime('now', 'localtime', '-1 hour') WHERE trial_id = ?",
            (trial,),
        )
        database.execute("DELETE FROM trial_heartbeats WHERE trial_id = ?", (trial,))
        if heartbeat is not None:
            database.execute(
                "INSERT INTO trial_heartbeats (trial_id, heartbeat) VALUES (?, datetime('now', ?))",
                (trial, f"+{heartbeat} day"),
            )
    tune(ws, competition, config)
    assert ((folder / "best.yaml").read_text(), drawn_in(folder)) == expected
    assert len(calls) == 5
