from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from stacks import predictions

from goods.cards.labels import Labels
from goods.core.errors import GoodsError
from goods.core.predictions import Predictions
from goods.metrics.base import DECODERS
from goods.metrics.classification import CLASS_METRICS, hierarchical_f1, lca_accuracy
from goods.metrics.evaluation import score
from goods.stack.decoding import (
    METHODS,
    STRENGTHS,
    at,
    biased,
    chosen_first,
    decode,
    decoder_of,
    expected_depth,
    expected_hierarchical_f1,
    expected_overlap,
    fit_decoding,
    highest_hierarchical_f1,
    overlap_tables,
)
from goods.stack.settle import settle

# root → A → (a1, a2, a3), root → B (a leaf itself)
LABELS = Labels(
    ids=[1, 2, 3, 4],
    paths=[("A", "a1"), ("A", "a2"), ("A", "a3"), ("B",)],
    nodes=[("10", "1"), ("10", "2"), ("10", "3"), ("4",)],
)
# a deeper one: root → A → X → (x1, x2), A → Y, root → B → Z, root → C
DEEP = Labels(
    ids=[1, 2, 3, 4, 5],
    paths=[("A", "X", "x1"), ("A", "X", "x2"), ("A", "Y"), ("B", "Z"), ("C",)],
    nodes=[("1", "11", "111"), ("1", "11", "112"), ("1", "12"), ("2", "21"), ("3",)],
)


def expected_score(predictions: Predictions, labels: Labels, column: np.ndarray) -> float:
    """Hierarchical F1 of the choice in expectation: 2 Σ E|A(y) ∩ A(ŷ)| / (Σ |A(ŷ)| + Σ E|A(y)|)."""
    _, depth = overlap_tables(labels)
    chosen = at(predictions.classes, column)
    total = depth[chosen].sum() + expected_depth(predictions, depth).sum()
    return float(2 * at(expected_overlap(predictions, labels), column).sum() / total)


def best_together(cards, labels):
    return expected_hierarchical_f1(cards, labels, highest_hierarchical_f1(cards, labels))


def test_a_branch_that_is_likely_together_wins_on_a_hand_worked_tree():
    # B is the likeliest class, but three of four times the card is below A
    card = predictions([[3, 0, 1, 2]], [[0.28, 0.26, 0.24, 0.22]])
    # E|A(y) ∩ A(c)|: B 0.28; a1 0.72 (A) + 0.26; a2 0.72 + 0.24; a3 0.72 + 0.22
    assert np.allclose(expected_overlap(card, LABELS), [[0.28, 0.98, 0.96, 0.94]])
    # argmax: F = 2·0.28 / (1 + 1.72); for a1 2·0.98 − F·2 = 1.548 against B 0.56 − F = 0.354
    assert expected_score(card, LABELS, np.array([0])) == pytest.approx(0.56 / 2.72)
    column = best_together(card, LABELS)
    assert at(card.classes, column).tolist() == [0]
    assert expected_score(card, LABELS, column) == pytest.approx(1.96 / 3.72)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.01, 1), min_size=4, max_size=4))
def test_no_class_is_expected_to_score_a_higher_lca_accuracy_than_the_decoder_s(weights):
    proba = np.array(weights) / sum(weights)
    order = np.argsort(-proba, kind="stable")
    card = Predictions(np.array([1]), order[None].astype("i4"), proba[order][None].astype("f4"))
    column = decode(card, LABELS, {"method": "expected_lca_accuracy"})
    each = [
        sum(p * lca_accuracy(np.array([y]), np.array([c]), LABELS) for y, p in enumerate(proba))
        for c in order.tolist()
    ]
    assert each[int(column[0])] == pytest.approx(max(each), abs=1e-6)


def test_a_sure_card_keeps_its_class():
    sure = predictions([[3, 0, 1, 2], [1, 0, 2, 3]], [[0.9, 0.05, 0.03, 0.02], [0.6, 0.2, 0.1, 0.1]])
    assert best_together(sure, LABELS).tolist() == [0, 0]


@st.composite
def distributions(draw, n_classes=5):
    n = draw(st.integers(1, 8))
    weights = draw(
        st.lists(
            st.lists(st.floats(0.001, 1), min_size=n_classes, max_size=n_classes), min_size=n, max_size=n
        )
    )
    proba = np.array(weights) / np.array(weights).sum(1, keepdims=True)
    order = np.argsort(-proba, axis=1, kind="stable")
    return predictions(order, np.take_along_axis(proba, order, 1))


