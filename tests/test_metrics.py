import sys
import warnings

import hiclass.metrics
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    log_loss,
    matthews_corrcoef,
    top_k_accuracy_score,
)

from goods.cards.labels import Labels
from goods.core.errors import GoodsError
from goods.core.predictions import Predictions, best_classes
from goods.metrics import evaluation
from goods.metrics.base import ClassMetric
from goods.metrics.classification import binary_f1, f1, hierarchical_f1
from goods.metrics.evaluation import card_metric, score
from goods.stack.decoding import fit_decoding
from goods.stack.settle import finished

# root → A → (a1, a2), root → B (a leaf itself)
LABELS = Labels(
    ids=[1, 2, 3],
    paths=[("A", "a1"), ("A", "a2"), ("B",)],
    nodes=[("10", "1"), ("10", "2"), ("3",)],
)


def test_hierarchical_f1_on_a_hand_worked_tree():
    # card 1: {A,a1} against {A,a1}: 2 common; card 2: {A,a1} against {A,a2}: 1; card 3: {B} against {A,a1}: 0
    true, predicted = np.array([0, 0, 2]), np.array([0, 1, 0])
    precision, recall = 3 / 6, 3 / 5
    assert hierarchical_f1(true, predicted, LABELS) == pytest.approx(
        2 * precision * recall / (precision + recall)
    )


def test_lca_accuracy_pays_for_what_two_classes_share_and_not_for_going_deeper():
    deep = Labels(
        [1, 2, 3, 4], [("A", "b"), ("A", "c"), ("D",), ("A",)], [("A", "b"), ("A", "c"), ("D",), ("A",)]
    )
    true, predicted = np.array([0, 0, 0, 2, 3]), np.array([0, 1, 2, 2, 0])
    # right; a level up; nothing shared; right; the class itself lies above the answer
    expected = (1 + np.exp(-1) + 0 + 1 + 1) / 5
    assert score("lca_accuracy", true, predicted, deep) == pytest.approx(expected)


def test_a_sibling_costs_less_than_a_stranger():
    true = np.array([0])
    assert hierarchical_f1(true, np.array([1]), LABELS) > hierarchical_f1(true, np.array([2]), LABELS) == 0


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=50))
def test_flat_metrics_agree_with_scikit_learn_and_hf1_is_bounded(pairs):
    true, predicted = (np.array(column) for column in zip(*pairs, strict=True))
    for average in ("weighted", "macro"):
        expected = f1_score(true, predicted, average=average, zero_division=0)
        assert score(f"{average}_f1", true, predicted, LABELS) == pytest.approx(expected)
    assert score("accuracy", true, predicted, LABELS) == pytest.approx((true == predicted).mean())
    assert 0 <= hierarchical_f1(true, predicted, LABELS) <= 1
    assert hierarchical_f1(true, true, LABELS) == 1


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(-1, 30)), min_size=1, max_size=80))
def test_f1_is_scikit_learn_s_to_the_last_digit_though_a_card_has_no_candidate(pairs):
    true, predicted = (np.array(column) for column in zip(*pairs, strict=True))
    for average in ("weighted", "macro"):
        assert f1(true, predicted, average) == f1_score(true, predicted, average=average, zero_division=0)
    one, other = true > 10, predicted > 10
    assert binary_f1(one, other) == f1_score(one, other, zero_division=0)


def test_f1_of_no_cards_is_zero():
    none = np.empty(0, np.int64)
    assert f1(none, none, "weighted") == f1(none, none, "macro") == binary_f1(none == 1, none == 1) == 0


def test_unknown_metric_is_refused():
    with pytest.raises(GoodsError, match="unknown metric"):
        score("f2", np.array([0]), np.array([0]), LABELS)


def test_a_metric_whose_decoder_is_unknown_is_refused_when_it_is_made():
    with pytest.raises(GoodsError, match=r"metric top_2: unknown decoder 'top_two': known are argmax, "):
        ClassMetric("top_2", "share of cards", lambda true, predicted, _: 0.0, decoder="top_two")


