import numpy as np
import pytest
from scipy.special import log_softmax

from goods.core.calibration import fit_adjustment, fit_temperature
from goods.core.predictions import BLOCK


def loss(logits, target, temperature, weight=None):
    log_proba = log_softmax(logits / temperature, axis=1)
    return -np.average(log_proba[np.arange(len(target)), target], weights=weight)


@pytest.mark.parametrize("unknown", [0.0, 0.7])
@pytest.mark.parametrize("weighted", [False, True])
def test_no_temperature_is_likelier_whether_classes_are_known_or_not(unknown, weighted):
    rng = np.random.default_rng(0)
    target = rng.integers(0, 9, 3000)
    logits = 3 * (np.eye(9)[target] + rng.normal(0, 1, (3000, 9)))
    hidden = rng.random(logits.shape) < unknown
    hidden[:, 0] = False
    logits[hidden] = -np.inf
    weight = rng.random(3000) if weighted else None
    found = fit_temperature(logits.astype(np.float32), target, weight)
    rows = np.isfinite(logits[np.arange(3000), target])
    own = None if weight is None else weight[rows]
    around = [loss(logits[rows], target[rows], found * by, own) for by in (0.99, 1, 1.01)]
    assert around[1] == min(around)


def test_where_no_card_s_class_is_known_the_temperature_is_one():
    assert fit_temperature(np.array([[0.0, -np.inf]]), np.array([1])) == 1.0


def drawn_with(taken: float, n: int = 2 * BLOCK + 100):
    """Logits that give a class `taken` · log(1 + its cards) too much and are 1.5 times too large, the targets, and
    these logarithms."""
    rng = np.random.default_rng(0)
    log_count = np.log1p(np.array([1, 10, 100, 1000]))
    right = rng.normal(0, 2, (n, 4))
    target = (right + rng.gumbel(size=right.shape)).argmax(1)
    return (1.5 * (right + taken * log_count)).astype(np.float32), target, log_count


def test_what_frequent_classes_were_given_too_much_is_found_beside_the_temperature():
    assert fit_adjustment(*drawn_with(0.4)) == pytest.approx((1.5, 0.4), abs=0.05)


def test_frequent_classes_are_never_given_more():
    assert fit_adjustment(*drawn_with(-0.4))[1] == 0