@settings(max_examples=100, deadline=None)
@given(distributions())
def test_expected_hierarchical_f1_is_never_below_that_of_argmax(cards):
    column = best_together(cards, DEEP)
    argmax = np.zeros(len(column), np.int32)
    assert expected_score(cards, DEEP, column) >= expected_score(cards, DEEP, argmax) - 1e-6


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_card_s_class_does_not_depend_on_the_cards_beside_it(decoder):
    rng = np.random.default_rng(0)
    proba = np.concatenate([rng.dirichlet(np.full(5, a), 200) for a in (0.2, 1.0)])
    order = np.argsort(-proba, axis=1)
    cards = predictions(order, np.take_along_axis(proba, order, 1))
    decoding = fit_decoding(decoder, cards, order[:, 0], DEEP, "hierarchical_f1")
    apart = [decode(cards.take(np.arange(i, min(i + 7, 400))), DEEP, decoding) for i in range(0, 400, 7)]
    assert np.concatenate(apart).tolist() == decode(cards, DEEP, decoding).tolist()


@settings(max_examples=40, deadline=None)
@given(distributions())
def test_the_expectation_is_that_of_the_metric_and_no_choice_beats_the_decoder_s(cards):
    """With one card and few classes every choice can be tried and the metric's parts summed by hand."""
    one = predictions(cards.classes[:1], cards.proba[:1])
    sets = [set(a.tolist()) for a in DEEP.ancestors]
    values = []
    for column in range(5):
        chosen = sets[one.classes[0, column]]
        p = dict(zip(one.classes[0].tolist(), one.proba[0].tolist(), strict=True))
        overlap = sum(p[c] * len(chosen & sets[c]) for c in p)
        size = sum(p[c] * len(sets[c]) for c in p)
        values.append(2 * overlap / (len(chosen) + size))
        assert expected_score(one, DEEP, np.array([column])) == pytest.approx(values[-1], rel=1e-4)
    best = best_together(one, DEEP)[0]
    assert values[best] == pytest.approx(max(values), rel=1e-5)


def test_sampled_truth_agrees_with_the_expectation():
    rng = np.random.default_rng(0)
    proba = rng.dirichlet(np.ones(5) * 0.5, 300)
    order = np.argsort(-proba, axis=1)
    cards = predictions(order, np.take_along_axis(proba, order, 1))
    column = best_together(cards, DEEP)
    reached = []
    for _ in range(200):
        true = (rng.random((300, 1)) > proba.cumsum(1)).sum(1).clip(0, 4)
        chosen = (cards.classes[:, 0], at(cards.classes, column))
        reached.append([hierarchical_f1(true, c, DEEP) for c in chosen])
    argmax, decoded = np.mean(reached, axis=0)
    error = 4 * np.std(reached, axis=0).max() / np.sqrt(200)
    assert decoded == pytest.approx(expected_score(cards, DEEP, column), abs=error)
    assert decoded > argmax


def test_class_bias_by_hand():
    # class 1 is twice as dear: 0.35 · 2 beats 0.6
    cards = predictions([[0, 1], [0, 1]], [[0.6, 0.35], [0.9, 0.1]])
    assert biased(cards, np.log([1.0, 2.0])).tolist() == [1, 0]


def test_the_bias_learned_for_macro_f1_helps_where_a_rare_class_is_never_first():
    # 90 cards of class 0 and 10 of class 1, which are given 0.45: argmax never says 1
    target = np.repeat([0, 1], [90, 10])
    second = np.where(target == 1, 0.45, 0.1)
    cards = predictions(np.tile([0, 1], (100, 1)), np.stack([1 - second, second], 1))
    labels = Labels([1, 2], [("a",), ("b",)], [("1",), ("2",)])
    decoding = fit_decoding("class_bias", cards, target, labels, "macro_f1")
    chosen = at(cards.classes, decode(cards, labels, decoding))
    assert decoding["strength"] > 0
    assert score("macro_f1", target, chosen, labels) == 1.0


@pytest.mark.parametrize(("metric", "decoder"), [("accuracy", "argmax"), ("macro_f1", "class_bias")])
def test_a_class_bias_asked_for_by_name_is_that_of_the_metric(metric, decoder):
    # 60 sure cards of class 0; of 50 doubtful ones argmax is right about 30, a bias to the rare class about 20
    target = np.tile(np.repeat([0, 0, 1], [30, 15, 10]), 2)
    second = np.tile(np.repeat([0.1, 0.4], [30, 25]), 2)
    cards = predictions(np.tile([0, 1], (110, 1)), np.stack([1 - second, second], 1))
    labels = Labels([1, 2], [("a",), ("b",)], [("1",), ("2",)])
    level = SimpleNamespace(fold=np.repeat([0, 1], 55), target=target, labels=labels, metric=metric)
    reached = {
        name: score(metric, target, settle(level, cards, name).predictions.classes[:, 0], labels)
        for name in ("argmax", "class_bias")
    }
    assert reached["class_bias"] >= reached["argmax"]
    assert reached[decoder] == max(reached.values())


