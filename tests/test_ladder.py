"""What is left out where time is short, in which order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from goods.budget.plan import Ladder, Plan
from goods.train.best import TUNED

# seconds of each: a trial of the study 1, knn builds on navec
SECONDS = {"linear": 10.0, "fasttext": 30.0, "navec": 40.0, "knn": 2.0, "image": 100.0}
GAINS = {"linear": 6.0, "fasttext": 3.0, "navec": 8.0, "knn": 2.0, "image": 1.0}
PRESET = ("linear-tuned", "fasttext", "navec", "knn", "image")
STACK = 20.0


def fake_ladder() -> Ladder:
    def builds_on(name: str) -> list[str]:
        return ["navec", "knn"] if name == "knn" else [name]

    def seconds(plan: Plan) -> float:
        needed = dict.fromkeys(n for e in plan.experiments for n in builds_on(e))
        trained = sum(SECONDS[n.removesuffix(TUNED)] for n in needed) * plan.share
        return trained + sum(plan.trials.values()) + STACK * plan.joined

    return Ladder(seconds, builds_on, lambda n: GAINS[n.removesuffix(TUNED)], "linear", {"linear": 4})


FULL = Plan(PRESET, {"linear": 10})


@pytest.mark.parametrize(
    ("limit", "plan"),
    [
        (212, FULL),
        (207, replace(FULL, trials={"linear": 5})),
        (206, replace(FULL, trials={"linear": 4})),
        (202, Plan(("linear", *PRESET[1:]))),
        (201, Plan(("linear", "fasttext", "navec", "knn"))),  # 100 s a point
        (101, Plan(("linear", "navec", "knn"))),  # 10 s a point, navec with knn 4.2
        (71, Plan(("linear",))),
        (29, Plan(("linear",), joined=False)),
        (9, Plan(("linear",), joined=False, share=0.5)),
        (0.3, Plan(("linear",), joined=False, share=0.02)),
        (0.1, Plan((), joined=False)),
        (-5, Plan((), joined=False)),
    ],
)
def test_what_does_not_fit_is_left_out_in_the_stated_order(limit, plan):
    found, lines = fake_ladder().within(FULL, limit)
    assert found == plan
    assert bool(lines) == (plan != FULL)


def test_each_thing_that_is_left_out_is_a_line():
    _, lines = fake_ladder().within(FULL, 5)
    assert lines == [
        "no study of linear: its settings as they are",
        "image left out",
        "fasttext left out",
        "navec, knn left out",
        "nothing is joined: linear alone",
        "linear is fitted on 50% of the rows",
    ]


def test_what_is_done_already_is_not_left_out():
    ladder = fake_ladder()
    done = replace(ladder, seconds=lambda plan: ladder.seconds(plan) - 100 * ("image" in plan.experiments))
    found, _ = done.within(FULL, 99)
    assert "image" in found.experiments
    assert "fasttext" not in found.experiments
