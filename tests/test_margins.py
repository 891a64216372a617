"""Margins of weights kept as bytes: of all classes at once, and of the decisions of a tree."""

import numpy as np
import scipy.sparse as sp
from scipy.special import softmax

from goods.models.text.byte_margins import fit_margins
from goods.models.text.classtree import ROOT as ROOT_NODE
from goods.models.text.classtree import ClassTree
from goods.models.text.hashed_terms import WeighedTerms
from goods.models.text.one_vs_rest import fit_one_vs_rest
from goods.models.text.tree_margins import best_temperature, fit_tree_margins, path_log_proba


def some_cards(n: int) -> tuple[WeighedTerms, np.ndarray]:
    """Cards of 40 classes and their classes: a term or two of their own, and terms of chance."""
    rng = np.random.default_rng(0)
    target = rng.integers(0, 40, n)
    terms = np.stack([target, target + 40, *rng.integers(80, 200, (6, n))], 1).astype(np.int32)
    weights = rng.random((n, 8), np.float32) / 2
    return WeighedTerms(np.arange(0, 8 * n + 1, 8), terms.ravel(), weights.ravel()), target


def test_margins_of_bytes_are_those_of_the_weights_they_round():
    cards, target = some_cards(600)
    kept = fit_margins(cards, target, 200, 41, 1.0, 0, 1)
    x = sp.csr_matrix((cards.weights, cards.terms, cards.offsets), (600, 200))
    coef, intercept = fit_one_vs_rest(x, target, 40, 1.0, 0)
    exact, said = x @ coef + intercept, kept.of(cards)
    assert np.isneginf(said[:, 40]).all()  # no card is of the last class
    np.testing.assert_allclose(said[:, :40], exact, atol=0.1)
    assert (said.argmax(1) == exact.argmax(1)).mean() > 0.99
    assert kept.values.dtype == np.int8 and (kept.values != 0).all()


def test_margins_are_the_same_bytes_with_several_threads():
    one, several = (fit_margins(*some_cards(300), 200, 40, 1.0, 0, threads) for threads in (1, 3))
    for name, array in vars(one).items():
        np.testing.assert_array_equal(array, getattr(several, name))


def some_tree() -> ClassTree:
    """Four classes: 0 and 1 below node 10, 2 and 3 below node 11 of the root."""
    children = {ROOT_NODE: [10, 11], 10: [20, 21], 11: [22, 23]}
    below = {10: [0, 1], 11: [2, 3], ROOT_NODE: [0, 1, 2, 3], **{20 + c: [c] for c in range(4)}}
    return ClassTree(children, {20 + c: c for c in range(4)}, {n: np.array(of) for n, of in below.items()})


def test_a_tree_of_decisions_multiplies_the_probabilities_on_a_path():
    rng, tree = np.random.default_rng(0), some_tree()
    margins = rng.normal(size=(5, 6)).astype(np.float32)
    said = np.exp(path_log_proba(margins, tree, 0.5))
    root, left = (softmax(margins[:, at] / 0.5, axis=1) for at in (slice(0, 2), slice(2, 4)))
    np.testing.assert_allclose(said[:, 1], root[:, 0] * left[:, 1], rtol=1e-5)
    np.testing.assert_allclose(said.sum(1), 1, rtol=1e-5)
    margins[:, 4:] = -np.inf  # no card of either class: neither is preferred
    np.testing.assert_allclose(np.exp(path_log_proba(margins, tree, 0.5))[:, 2], root[:, 1] / 2, rtol=1e-5)


def test_each_decision_of_a_tree_is_fitted_on_the_cards_below_it():
    cards, target = some_cards(600)
    target, tree = target % 3, some_tree()  # no card is of class 3
    kept = fit_tree_margins(cards, target, 200, tree, 1.0, 0, 1)
    said, x = kept.of(cards), sp.csr_matrix((cards.weights, cards.terms, cards.offsets), (600, 200))
    own = x[target < 2]
    alone = fit_margins(
        WeighedTerms(own.indptr.astype(np.int64), own.indices, own.data),
        target[target < 2],
        200,
        2,
        1.0,
        0,
        1,
    )
    np.testing.assert_allclose(said[:, 2:4], alone.of(cards), rtol=1e-5)
    assert np.isfinite(said[:, :5]).all() and np.isneginf(said[:, 5]).all()
    temperature = best_temperature(said, target, tree)
    assert (path_log_proba(said, tree, temperature).argmax(1) == target).mean() > 0.9


def test_a_tree_of_no_card_below_a_node_is_fitted_all_the_same():
    cards, target = some_cards(200)
    said = fit_tree_margins(cards, target % 2, 200, some_tree(), 1.0, 0, 1).of(cards)
    assert np.isneginf(said[:, 4:]).all() and np.isneginf(said[:, 1]).all()
    assert np.isfinite(path_log_proba(said, some_tree(), 1.0)[:, :2]).all()
