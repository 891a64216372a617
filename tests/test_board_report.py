"""Folds against a contest's board in report.html."""

import pytest

from goods.report.board import board_of
from goods.report.page import render
from goods.submit.ledger import append_leaderboard, note_board


def ledger(folder, rows):
    """A ledger of (experiment, score, sd, public)."""
    path = folder / "leaderboard.csv"
    for i, (name, score, sd, public) in enumerate(rows):
        row = {
            "competition": "c",
            "experiment": name,
            "metric": "f1",
            "score": score,
            "sd": sd,
            "file_hash": f"{i}a",
        }
        append_leaderboard(path, row)
        if public is not None:
            note_board(path, "c", {"public": public})


def test_without_a_board_s_score_a_report_says_nothing_of_it(tmp_path):
    assert board_of(tmp_path, "c", "f1") is None
    ledger(tmp_path, [("a", 0.8, 0.01, None)])
    assert board_of(tmp_path, "c", "f1") is None
    assert render("base_board", board=None).strip() == ""


@pytest.mark.parametrize(
    ("boards", "rank", "said"),
    [
        ((0.81, 0.82, 0.83), 1.0, ["Both agree within 2 sd, and in the same order."]),
        (
            (0.82, 0.81, 0.805),
            -1.0,
            ["orders submissions otherwise than the folds do (rank correlation -1.00)"],
        ),
        ((0.70, 0.82, 0.83), 1.0, ["2 sd below the out-of-fold score for a (-10.0 sd)"]),
        ((0.81, 0.82, 0.90), 1.0, ["2 sd above the out-of-fold score for c (+8.0 sd)"]),
    ],
)
def test_advice_is_given_where_folds_and_board_part(tmp_path, boards, rank, said):
    ledger(tmp_path, [(n, s, 0.01, b) for n, s, b in zip("abc", (0.80, 0.81, 0.82), boards, strict=True)])
    found = board_of(tmp_path, "c", "f1")
    assert found["rank"] == pytest.approx(rank)
    assert len(found["advice"]) == len(said)
    for text, wanted in zip(found["advice"], said, strict=True):
        assert wanted in text
    page = render("base_board", board=found)
    assert "Folds against the board" in page
    assert page.count("<tr>") == 4


def test_two_submissions_have_no_order_and_the_private_score_counts_where_there_is_one(tmp_path):
    ledger(tmp_path, [("a", 0.80, 0.01, 0.81), ("b", 0.81, 0.0, 0.5)])
    note_board(tmp_path / "leaderboard.csv", "c", {"private": 0.79}, "0a")
    found = board_of(tmp_path, "c", "f1")
    assert found["rank"] is None
    assert [row["board"] for row in found["rows"]] == [0.79, 0.5]
    assert found["rows"][1]["apart"] is None  # one fold tells no spread
    assert found["advice"] == [
        "Both agree within 2 sd; from 3 submissions on their order is compared too.",
        "Of b a single fold tells no sd: whether the board's score is another is not told.",
    ]
    assert '<td class="n">–</tr>' in render("base_board", board=found)
    assert board_of(tmp_path, "c", "accuracy") is None
