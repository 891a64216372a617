import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from goods.cards.labels import Labels
from goods.core.errors import GoodsError
from goods.metrics.classification import hierarchical_f1
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


def test_unknown_metric_is_refused():
    with pytest.raises(GoodsError, match="unknown metric"):
        score("f2", np.array([0]), np.array([0]), LABELS)
