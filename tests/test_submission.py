from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from goods.cards.labels import Labels
from goods.cards.table import load_cards
from goods.competitions.submission import ClassIds, ClassProbabilities
from goods.core.done import begin
from goods.core.errors import GoodsError
from goods.core.predictions import Predictions
from goods.submit.ledger import append_leaderboard
from goods.submit.stage import submit

COLUMNS = ("product_id", "predicted_category_id")
LABELS = Labels([10, 20], [("a",), ("b",)], [("10",), ("20",)])
NOTHING = Predictions(*(np.empty(0) for _ in range(3)))


def table(ids=(1, 2), categories=(10, 20)):
    return pd.DataFrame({COLUMNS[0]: np.array(ids, np.int64), COLUMNS[1]: np.array(categories, np.int64)})


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (
            table().rename(columns={"product_id": "id"}),
            "column 'product_id' is missing .it has id, predicted_category_id.; "
            "write product_id, predicted_category_id, in this order",
        ),
        (
            table().reset_index(names="Unnamed: 0"),
            "column 'Unnamed: 0' is one too many .*; write product_id, predicted_category_id, in this order and "
            "none beside them .a table's row numbers: to_csv.index=False..",
        ),
        (table()[[*COLUMNS[::-1]]], "columns are predicted_category_id, product_id; write product_id, pred"),
        (table().astype({"product_id": "int32"}), "int32"),
        (table(ids=(1, 1)), "occurs twice"),
        (table(ids=(1, 3)), "not exactly those of the test cards"),
        (table(ids=(1,), categories=(10,)), "not exactly those of the test cards"),
        (table(categories=(10, 30)), "category 30"),
    ],
)
def test_a_wrong_submission_is_refused(bad, message):
    with pytest.raises(GoodsError, match=message):
        ClassIds(*COLUMNS).check(bad, pd.DataFrame({"product_id": [1, 2]}), [("", LABELS, NOTHING)])


def test_probabilities_are_a_column_per_class_and_what_is_left_is_shared():
    said = Predictions(np.array([7, 5]), np.int32([[1, 0], [0, 2]]), np.float32([[0.6, 0.2], [1.0, 0.0]]))
    labels = Labels([10, 20, 30], [("a",), ("b",), ("c",)], [("a",), ("b",), ("c",)])
    rows, answer = pd.DataFrame({"product_id": [7, 5]}), ClassProbabilities("id", "p_")
    table = answer.table(rows, [("", labels, said)])
    answer.check(table, rows, [("", labels, said)])
    assert list(table.columns) == ["id", "p_10", "p_20", "p_30"]
    assert table.id.tolist() == [7, 5]
    assert table.iloc[:, 1:].to_numpy() == pytest.approx(np.array([[0.2, 0.6, 0.2], [1, 0, 0]]))
    with pytest.raises(GoodsError, match="do not sum to 1"):
        answer.check(table.assign(p_10=0.0), rows, [("", labels, said)])


def test_a_submission_has_the_contest_s_schema_and_a_leaderboard_row(trained, competition, tmp_path):
    path = submit(trained, competition, "linear", tmp_path / "out")
    result = pd.read_parquet(path)
    assert tuple(result.columns) == COLUMNS
    assert (result.dtypes == "int64").all()
    assert sorted(result.product_id) == sorted(load_cards(trained).query("split == 'test'").product_id)
    assert set(result.predicted_category_id) <= set(Labels.load(trained).ids)
    submit(trained, competition, "linear", tmp_path / "out")
    board = pd.read_csv(tmp_path / "out" / "leaderboard.csv")
    assert len(board) == 1  # the same file is not a new submission
    assert board.experiment.tolist() == ["linear"]
    assert 0.8 < board.score[0] <= 1


def test_a_submission_of_what_is_being_trained_anew_says_so(trained, competition, tmp_path, capsys):
    submit(trained, competition, "linear", tmp_path / "out")
    assert "warning" not in capsys.readouterr().err
    begin(trained.run("linear").fold(1), "forced")
    submit(trained, competition, "linear", tmp_path / "out")
    assert (
        "warning: linear was begun anew and is not finished (fold_1): what it said before is submitted; run "
        in capsys.readouterr().err
    )


ROWS = [
    {"competition": "c", "experiment": name, "score": 0.5, "file_hash": hash_, "seconds": 1.5}
    for name, hash_ in (("a", "11"), ("b", "22"))
]


def test_the_board_has_a_lost_row_again_and_none_twice(tmp_path):
    board = tmp_path / "leaderboard.csv"
    for row in (*ROWS, ROWS[1]):
        append_leaderboard(board, row)
    assert pd.read_csv(board).experiment.tolist() == ["a", "b"]
    append_leaderboard(board, ROWS[0])
    assert pd.read_csv(board).experiment.tolist() == ["a", "b", "a"]
    board.unlink()
    append_leaderboard(board, ROWS[0])
    assert pd.read_csv(board).experiment.tolist() == ["a"]


@pytest.mark.parametrize(
    ("left", "kept"),
    [
        (lambda whole: whole[:-8], ["a"]),
        (lambda whole: whole[: len(whole) // 2], []),
        (lambda whole: b"", []),
        (lambda whole: whole.replace(b"a", b"\xff"), []),
        (lambda whole: b"id,name\n1,b\n", []),
        (lambda whole: whole + b"c,x,f1,0.5,0.1,3,0,33,1.0,more,cells\n", []),
    ],
)
def test_a_damaged_board_is_kept_aside_and_its_whole_rows_go_on(tmp_path, capsys, left, kept):
    board = tmp_path / "leaderboard.csv"
    for row in ROWS:
        append_leaderboard(board, row)
    damaged = left(board.read_bytes())
    for aside in ("leaderboard.csv.damaged", "leaderboard.csv.damaged-2"):
        board.write_bytes(damaged)
        capsys.readouterr()
        append_leaderboard(board, {**ROWS[0], "experiment": "new"})
        assert pd.read_csv(board).experiment.tolist() == [*kept, "new"]
        assert (tmp_path / aside).read_bytes() == damaged
        said = capsys.readouterr().err.splitlines()
        assert len(said) == 1
        assert f"{board}: damaged, kept as {aside}" in said[0]


def test_an_unfinished_run_is_not_submitted(ws, competition, tmp_path):
    with pytest.raises(GoodsError, match="not finished"):
        submit(ws, competition, "linear", tmp_path)


def append(board: Path, first: int) -> None:
    for i in range(30):
        append_leaderboard(board, {"competition": "c", "rows": first + i})


def test_no_row_is_lost_where_runs_end_at_the_same_time(tmp_path):
    board = tmp_path / "leaderboard.csv"
    runs = [get_context("fork").Process(target=append, args=(board, 30 * run)) for run in range(3)]
    for run in runs:
        run.start()
    for run in runs:
        run.join(120)
    assert [run.exitcode for run in runs] == [0] * 3
    assert sorted(pd.read_csv(board).rows) == list(range(90))