def two_class_cards(groups):
    """(cards of two classes, true classes, labels) of (cards, their class, probability of class 1) groups."""
    target = np.concatenate([np.full(n, cls) for n, cls, _ in groups])
    second = np.concatenate([np.full(n, proba) for n, _, proba in groups])
    cards = predictions(np.tile([0, 1], (len(target), 1)), np.stack([1 - second, second], 1))
    return cards, target, Labels([1, 2], [("a",), ("b",)], [("1",), ("2",)])


def test_the_strength_is_the_best_of_all_cards_not_only_of_those_that_are_told_apart():
    rng = np.random.default_rng(0)
    often = np.array([0.5, 0.25, 0.12, 0.07, 0.04, 0.02])
    target = rng.choice(6, 300, p=often)
    logits = (
        1.8 * np.log(often) + 2 * np.eye(6)[target] + rng.normal(0, 1, (300, 6))
    )  # frequent ones too likely
    order = np.argsort(-logits, axis=1).astype(np.int32)
    cards = predictions(order, softmax(np.take_along_axis(logits, order, 1), axis=1))
    labels = Labels(list(range(6)), [(c,) for c in "abcdef"], [(c,) for c in "123456"])
    log_count = np.log(np.bincount(target, minlength=6) + 1.0)
    reached = [
        score("macro_f1", target, at(order, biased(cards, -strength * log_count)), labels)
        for strength in STRENGTHS
    ]
    found = fit_decoding("class_bias", cards, target, labels, "macro_f1")
    assert found["strength"] == STRENGTHS[int(np.argmax(reached))] > 0


RARE_CLASS = [
    pytest.param([(90, 0, 0.1), (10, 1, 0.45)], True, True, id="more cards right"),
    # every other class 1 card is won for two of class 0 lost: the metric gains, fewer cards are right
    pytest.param([(180, 0, 0.01), (12, 0, 0.45), (8, 1, 0.45)], True, False, id="fewer cards right"),
    pytest.param(
        [(180, 0, 0.01), (1, 0, 0.45), (2, 1, 0.45), (30, 1, 0.9)], True, False, id="two against one"
    ),
]


@pytest.mark.parametrize(("groups", "wins", "is_safe"), RARE_CLASS)
def test_a_safe_bias_wins_what_no_card_pays_for_and_no_chance_explains(groups, wins, is_safe):
    given = two_class_cards(groups)
    plain, safe = (
        fit_decoding(name, *given, "weighted_f1")["strength"] for name in ("class_bias", "safe_class_bias")
    )
    assert (plain > 0, safe > 0) == (wins, is_safe)


def test_no_bias_where_none_helps():
    target = np.array([0, 1, 0, 1])
    cards = predictions([[0, 1], [1, 0], [0, 1], [1, 0]], [[0.9, 0.1]] * 4)
    labels = Labels([1, 2], [("a",), ("b",)], [("1",), ("2",)])
    assert fit_decoding("class_bias", cards, target, labels, "macro_f1")["strength"] == 0


def test_argmax_keeps_the_first_column_and_every_metric_has_a_decoder():
    cards = predictions([[3, 0], [1, 2]], [[0.6, 0.4], [0.5, 0.5]])
    assert decode(cards, LABELS, {"method": "argmax"}).tolist() == [0, 0]
    assert {m.decoder for m in CLASS_METRICS} == set(DECODERS)
    assert decoder_of("hierarchical_f1") == "expected_hierarchical_f1"


def test_the_stack_has_every_decoder_a_metric_can_name_and_no_other():
    assert tuple(METHODS) == DECODERS


def test_a_decoder_the_stack_does_not_have_is_refused():
    cards = predictions([[3, 0], [1, 2]], [[0.6, 0.4], [0.5, 0.5]])
    with pytest.raises(GoodsError, match=r"unknown decoding 'top_two': known are argmax, "):
        decode(cards, LABELS, {"method": "top_two"})
    with pytest.raises(GoodsError, match="unknown decoding 'top_two'"):
        fit_decoding("top_two", cards, np.array([3, 1]), LABELS, "accuracy")


def test_the_chosen_class_goes_first_and_the_others_keep_their_order():
    cards = predictions([[3, 0, 2], [1, 2, 0]], [[0.5, 0.3, 0.2], [0.6, 0.3, 0.1]])
    made = chosen_first(cards, np.array([2, 0]))
    assert made.classes.tolist() == [[2, 3, 0], [1, 2, 0]]
    assert np.allclose(made.proba, [[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]])
