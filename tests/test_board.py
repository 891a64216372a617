"""The ledger of experiments and submissions, submissions that are kept, and what a contest's board says of them."""

import os
import shutil
from threading import Thread

import pandas as pd
import pytest
import yaml
from conftest import ROOT, competition_config, write_shop

from goods.config.loading import load_experiment
from goods.core.artifacts import read_json
from goods.core.errors import GoodsError
from goods.core.hashing import read_hash
from goods.core.workspace import Workspace
from goods.prepare.folds import make_folds
from goods.prepare.stage import prepare
from goods.submit import stage
from goods.submit.entries import record_experiment
from goods.submit.ledger import LEADERBOARD, append_leaderboard, note_board, rows_of
from goods.submit.stage import submit
from goods.train.stage import train

NAME = "kazanexpress2023"
CONFIGS = ROOT / "configs" / NAME
OLD = "competition,experiment,metric,score,sd,rows,git_sha,file_hash,seconds\nc,a,f1,0.5,0.1,3,0123456789ab+,00e1,1.5\n"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A work folder with a finished run of the linear experiment, as the command of `competition.yaml` has it."""
    folder = tmp_path_factory.mktemp("trained")
    competition = competition_config(n_folds=5)
    ws = Workspace(folder / "work", NAME)
    prepare(ws, competition, write_shop(folder / "shop", n_train=150, n_test=30))
    make_folds(ws, competition)
    train(ws, competition, load_experiment(CONFIGS / "linear.yaml"))
    return ws, competition


def test_a_ledger_of_an_older_version_is_extended_and_keeps_what_others_added(tmp_path):
    board = tmp_path / "leaderboard.csv"
    head, row = OLD.splitlines()
    board.write_text(f"{head},mine\n{row},so\n")
    append_leaderboard(board, {"competition": "c", "kind": "experiment", "experiment": "b", "score": 0.75})
    rows = pd.read_csv(board, dtype=str)
    assert list(rows.columns) == [*LEADERBOARD, "mine"]
    assert rows.kind.tolist() == ["submission", "experiment"]
    assert rows.loc[0, ["experiment", "score", "rows", "git_sha", "file_hash", "mine"]].tolist() == [
        "a",
        "0.5",
        "3",
        "0123456789ab+",
        "00e1",
        "so",
    ]
    assert not list(tmp_path.glob("*damaged*"))


@pytest.mark.parametrize(
    "spoiled",
    [
        OLD.replace("0.5", "0.x5"),
        OLD.replace("score", "scope"),
        OLD + "c,b\n",
        OLD.replace(",3,", ",inf,"),
        OLD.replace(",3,", ",1e30,"),
    ],
)
def test_a_ledger_whose_cells_are_not_what_they_should_be_is_kept_aside(tmp_path, spoiled):
    board = tmp_path / "leaderboard.csv"
    board.write_text(spoiled)
    append_leaderboard(board, {"competition": "c", "experiment": "b", "score": 0.75, "rows": 4})
    assert rows_of(board).experiment.tolist() == ["b"]
    assert (tmp_path / "leaderboard.csv.damaged").read_text() == spoiled


def test_a_ledger_without_rows_is_whole(tmp_path):
    board = tmp_path / "leaderboard.csv"
    board.write_text(OLD.splitlines()[0] + "\n")
    append_leaderboard(board, {"competition": "c", "experiment": "b", "score": 0.75})
    assert rows_of(board).experiment.tolist() == ["b"]
    assert not list(tmp_path.glob("*damaged*"))


def test_the_rows_of_a_damaged_ledger_stay_where_nothing_is_written_to_it(tmp_path):
    board = tmp_path / "leaderboard.csv"
    board.write_text(f"{OLD}c,b")
    for _ in range(2):
        with pytest.raises(GoodsError, match="no submission of other"):
            note_board(board, "other", {"public": 1.0})
        assert rows_of(board).experiment.tolist() == ["a"]
    append_leaderboard(board, {"competition": "c", "experiment": "b", "score": 0.75})
    assert rows_of(board).experiment.tolist() == ["a", "b"]
    assert [path.name for path in tmp_path.glob("*damaged*")] == ["leaderboard.csv.damaged"]


def test_an_experiment_between_two_equal_submissions_makes_no_second_row(tmp_path):
    board = tmp_path / "leaderboard.csv"
    said = {"competition": "c", "experiment": "a", "file_hash": "11"}
    for row in (said, {"competition": "c", "experiment": "b", "kind": "experiment"}, said):
        append_leaderboard(board, row)
    assert rows_of(board).kind.tolist() == ["submission", "experiment"]


def test_a_board_s_score_goes_to_the_newest_submission_or_the_one_that_is_named(tmp_path):
    board = tmp_path / "leaderboard.csv"
    for name, digest in (("a", "11aa"), ("b", "12bb"), ("c", "13cc")):
        kind = "experiment" if name == "c" else "submission"
        append_leaderboard(board, {"competition": "c", "experiment": name, "file_hash": digest, "kind": kind})
    note_board(board, "c", {"public": 0.8902})
    note_board(board, "c", {"public": 0.5, "private": 0.25}, "11")
    rows = rows_of(board)
    assert rows.public.fillna(0).tolist() == [0.5, 0.8902, 0]
    assert rows.private.fillna(0).tolist() == [0.25, 0, 0]
    for wrong, message in (
        ("1", "several submissions"),
        ("2", "no submission 2 of c"),
        ("13", "no submission 13"),
    ):
        with pytest.raises(GoodsError, match=message):
            note_board(board, "c", {"public": 1.0}, wrong)
    with pytest.raises(GoodsError, match=r"run scripts/submit\.py other first"):
        note_board(board, "other", {"public": 1.0})


@pytest.mark.parametrize(("public", "warned"), [(89.02, True), (0.8902, False)])
def test_a_board_s_percentage_is_doubted(tmp_path, capsys, public, warned):
    board = tmp_path / "leaderboard.csv"
    append_leaderboard(board, {"competition": "c", "file_hash": "1", "kind": "submission", "score": 0.9})
    assert note_board(board, "c", {"public": public}).public == public
    assert (
        "--public 89.02, 0.9000 out of fold: of a percentage note 0.8902" in capsys.readouterr().err
    ) == warned


def test_a_submission_s_row_says_what_it_is_made_of(trained, tmp_path):
    ws, competition = trained
    submit(ws, competition, "linear", tmp_path, note="first")
    row = rows_of(tmp_path / "leaderboard.csv").iloc[0]
    report = read_json(ws.run("linear").report)
    assert row[["kind", "competition", "experiment", "note"]].tolist() == [
        "submission",
        NAME,
        "linear",
        "first",
    ]
    assert row.score == report["score"]
    assert row.folds == 5
    assert row.seconds == pytest.approx(sum(report["fit_seconds"]), abs=0.06)
    assert row.seconds > 0
    assert row.key == read_json(ws.run("linear").path / "DONE")["key"]
    assert pd.Timestamp(row.date).year >= 2024


def test_the_row_of_repeats_has_their_mean(trained, tmp_path):
    ws, competition = trained
    repeats = {"score": 0.25, "sd": 0.125, "folds": 10, "scores": [0.2, 0.3], "between": 0.0707}
    record_experiment(ws, competition, "linear", tmp_path, repeats)
    row = rows_of(tmp_path / "leaderboard.csv").iloc[0]
    assert row[["kind", "score", "sd", "folds"]].tolist() == ["experiment", 0.25, 0.125, 10]
    assert row.note == "mean of 2 fold assignments, ± 0.0707 between them"


def test_a_submission_is_kept_once_and_what_is_damaged_of_it_is_written_again(trained, tmp_path):
    ws, competition = trained
    result = submit(ws, competition, "linear", tmp_path)
    (folder,) = (path for path in result.parent.iterdir() if path.is_dir())
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(kept) == {"result.parquet", "experiment.yaml", "competition.yaml", "key"}
    assert kept["result.parquet"] == result.read_bytes()
    old = folder.with_name("2020-01-01-" + folder.name[11:])
    folder.rename(old)
    (old / "result.parquet").write_bytes(b"cut")
    (old / "key").unlink()
    submit(ws, competition, "linear", tmp_path)
    assert [path.name for path in result.parent.iterdir() if path.is_dir()] == [old.name]
    assert {path.name: path.read_bytes() for path in old.iterdir()} == kept


def test_of_kept_submissions_the_newest_stay(trained, tmp_path):
    ws, competition = trained
    folder = tmp_path / NAME
    for day in ("2020-01-01", "2020-01-03", "2020-01-02"):
        (folder / f"{day}-0123456789ab").mkdir(parents=True)
    (folder / "notes").mkdir()
    submit(ws, competition, "linear", tmp_path, most=2)
    there = sorted(path.name for path in folder.iterdir() if path.is_dir())
    assert there[0] == "2020-01-03-0123456789ab"
    assert len(there) == 3
    assert there[-1] == "notes"


def test_one_that_was_being_removed_is_not_taken_for_the_newest(trained, tmp_path, monkeypatch):
    ws, competition = trained
    result = submit(ws, competition, "linear", tmp_path)
    for name in ("2020-01-01-0123456789ab", "2020-01-01-1123456789ab"):
        (result.with_name(name) / "inner").mkdir(parents=True)
        os.utime(result.with_name(name), (0, int(name[11])))

    def killed(folder, **_):
        (folder / "inner").rmdir()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(shutil, "rmtree", killed)
        submit(ws, competition, "linear", tmp_path, most=2)
    submit(ws, competition, "linear", tmp_path, most=2)
    there = sorted(path.name for path in result.parent.iterdir() if path.is_dir())
    assert there[:-1] == ["2020-01-01-1123456789ab"]


def test_submissions_that_meet_are_kept_with_their_own_settings(trained, tmp_path, monkeypatch):
    ws, competition = trained
    shutil.copytree(ws.path, tmp_path / "work" / NAME)
    two = Workspace(tmp_path / "work", NAME)
    train(two, competition, load_experiment(CONFIGS / "linear.yaml", ["name=other", "model.C=0.01"]))
    keep, threads = stage.keep, []

    def meanwhile(*args):
        if not threads:
            threads.append(Thread(target=submit, args=(two, competition, "other", tmp_path)))
            threads[0].start()
            threads[0].join(1.5)
        return keep(*args)

    monkeypatch.setattr(stage, "keep", meanwhile)
    submit(two, competition, "linear", tmp_path)
    threads[0].join()
    for row in rows_of(tmp_path / "leaderboard.csv").itertuples():
        (folder,) = (tmp_path / NAME).glob(f"*-{row.file_hash[:12]}")
        assert yaml.safe_load((folder / "experiment.yaml").read_text())["name"] == row.experiment
    assert row.file_hash == read_hash(tmp_path / NAME / "result.parquet")


def test_train_and_tune_add_a_row_when_they_finish_something_anew(trained, tmp_path, run_script):
    ws, _ = trained
    work = tmp_path / "work"
    shutil.copytree(ws.root, work)
    shutil.rmtree(work / NAME / "runs")
    once = [CONFIGS / "linear.yaml", "--work", work]
    study = [
        "--set",
        "tune.trials=2",
        "--set",
        "tune.startup_trials=1",
        "--set",
        "tune.space={C: {low: 0.5, high: 2}}",
    ]
    for _ in range(2):
        assert run_script("train", *once)[0] == 0
        assert run_script("tune", *once, *study)[0] == 0
    rows = rows_of(tmp_path / "submissions" / "leaderboard.csv")
    assert rows.kind.tolist() == ["experiment"] * 2
    assert rows.experiment.tolist() == ["linear", "linear-tuning"]
    assert (rows.memory_mb > 50).all()
    assert (rows.seconds > 0).all()
    assert "optimistic" in rows.note[1]
    ledger = tmp_path / "submissions" / "leaderboard.csv"
    ledger.unlink()  # as if both had been killed before they wrote it
    for _ in range(2):
        code, _, told = run_script("train", *once)
        assert code == 0 and run_script("tune", *once, *study)[0] == 0
    again = rows_of(ledger)
    same = ["kind", "experiment", "score", "sd", "folds", "key", "note"]
    assert again[same].equals(rows[same]) and "had no row" not in told
    assert (again.memory_mb > 50).all() and again.seconds[0] == rows.seconds[0] and again.seconds[1] > 0


def test_where_no_score_can_be_noted_one_line_says_what_to_do_and_nothing_is_made(tmp_path):
    board, absent = tmp_path / "leaderboard.csv", tmp_path / "absent" / "leaderboard.csv"
    with pytest.raises(
        GoodsError, match=r"absent/leaderboard\.csv: no such ledger; name its folder by --out"
    ):
        note_board(absent, "c", {"public": 1.0})
    assert not absent.parent.exists()
    with pytest.raises(GoodsError, match="--public nan: expected a number"):
        note_board(board, "c", {"public": float("nan")})
    board.mkdir()
    for change in (
        lambda: note_board(board, "c", {"public": 1.0}),
        lambda: append_leaderboard(board, {"competition": "c", "experiment": "e", "score": 1.0}),
    ):
        with pytest.raises(GoodsError, match="a folder is where the ledger belongs; move it away"):
            change()
