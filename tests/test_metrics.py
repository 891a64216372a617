import hiclass.metrics
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from goods.cards.labels import Labels
from goods.core.errors import GoodsError
from goods.metrics.base import ClassMetric
from goods.metrics.classification import binary_f1, f1, hierarchical_f1
from goods.metrics.evaluation import score

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
