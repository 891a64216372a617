"""Predictions: the best classes of each card, joined by id."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_matrix

from goods.core.errors import GoodsError
from goods.core.predictions import Predictions, best_classes, joined, mean_of
from goods.train.fold import top_k


def test_best_classes_are_ordered_and_ties_go_to_the_lower_class():
    classes, values = best_classes(np.array([[0.1, 0.4, 0.4, 0.1]], np.float32), 3)
    assert classes.tolist() == [[1, 2, 0]]
    assert values.tolist() == [[np.float32(0.4), np.float32(0.4), np.float32(0.1)]]


def test_of_equal_classes_at_the_end_of_the_list_the_lower_are_kept():
    """As the classes of which a card's neighbours say nothing are, often more than there is room for."""
    dense = np.full((3, 100), 0.001, np.float32)
    dense[:2, [50, 70]] = 0.5, 0.2
    dense[1] = np.linspace(0, 1, 100)
    classes, values = best_classes(dense, 8)
    assert classes.tolist() == np.argsort(-dense, axis=1, kind="stable")[:, :8].tolist()
    assert (values == np.take_along_axis(dense, classes, 1)).all()


def test_the_mean_of_predictions_joins_by_id_and_sums_classes():
    ids = np.array([7, 8])
    one = Predictions(
        ids, np.array([[0, 1], [2, 3]], np.int32), np.array([[0.8, 0.2], [0.6, 0.4]], np.float32)
    )
    two = Predictions(
        ids[::-1], np.array([[3, 2], [1, 0]], np.int32), np.array([[0.9, 0.1], [0.7, 0.3]], np.float32)
    )
    mean = mean_of([one, two])
    assert mean.product_id.tolist() == [7, 8]
    assert mean.classes.tolist() == [[0, 1], [3, 2]]
    assert np.allclose(mean.proba, [[0.55, 0.45], [0.65, 0.35]])


def test_classes_that_rows_are_filled_up_with_keep_what_they_were_given():
    narrow = Predictions(np.array([1]), np.int32([[0]]), np.float32([[0.9]]))
    wide = Predictions(np.array([2]), np.int32([[2, 0, 1]]), np.float32([[0.5, 0.3, 0.2]]))
    dense = joined([narrow, wide]).dense(3)
    assert dense == pytest.approx(np.float32([[0.9, 0.05, 0.05], [0.3, 0.2, 0.5]]))


def test_predictions_refuse_missing_and_double_ids():
    p = Predictions(np.array([1, 1]), np.zeros((2, 1), np.int32), np.ones((2, 1), np.float32))
    with pytest.raises(GoodsError, match="twice"):
        p.aligned(np.array([1]))
    p = Predictions(np.array([1, 2]), np.zeros((2, 1), np.int32), np.ones((2, 1), np.float32))
    with pytest.raises(GoodsError, match="lack product_id"):
        p.aligned(np.array([3]))


class Says:
    """A model that says what it is told to."""

    def __init__(self, said):
        self.said = said

    def predict(self, cards):
        return self.said


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (None, "Says.predict gave an array of shape"),
        (np.ones((2, 3)), r"shape \(2, 3\), expected \(2, 4\)"),
        (np.ones((1, 4)), r"shape \(1, 4\), expected \(2, 4\)"),
        (np.ones((2, 4)), "sum to 1"),
        (np.full((2, 4), np.nan), "no probabilities"),
        (np.array([[1.5, -0.5, 0, 0]] * 2), "no probabilities"),
        (
            csr_matrix(np.eye(4)[:2]),
            "Says.predict gave a csr_matrix, expected an array of numbers; mend the model",
        ),
        ([[1.0], [0.5, 0.5]], "gave a list, expected an array of numbers"),
        (torch.eye(4, requires_grad=True)[:2], "gave a Tensor, expected an array of numbers"),
    ],
)
def test_what_a_model_says_is_a_distribution_or_refused(said, message):
    with pytest.raises(GoodsError, match=message):
        top_k(Says(said), pd.DataFrame({"product_id": [1, 2]}), n_classes=4)
