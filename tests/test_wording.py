"""What messages are put together from."""

from __future__ import annotations

import sys

import pytest

from goods.core.stopping import Stop
from goods.core.wording import LONGEST, in_a_line
from goods.stack.stage import describe


def test_what_a_library_says_is_cut_with_a_sign_that_it_is():
    assert in_a_line(ValueError("two\n  lines")) == "two lines"
    told = in_a_line(ValueError("word " * 100))
    assert len(told) == LONGEST and told.endswith("word…")


@pytest.mark.parametrize(
    ("arguments", "again"),
    [(["--offline"], "again to go on"), (["--force"], "again, without --force, to go on")],
)
def test_who_is_stopped_is_told_what_goes_on(monkeypatch, capsys, arguments, again):
    monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
    with pytest.raises(SystemExit):
        Stop().end()
    assert capsys.readouterr().err == f"stopped; run the same command {again}\n"


@pytest.mark.parametrize(
    ("score", "told"),
    [
        (0.9, "weighted_f1 pool 0.8000 ± 0.0100, catboost 0.9000 ± 0.0100; catboost goes on"),
        (
            0.87,
            "weighted_f1 pool 0.8000 ± 0.0100, catboost 0.9000 ± 0.0100; catboost goes on, with the method of each "
            "fold that is best on the others 0.8700",
        ),
    ],
)
def test_a_stack_is_told_with_the_score_that_is_submitted(score, told):
    methods = {"pool": {"score": 0.8, "sd": 0.01}, "catboost": {"score": 0.9, "sd": 0.01}}
    report = {"metric": "weighted_f1", "score": score, "methods": methods, "winner": "catboost"}
    report |= {"folds": [0.85, 0.95], "tuned_on": []}
    assert describe(report) == told
