import json

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from sklearn.linear_model import LogisticRegression

from goods.core.predictions import Predictions
from goods.report.pool_shares import shares_of
from goods.stack import likelihood as fused
from goods.stack.candidates import make_candidates, softmax_by_card
from goods.stack.pooling import (
    Pool,
    fit_best_single,
    fit_greedy,
    fit_linear_pool,
    fit_log_pool,
    scored,
    spreads_of,
)

N, C = 400, 5


def accuracy(true, predicted):
    return float((true == predicted).mean())


def as_predictions(logits):
    proba = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    order = np.argsort(-proba, 1)
    return Predictions(
        np.arange(len(proba)), order.astype(np.int32), np.take_along_axis(proba, order, 1).astype("f4")
    )


def two_models(noises=(0.5, 3.0), seed=0, n=N):
    rng = np.random.default_rng(seed)
    target = rng.integers(0, C, n)
    models = [as_predictions(np.eye(C)[target] * 2 + rng.normal(0, noise, (n, C))) for noise in noises]
    return make_candidates(models, C, 0), target


def loss(table, target, pool):
    return -np.log(pool(table)[table.cls == target[table.card]]).mean()


def test_the_blend_gives_the_better_model_more_weight_and_beats_equal_weights():
    table, target = two_models()
    blend = fit_log_pool(table, target, C)
    assert blend.weights[0] > blend.weights[1]
    assert loss(table, target, blend) < loss(table, target, Pool(True, np.array([0.5, 0.5])))
    for step in ([0.5, 0], [-0.5, 0], [0, 0.2], [0, -0.2]):
        moved = Pool(True, blend.weights + np.array(step))
        assert (
            loss(table, target, blend) <= loss(table, target, moved) + 5e-3
        )  # the penalty moves it a little


def test_temperature_scaling_finds_the_power_a_model_was_sharpened_by():
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 1, (20_000, C))
    proba = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    target = (rng.random((20_000, 1)) > proba.cumsum(1)).sum(1)
    table = make_candidates([as_predictions(1.5 * logits)], C, 0)  # over-confident
    assert fit_log_pool(table, target, C).weights[0] == pytest.approx(1 / 1.5, rel=0.05)


def test_biases_recover_classes_a_model_holds_too_rare():
    rng = np.random.default_rng(2)
    logits, bias = rng.normal(0, 1.5, (20_000, C)), np.array([1.0, 0, 0, 0, -1.0])
    proba = np.exp(logits + bias) / np.exp(logits + bias).sum(1, keepdims=True)
    target = (rng.random((20_000, 1)) > proba.cumsum(1)).sum(1)
    table = make_candidates([as_predictions(logits)], C, 0)
    found = fit_log_pool(table, target, C, biases=True)
    assert np.allclose(found.class_bias - found.class_bias[1], bias, atol=0.15)


def test_the_logistic_pool_is_near_a_multinomial_logistic_regression_on_log_probabilities():
    table, target = two_models((1.0, 1.5), seed=3, n=5000)
    pool = fit_log_pool(table, target, C, biases=True, per_class=True)
    dense = np.zeros((5000, C * 2))
    for j in range(2):
        dense[table.card, table.cls * 2 + j] = table.log_proba[:, j]
    full = LogisticRegression(max_iter=2000).fit(dense, target)
    agreement = pool(table).reshape(5000, C).argmax(1) == full.predict(dense)
    assert agreement.mean() > 0.97


def test_the_likelihood_is_that_of_its_softmax_and_its_gradient_that_of_small_differences():
    table, target = two_models((1.0, 1.5), n=30)
    is_target, log_proba = table.cls == target[table.card], table.log_proba.astype(float)
    starts = np.append(table.segments[0], len(table.card))
    x = np.random.default_rng(0).normal(0, 1, 2 + C + 2 * C)

    def parts(x):
        return x[:2], x[2 : 2 + C], x[2 + C :].reshape(C, 2)

    def value(x):
        weights, bias, own = parts(x)
        score = log_proba @ weights + bias[table.cls] + (log_proba * own[table.cls]).sum(1)
        return np.log(softmax_by_card(table, score)[is_target]).sum()

    gradient = np.zeros(len(x))
    found = fused.likelihood(starts, table.cls, is_target, log_proba, *parts(x), *parts(gradient))
    assert found == pytest.approx(value(x))
    assert np.allclose(gradient, approx_fprime(x, value), rtol=1e-4, atol=1e-4)


