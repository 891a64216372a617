"""Estimates of what experiments take."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import ozon_config
from measured_sizes import FASHION, FIFTH_OF_WIDE, FLAT, NARROW, PEREKRESTOK, SMALL_WIDE, WIDE, experiment

from goods.budget import costs
from goods.budget.costs import Clock, Cost, cost_of
from goods.budget.size import Size, siblings
from goods.cards.labels import Labels
from goods.config.base import FamilyConfig
from goods.core.execution import Resources
from goods.train.fold import drawn


def test_an_estimate_is_the_sum_of_its_terms(monkeypatch):
    monkeypatch.setattr(costs, "at_once", lambda n, given: 2)
    monkeypatch.setattr(costs, "cores", lambda: 2)
    cost = Cost(start=1, row=0.1, word=0.01, sibling=0.001, label=0.0001, said=0.02, once=0.5)
    monkeypatch.setitem(costs.MEASURED, "linear", cost)
    linear, size = experiment("linear"), Size(100, 50, 5, 10, words=3, siblings=25)
    fold = 1 + 80 * (0.1 + 0.03 + 0.005 + 0.001) + 70 * 0.02
    assert cost.fold(linear.model, size) == pytest.approx(fold)
    trained = 3 * fold + 150 * 0.5 / 2  # five folds, two at a time
    assert Clock(2.0).training(linear, size, Resources("cpu", 1)) == pytest.approx(2 * trained)
    # 4 trials of 0.3 and 1.0, two at a time, then 6 of which half are pruned at 0.3
    assert Clock().study(linear, size) == pytest.approx((2 * 1.3 + 6 * 0.8) * fold)
    assert replace(cost, most=40).fold(linear.model, size) < fold


MEASURED = [
    (PEREKRESTOK, {"linear": 30, "fasttext": 45, "navec": 165}),
    (FASHION, {"linear": 5, "fasttext": 13, "navec": 76, "image-frozen": 116}),
    (NARROW, {"navec": 893, "image-frozen": 5 * 218}),
    (WIDE, {"linear": 5 * 36}),
    (replace(WIDE, photos=0.32), {"image-frozen": 5 * 80}),
    (FLAT, {"linear": 5 * 62, "fasttext": 5 * 16.1}),
    (SMALL_WIDE, {"fasttext": 5 * 4.1}),
]


WDC, OFFERS = Size(24_733, 4_130, 5, 2), Size(900, 180, 5, 2)
PAIRS = [
    (WDC, {"stack": 204, "boosted": 26, "words": 1.9}),
    (OFFERS, {"stack": 35, "boosted": 5}),
]


@pytest.mark.parametrize(("size", "measured"), PAIRS)
def test_estimates_of_pairs_are_within_a_factor_of_two_of_what_was_measured(size, measured):
    for name, seconds in measured.items():
        model = ozon_config(name).model
        assert seconds / 2 < 5 * cost_of(model).fold(model, size) < 2 * seconds, name


@pytest.mark.parametrize(("size", "measured"), MEASURED)
def test_estimates_are_within_a_factor_of_two_of_what_was_measured(size, measured):
    models = {name: experiment(name).model for name in measured}
    guessed = {name: 5 * cost_of(model).fold(model, size) for name, model in models.items()}
    assert sum(measured.values()) / 2 < sum(guessed.values()) < sum(measured.values()) * 2
    for name, seconds in measured.items():
        assert seconds / 2.5 < guessed[name] < seconds * 2.5, name


# seconds of the stack by two cores beside what its members took in the same run, so at the pace of their estimates
STACKS = [
    (FIFTH_OF_WIDE, ("linear",), 124),
    (FIFTH_OF_WIDE, ("linear", "fasttext", "navec", "knn"), 360),
    (replace(WIDE, photos=0.32), ("linear", "fasttext", "navec", "knn", "image-frozen"), 734),
    (PEREKRESTOK, ("linear", "fasttext", "navec", "knn"), 60),
    (FASHION, ("linear", "fasttext", "navec", "knn", "image-frozen"), 34),
]


@pytest.mark.parametrize(("size", "members", "measured"), STACKS)
def test_a_stack_is_estimated_by_what_it_joins_within_a_quarter(monkeypatch, size, members, measured):
    monkeypatch.setattr(costs, "at_once", lambda n, given: 2)
    monkeypatch.setattr(costs, "cores", lambda: 2)
    stack = experiment("stack")
    model = stack.model.model_copy(update={"experiments": members})
    guessed = Clock().training(stack.model_copy(update={"model": model}), size, Resources("cpu", 1))
    assert 0.75 * measured < guessed < 1.25 * measured


def test_a_pilot_costs_what_its_many_classes_take_to_be_told():
    model = experiment("linear").model
    assert 7 < cost_of(model).fold(model, FIFTH_OF_WIDE, 0.05) < 15


def test_a_class_costs_less_where_fasttext_rounds_its_pushes():
    model = experiment("fasttext").model
    exact = model.model_copy(update={"exact_classes": SMALL_WIDE.classes})
    softmax = model.model_copy(update={"loss": "softmax"})
    rounded = cost_of(model).fold(model, SMALL_WIDE)
    assert cost_of(exact).fold(exact, SMALL_WIDE) == cost_of(softmax).fold(softmax, SMALL_WIDE) > 2 * rounded
    assert cost_of(model).fold(model, FASHION) == cost_of(exact).fold(exact, FASHION)


def test_photos_cost_where_there_are_some():
    frozen, size = experiment("image-frozen"), Size(1000, 200, 5, 10)
    without = cost_of(frozen.model).fold(frozen.model, size)
    assert cost_of(frozen.model).fold(frozen.model, replace(size, photos=1.0)) > without + 1


def test_siblings_are_counted_on_the_path_to_a_class():
    labels = Labels([1, 2, 3], [("a", "b"), ("a", "c"), ("d",)], [("a", "b"), ("a", "c"), ("d",)])
    assert siblings(labels, np.array([0, 0, 1, 2])) == (4 + 4 + 4 + 2) / 4


def test_a_share_is_drawn_from_every_class():
    target = pd.Series([0] * 100 + [1] * 10 + [2], index=range(5, 116))
    config = experiment("linear").model_copy(update={"share": 0.2})
    chosen = drawn(target, config)
    assert target[chosen].value_counts().to_dict() == {0: 20, 1: 2, 2: 1}
    assert (chosen == drawn(target, config)).all()
    assert drawn(target, experiment("linear")).all()


def test_an_own_family_is_no_network_unless_it_trains_like_one():
    class Shares(FamilyConfig):
        family: str = "shares"

    class Network(Shares):
        on_gpu = True

    assert cost_of(Network()) == costs.FINE_TUNED
    seconds = [
        5 * cost_of(model).fold(model, PEREKRESTOK) for model in (Shares(), experiment("linear").model)
    ]
    assert seconds[1] / 4 < seconds[0] < 4 * seconds[1]
    assert cost_of(Shares()).gigabytes(PEREKRESTOK) < 1.5
