"""Ids and classes that are texts stay as they are written: "007" is not 7, whatever file they stand in."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from goods.cards.labels import Labels
from goods.competitions.submission import ClassIds, ClassProbabilities, CsvFormat, PairScores
from goods.competitions.table_submission import TableSubmission
from goods.core.errors import GoodsError
from goods.core.ids import as_whole, same_kind
from goods.core.predictions import Predictions
from goods.submit import elsewhere
from goods.submit.elsewhere import read_csv, read_submission

ROWS = pd.DataFrame({"product_id": pd.Series(["007", "012", "NA"], dtype="str"), "split": "test"})
LABELS = Labels(["01", "02"], [("Чашки",), ("Столы",)], [("01",), ("02",)])
SAID = [
    ("target", LABELS, Predictions(np.arange(3), np.zeros((3, 1), np.int32), np.ones((3, 1), np.float32)))
]


@pytest.mark.parametrize(
    ("separator", "header", "encoding"),
    [(",", True, "utf-8"), (";", True, "cp1251"), (";", True, "utf-16"), ("\t", False, "utf-8")],
)
def test_a_checked_csv_file_keeps_zeros_wherever_its_columns_are(tmp_path, separator, header, encoding):
    asked = TableSubmission({"label": "target", "sku": "id"}, CsvFormat(separator, header, encoding))
    table, path = asked.table(ROWS, SAID), tmp_path / "result.csv"
    table.to_csv(path, sep=separator, header=header, index=False, encoding=encoding)
    read = read_submission(path, asked, asked.texts(ROWS, SAID))
    pd.testing.assert_frame_equal(read, table, check_dtype=False)
    assert read.sku.tolist() == ["007", "012", "NA"] and read.label.tolist() == ["01", "01", "01"]
    asked.check(read, ROWS, SAID)


def test_whole_numbers_are_read_as_such():
    rows = pd.DataFrame({"product_id": [7, 12]})
    labels = Labels([1, 2], [("a",), ("b",)], [("1",), ("2",)])
    said = [("target", labels, SAID[0][2])]
    for asked in (
        ClassIds("id", "class"),
        ClassProbabilities("id"),
        TableSubmission({"id": "id", "class": "target"}),
        PairScores(("a", "b"), "target"),
    ):
        assert asked.texts(rows, said) == []


def test_a_class_that_the_contest_s_encoding_lacks_is_told():
    labels = Labels(["чай", "茶"], [("a",), ("b",)], [("1",), ("2",)])
    said = [("target", labels, Predictions(np.arange(3), np.ones((3, 1), np.int32), SAID[0][2].proba))]
    asked = TableSubmission({"sku": "id", "label": "target"}, CsvFormat(encoding="cp1251"))
    told = "'茶' cannot be written in cp1251, as table.submission.encoding says; name another, such as utf-8"
    with pytest.raises(GoodsError, match=told):
        asked.check(asked.table(ROWS, said), ROWS, said)


def test_a_file_with_another_separator_says_which(tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("id,class\n7,1\n")
    with pytest.raises(GoodsError, match=r"its columns are divided by ',', expected ';'"):
        read_csv(path, TableSubmission({"id": "id", "class": "target"}, CsvFormat(";")), [])


def test_what_is_no_whole_number_of_64_bits_stays_a_text_on_a_command_line():
    whole, texts = (
        ["7", "-3", "+5", str(2**63 - 1)],
        ["+-5", "", "+", "1.5", "-", "\u0663", str(2**63), "9" * 5000],
    )
    assert same_kind([*whole, *texts], pd.Series([1, 2])) == [7, -3, 5, 2**63 - 1, *texts]
    assert same_kind(["007"], pd.Series(["a"])) == ["007"]


def test_whole_numbers_are_found_however_they_are_spelled():
    assert same_kind(["1760.0", "1,760", "1 760"], pd.Series([1760])) == [1760] * 3
    known = pd.Series(["1760.0", "007", "7", "a"])
    assert same_kind(["1760", "1,760", "a", "007", "8"], known) == ["1760.0", "1760.0", "a", "007", "8"]
    assert same_kind(["07", "007.0", " 7"], pd.Series(["7", "a"])) == ["07", "007.0", "7"]
    assert same_kind(["7.0"], known) == ["7.0"]  # which of the two is not known
    assert as_whole(pd.Series([3.0, 1760.0])).tolist() == [3, 1760]
    assert as_whole(pd.Series(["1,760", "x"])).tolist() == ["1,760", "x"]


WHOLE = TableSubmission({"id": "id", "class": "target", "sure": "confidence"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"class": [1.0, 1.0, 2.0]},
            "column 'class' is float64, expected int64; write the contest's classes as whole",
        ),
        ({"class": np.array([1, 1, 2], np.int32)}, "column 'class' is int32, expected int64"),
        ({"class": [1.0, np.nan, 2.0]}, "class of row 1 is empty, expected a class such as 1"),
        ({"sure": [0.5, np.nan, 0.5]}, "a value of 'sure' is outside 0 … 1; scale them"),
        ({"sure": ["0.5", "0.5", "0.5"]}, "a value of 'sure' is outside 0 … 1; scale them"),
        ({"sure": [0.5, 1.5, 0.5]}, "a value of 'sure' is outside 0 … 1; scale them"),
    ],
)
def test_a_checked_table_has_classes_and_confidences_as_they_are_submitted(change, message):
    rows = pd.DataFrame({"product_id": [7, 12, 13]})
    said = [("target", Labels([1, 2], [("a",), ("b",)], [("1",), ("2",)]), SAID[0][2])]
    good = pd.DataFrame({"id": [7, 12, 13], "class": [1, 1, 2], "sure": [0.5, 1.0, 0.0]})
    WHOLE.check(good, rows, said)
    with pytest.raises(GoodsError, match=message):
        WHOLE.check(good.assign(**change), rows, said)


@pytest.mark.parametrize(
    ("columns", "targets"),
    [
        ({"label": "target", "sku": "id"}, ["shop"]),
        ({"label": "target"}, ["shop"]),
        ({"sku": "id", "label": "colour"}, ["size", "colour"]),  # of which the contest asks one
    ],
)
def test_submissions_are_compared_by_their_ids_wherever_these_are(tmp_path, monkeypatch, columns, targets):
    """Rows were looked up by the first column, whatever stood there; without ids they are in the test cards' order."""
    answers = Predictions(ROWS.product_id.to_numpy(), np.int32([[0], [1], [0]]), np.ones((3, 1), "f4"))
    said = [(target, LABELS, answers) for target in targets]
    contest = SimpleNamespace(submission=TableSubmission(columns))
    monkeypatch.setattr(elsewhere, "competition_of", lambda _: contest)
    monkeypatch.setattr(elsewhere, "load_rows", lambda _: ROWS)
    monkeypatch.setattr(elsewhere, "said_of", lambda *_: said)
    monkeypatch.setattr(elsewhere, "checked_file", lambda _, __, path: pd.read_parquet(path))
    own = contest.submission.table(ROWS, said)
    own.iloc[:: -1 if "sku" in columns else 1].to_parquet(tmp_path / "a.parquet")
    own.assign(label=["01", "02", "02"]).to_parquet(tmp_path / "b.parquet")
    (found,) = elsewhere.compare(None, None, "linear", tmp_path / "a.parquet", tmp_path / "b.parquet")
    assert (found.cards, found.differ) == (3, 1)