def test_a_pool_with_terms_of_many_uneven_classes_takes_few_steps(monkeypatch):
    """Unscaled it takes more than twice as many here, six times as many of 70,000 cards: a weight moves all of them, a
    class's term few."""
    rng, n, many, asked = np.random.default_rng(6), 3000, 200, []
    target = np.minimum(rng.geometric(3 / many, n) - 1, many - 1)
    sure, bias = np.eye(many)[target] * 4, rng.normal(0, 1, many)
    logits = [
        power * (sure + bias + rng.normal(0, sd, (n, many))) for sd, power in ((1, 0.2), (1.5, 0.5), (2, 4))
    ]
    table, plain = make_candidates([as_predictions(of) for of in logits], many, 0.01), fused.likelihood
    monkeypatch.setattr(fused, "likelihood", lambda *given: asked.append(1) or plain(*given))
    fit_log_pool(table, target, many, biases=True, per_class=True)
    assert 5 < len(asked) < 75


def test_linear_weights_are_the_likeliest_on_the_simplex():
    table, target = two_models((1.0, 2.0))
    found = fit_linear_pool(table, target)
    assert found.weights.sum() == pytest.approx(1)
    proba = np.exp(table.log_proba[table.cls == target[table.card]])
    grid = [np.log(proba @ [w, 1 - w]).mean() for w in np.linspace(0, 1, 101)]
    assert np.log(proba @ found.weights).mean() >= max(grid) - 1e-5


def test_best_single_and_greedy_selection():
    table, target = two_models((0.5, 3.0))
    assert fit_best_single(table, target, accuracy).weights.tolist() == [1, 0]
    table, target = two_models((1.5, 1.5), seed=5)
    greedy = fit_greedy(table, target, accuracy)
    assert greedy.weights.sum() == pytest.approx(1)
    best = scored(table, target, fit_best_single(table, target, accuracy).weights, accuracy)
    assert scored(table, target, greedy.weights, accuracy) > best


def test_pools_survive_json_and_sum_to_one():
    table, target = two_models()
    for pool in (
        fit_log_pool(table, target, C),
        fit_log_pool(table, target, C, biases=True, per_class=True),
        fit_linear_pool(table, target),
    ):
        again = Pool.from_json(json.loads(json.dumps(pool.to_json())))
        assert np.allclose(again(table), pool(table))
        assert np.allclose(np.bincount(table.card, weights=pool(table)), 1)


def test_cards_whose_class_is_no_candidate_are_left_out():
    table, target = two_models()
    known = table.take(~((table.card < 50) & (table.cls == target[table.card])))
    rest = table.take(table.card >= 50)
    assert np.allclose(fit_log_pool(known, target, C).weights, fit_log_pool(rest, target, C).weights)
    nothing = table.take(table.cls != target[table.card])
    assert fit_log_pool(nothing, target, C).weights.tolist() == [0.5, 0.5]
    assert fit_linear_pool(nothing, target).weights.tolist() == [0.5, 0.5]


def test_a_flattened_model_weighs_more_but_moves_the_pool_no_further():
    """Its share would else tell how its probabilities are written, not what they do."""
    rng = np.random.default_rng(4)
    target = rng.integers(0, C, N)
    sharp, other = (np.eye(C)[target] * 2 + rng.normal(0, 1, (N, C)) for _ in range(2))
    told = []
    for power in (1, 0.5):
        table = make_candidates([as_predictions(power * sharp), as_predictions(other)], C, 0)
        weights = fit_log_pool(table, target, C).weights
        told.append((weights[0] / weights.sum(), shares_of(weights * spreads_of(table))[0]))
    (weight, share), (flat_weight, flat_share) = told
    assert flat_weight > weight + 0.1 and flat_share == pytest.approx(share, abs=0.03)


def test_a_model_without_an_answer_for_a_card_has_no_spread_there():
    rng = np.random.default_rng(5)
    both = [as_predictions(rng.normal(0, 1, (N, C))) for _ in range(2)]
    whole = spreads_of(make_candidates(both, C, 0))
    half = both[1].proba.copy()
    half[::2] = 1 / C
    silent = Predictions(both[1].product_id, both[1].classes, half)
    assert spreads_of(make_candidates([both[0], silent], C, 0)) == pytest.approx(whole * [1, 0.5], rel=0.2)