@st.composite
def judged_trees(draw):
    """(labels of a random tree, true class [n], predicted class [n]); classes lie at any depth, above others too."""
    parents = [draw(st.integers(-1, i - 1)) for i in range(draw(st.integers(1, 12)))]
    paths = []
    for i, parent in enumerate(parents):
        paths.append((*(paths[parent] if parent >= 0 else ()), f"node {i}"))
    classes = sorted(draw(st.sets(st.sampled_from(range(len(paths))), min_size=1)))
    labels = Labels(classes, [paths[c] for c in classes], [paths[c] for c in classes])
    one = st.integers(0, len(classes) - 1)
    true, predicted = zip(*draw(st.lists(st.tuples(one, one), min_size=1, max_size=20)), strict=True)
    return labels, np.array(true), np.array(predicted)


@given(judged_trees())
def test_hierarchical_f1_agrees_with_hiclass_on_random_trees(judged):
    labels, true, predicted = judged
    # hiclass wants a path per card, the root left out, shorter ones padded with "", which it discards. It compares a
    # node by what stands in the path: given names alone, namesakes in different branches would be one node; ours
    # compares ids. Its harmonic mean of hP and hR is our 2·common / total, but undefined (here 0) without overlap.
    depth = max(len(path) for path in labels.nodes)
    padded = np.array([[*path, *[""] * (depth - len(path))] for path in labels.nodes])
    expected = hiclass.metrics.f1(padded[true], padded[predicted], average="micro", zero_division=0.0)
    assert hierarchical_f1(true, predicted, labels) == pytest.approx(float(expected))


