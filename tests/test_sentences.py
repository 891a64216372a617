"""Sentences of a report say what its numbers show: on few cards, without errors, with a single fold."""

from __future__ import annotations

import re

import pytest
from conftest import ROOT, as_written

from goods.cards.table import load_cards
from goods.config.loading import load_experiment
from goods.core.artifacts import write_parquet
from goods.core.wording import count
from goods.report.drift import Drift
from goods.report.page import render
from goods.report.reasons import Explained, Reason, as_text
from goods.report.sentences import (
    agreement_told,
    calibration_told,
    cleanup_told,
    drift_told,
    sd_told,
    spread_told,
    suspects_told,
)
from goods.report.stage import write_report
from goods.train.stage import train


def of(before: float, after: float) -> dict:
    return {"before": {"ece": before}, "after": {"ece": after}}


def test_calibration_is_told_as_the_errors_have_it():
    both = {"stack": of(0.05, 0.02), "linear": of(0.01, 0.06)}
    assert calibration_told(both) == "It fell for stack and rose for linear (by 0.0500 at most)."
    assert calibration_told({"stack": of(0.05, 0.02)}) == "It fell for stack."
    assert calibration_told({"stack": of(0.05, 0.05)}) == "It changed no model's error."


@pytest.mark.parametrize(
    ("auc", "cards", "said"),
    [
        (0.62, 20, "no more than chance would tell 20 cards of each apart"),  # the error is 0.09
        (0.55, 5_000, "hardly different"),
        (0.62, 5_000, "somewhat different"),
        (0.90, 30, "another mix"),
        (0.30, 20, "hardly"),
    ],
)
def test_drift_of_few_cards_is_held_against_chance(auc, cards, said):
    assert said in drift_told(Drift(auc, [], [], cards))


def test_agreement_is_told_as_it_is_and_not_at_all_where_all_agree():
    rows = [
        {"agree": 2, "cards": 10, "accuracy": 0.5},
        {"agree": 1, "cards": 1, "accuracy": 1.0},
    ]
    assert agreement_told(rows, 2) == (
        "Where all experiments say what is submitted, 50.0 % of the cards are right; where some do not (1 card), "
        "100.0 %."
    )
    assert agreement_told(rows[:1], 2) == ""


def test_suspected_labels_are_counted_and_small_classes_named_only_where_there_are_any():
    assert suspects_told(1, [9, 9], 5).startswith("1 train card looks mislabelled (")
    assert "fewer than" not in suspects_told(1, [9, 9], 5)
    assert "classes of fewer than 5 cards are left out" in suspects_told(0, [9, 2], 5)
    assert suspects_told(0, [2, 3], 5).startswith("No class has 5 train cards")


def test_a_clean_up_that_changes_nothing_does_not_give_way():
    cleanup = {
        "two_catalogues": False,
        "strength": 0.0,
        "strength_by_fold": [0.0, 0.5],
        "scores": {"0.0": 0.9, "0.5": 0.8},
        "test_pairs_changed": 1,
    }
    told = cleanup_told(cleanup, "best_f1")
    assert "does not give way" in told and told.endswith("1 test pair changed.")
    assert "gives way by 0.5 / 1.0" in cleanup_told(cleanup | {"strength": [0.5, 1.0]}, "best_f1")


def test_a_single_fold_has_no_spread():
    assert sd_told({"sd": 0.0, "folds": [0.5, 0.6], "tuned_on": [0]}) == "–"
    assert "no spread" in spread_told(1) and sd_told({"sd": 0.1, "folds": [1, 2], "tuned_on": []}) == "0.1000"


def test_a_perfect_score_has_no_errors_to_show(ws, competition, tmp_path):
    cards = load_cards(ws)
    cards["title"] = "класс" + cards.target.clip(0).astype(str)
    write_parquet(ws.cards, cards)
    as_written(ws.prepared)
    config = load_experiment(ROOT / "configs" / "kazanexpress2023" / "linear.yaml")
    train(ws, competition, config)
    html = write_report(ws, competition, config, tmp_path).read_text(encoding="utf-8")
    assert "None: every card judged is right." in html and "all 0</option>" not in html
    assert "No train card looks mislabelled" in html and " 0 train cards" not in html
    assert not re.search(r"\b1 (cards|classes|errors|folds)\b", html)
    smallest = load_cards(ws).target[lambda t: t >= 0].value_counts().min()
    assert ("alone in its class" in html) == (smallest == 1)


def test_a_reason_that_is_not_known_is_no_number():
    told = as_text(
        7, "title", [Explained("a", 0.5, 0.0, [Reason("x", float("nan"), 0.1), Reason("y", 2.0, 0.1)])]
    )
    assert "x = unknown" in told and "y = 2" in told and "nan" not in told


def test_numbers_and_words_agree():
    assert (count(1, "card"), count(0, "card"), count(1234, "card")) == ("1 card", "0 cards", "1,234 cards")
    assert count(2, "class", "classes") == "2 classes"
    assert "1 submission:" in render(
        "base_board",
        board={"rows": [], "picture": "", "rank": 1.0, "advice": []} | {"rows": [ROW]},
    )


ROW = {
    "file_hash": "a",
    "experiment": "e",
    "score": 0.5,
    "sd": 0.0,
    "board": 0.5,
    "which": "public",
    "apart": None,
}
