import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from goods.metrics.reliability import (
    coverage,
    expected_calibration_error,
    reliability,
    threshold_at_precision,
)


def test_calibration_error_by_hand():
    # bin of 0.9: three cards, two right: |0.667 − 0.9|; bin of 0.55: two cards, one right: |0.5 − 0.55|
    confidence, correct = np.array([0.9, 0.9, 0.9, 0.55, 0.55]), np.array([1, 1, 0, 1, 0])
    expected = (3 * abs(2 / 3 - 0.9) + 2 * 0.05) / 5
    assert expected_calibration_error(confidence, correct, 10) == pytest.approx(expected)
    assert expected_calibration_error(np.empty(0), np.empty(0)) == 0


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_the_diagram_agrees_with_scikit_learn(pairs):
    confidence, correct = (np.array(column, float) for column in zip(*pairs, strict=True))
    found = reliability(confidence, correct, 10)
    if np.isclose(confidence * 10 % 1, 0).any():
        return  # on an edge scikit-learn puts a card into the bin below
    accuracy, mean = calibration_curve(correct, confidence, n_bins=10)
    assert np.allclose(found[:, 0], mean)
    assert np.allclose(found[:, 1], accuracy)
    assert found[:, 2].sum() == len(pairs)


def test_threshold_at_precision_by_hand():
    confidence = np.array([0.9, 0.8, 0.7, 0.6])
    assert threshold_at_precision(confidence, np.array([1, 1, 0, 1]), 0.75) == 0.6
    assert threshold_at_precision(confidence, np.array([1, 1, 0, 1]), 0.8) == 0.8
    assert threshold_at_precision(confidence, np.array([0, 1, 1, 1]), 0.8) == np.inf
    # equal confidences stay together: three right of four at 0.5 are below 0.8
    assert threshold_at_precision(np.array([0.9, 0.5, 0.5, 0.5]), np.array([1, 1, 1, 0]), 0.8) == 0.9


def test_coverage_takes_a_fold_s_threshold_from_the_others():
    confidence, fold = np.array([0.9, 0.8, 0.9, 0.8]), np.array([0, 0, 1, 1])
    found = coverage(confidence, np.array([1, 0, 1, 1]), fold, 0.95)
    # fold 0 is taken from 0.8 (the others are all right), fold 1 from 0.9
    assert found["coverage"] == 0.75
    assert found["precision"] == pytest.approx(2 / 3)
    assert found["threshold"] == 0.9
    assert coverage(confidence, np.zeros(4), fold, 0.95) == {
        "wanted_precision": 0.95,
        "coverage": 0.0,
        "precision": 0.0,
        "threshold": None,
    }