def test_metrics_of_no_cards_are_zero():
    none, nothing = np.empty(0, np.int64), Predictions(*np.empty((3, 0, 1)))
    for name in ("mcc", "balanced_accuracy", "hierarchical_accuracy"):
        assert score(name, none, none, LABELS) == 0
    for name in ("neg_log_loss", "top3_accuracy"):
        assert card_metric(name).judge(none, nothing, LABELS) == 0


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=50))
def test_metrics_of_classes_are_scikit_learn_s(pairs):
    true, predicted = (np.array(column) for column in zip(*pairs, strict=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # predicted classes that are not true
        expected = {
            "mcc": matthews_corrcoef(true, predicted),
            "balanced_accuracy": balanced_accuracy_score(true, predicted),
            "micro_f1": f1_score(true, predicted, average="micro"),
        }
    assert {name: score(name, true, predicted, LABELS) for name in expected} == pytest.approx(expected)


def test_hierarchical_accuracy_of_classes_of_one_depth_is_the_mean_accuracy_of_the_levels():
    rng = np.random.default_rng(0)
    paths = [(f"a{c // 4}", f"b{c // 2}", f"c{c}") for c in range(8)]
    labels = Labels(list(range(8)), paths, paths)
    true, predicted = rng.integers(0, 8, 60), rng.integers(0, 8, 60)
    levels = [accuracy_score(true // size, predicted // size) for size in (4, 2, 1)]
    assert score("hierarchical_accuracy", true, predicted, labels) == pytest.approx(np.mean(levels))


def test_hierarchical_accuracy_on_a_hand_worked_tree():
    # {A,a1} against {A,a1}: 1; against {A,a2}: 1/2; {B} against {A,a1}: 0
    true, predicted = np.array([0, 0, 2]), np.array([0, 1, 0])
    assert score("hierarchical_accuracy", true, predicted, LABELS) == pytest.approx(0.5)


@st.composite
def judged_cards(draw):
    """(true class [n], probabilities float32 [n, C], of no card two alike)"""
    n, n_classes = draw(st.integers(1, 20)), draw(st.integers(4, 8))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    proba = rng.dirichlet(np.full(n_classes, draw(st.sampled_from([0.1, 1.0]))), n).astype(np.float32)
    proba = (proba + np.arange(1, n_classes + 1, dtype=np.float32) * 1e-3).astype(np.float32)
    return rng.integers(0, n_classes, n), proba / proba.sum(1, keepdims=True)


@given(judged_cards())
def test_metrics_of_probabilities_are_scikit_learn_s(judged):
    true, dense = judged
    n, n_classes = dense.shape
    labels = flat_labels(n_classes)
    said = Predictions(np.arange(n), *best_classes(dense, n_classes))
    classes = np.arange(n_classes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sums are 1 to a float32's last digit
        expected = {
            "neg_log_loss": -log_loss(true, dense, labels=classes),
            "top3_accuracy": top_k_accuracy_score(true, dense, k=3, labels=classes),
        }
    found = {name: card_metric(name).judge(true, said, labels) for name in expected}
    assert found == pytest.approx(expected, rel=1e-4)


def test_what_a_prediction_leaves_of_one_is_shared_by_the_classes_it_does_not_name():
    # 0.8 on two of six classes: 0.05 on each other; a named class of 0 is one of those
    said = Predictions(np.arange(3), np.array([[0, 1, 2]] * 3, np.int32), np.float32([[0.6, 0.2, 0.0]] * 3))
    for true, p in ((0, 0.6), (5, 0.05), (2, 0.05)):
        found = card_metric("neg_log_loss").judge(np.full(3, true), said, flat_labels(6))
        assert found == pytest.approx(np.log(p), rel=1e-5)


def test_top_accuracy_does_not_depend_on_which_class_is_submitted_and_needs_more_classes():
    said = Predictions(np.arange(1), np.int32([[3, 0, 1, 2]]), np.float32([[0.1, 0.4, 0.3, 0.2]]))
    top3 = card_metric("top3_accuracy")
    assert [top3.judge(np.array([c]), said, flat_labels(4)) for c in range(4)] == [1, 1, 1, 0]
    assert top3.defined(flat_labels(4)) and not top3.defined(flat_labels(3))


def test_a_metric_of_probabilities_leaves_to_other_classes_as_often_as_they_are_right():
    rng = np.random.default_rng(0)
    classes = np.tile(np.arange(2, dtype=np.int32), (500, 1))
    target = np.where(
        rng.random(500) < 0.2, rng.integers(2, 10, 500), 0
    )  # 0.2 of them of no class that is named
    said = Predictions(np.arange(500), classes, np.tile(np.float32([0.9, 0.1]), (500, 1)))
    decoding = fit_decoding("argmax", said, target, flat_labels(10), "neg_log_loss")
    assert decoding["left"] == pytest.approx((target > 1).mean(), abs=0.01)
    judge, done = card_metric("neg_log_loss").judge, finished(said, flat_labels(10), 1.0, decoding)
    assert judge(target, done, flat_labels(10)) > judge(target, said, flat_labels(10)) + 1
    assert fit_decoding("class_bias", said, target, flat_labels(10), "neg_log_loss")["strength"] == 0


def flat_labels(n: int) -> Labels:
    return Labels(list(range(n)), [(f"c{c}",) for c in range(n)], [(f"c{c}",) for c in range(n)])


@pytest.mark.parametrize("said", [None, "0.5", np.array([0.5]), complex(0.5)])
def test_a_metric_that_gives_no_number_is_named(monkeypatch, said):
    monkeypatch.setitem(evaluation.METRICS, "mine", ClassMetric("mine", "own", lambda *_: said))
    rows, one = pd.DataFrame({"target": [0]}), np.zeros((1, 1), np.int32)
    told = r"^metric mine gave .*, expected a number; mend its score$"
    with pytest.raises(GoodsError, match=told):
        evaluation.evaluate("mine", rows, Predictions(np.array([1]), one, one.astype(np.float32)), LABELS)
    with pytest.raises(GoodsError, match=told):
        evaluation.evaluate_all("mine", rows, Predictions(np.array([1]), one, one.astype(np.float32)), LABELS)


def test_what_a_metric_raises_names_it(monkeypatch):
    monkeypatch.setitem(evaluation.METRICS, "mine", ClassMetric("mine", "own", lambda *_: sys.exit(9)))
    with pytest.raises(RuntimeError, match=r"sys\.exit\(9\) was called") as caught:
        evaluation.score("mine", np.array([0]), np.array([0]), LABELS)
    assert caught.value.__notes__ == ["in metric mine"]


@pytest.mark.parametrize("said", [1, 0.5, np.float32(0.5), np.int64(0), float("nan")])
def test_a_metric_may_give_any_kind_of_number(monkeypatch, said):
    monkeypatch.setitem(evaluation.METRICS, "mine", ClassMetric("mine", "own", lambda *_: said))
    assert evaluation.score("mine", np.array([0]), np.array([0]), LABELS) == pytest.approx(
        float(said), nan_ok=True
    )
