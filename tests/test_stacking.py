import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, competition_config, write_shop
from hypothesis import given, settings
from hypothesis import strategies as st

from goods.artifacts import Predictions, Workspace, read_json
from goods.blending import blend, fit_blend, softmax_by_card
from goods.candidates import FLOOR, KeyCounts, best_two, make_candidates, ranks, recall
from goods.cards import Labels, load_cards
from goods.config import load_experiment
from goods.errors import GoodsError
from goods.folds import load_folds, make_folds
from goods.metrics import score
from goods.preparation import prepare, select
from goods.stacking import fill_unused, stack, to_predictions
from goods.training import train

CONFIGS = ROOT / "configs" / "kazanexpress2023"
STACK = ["model.experiments=[linear,fasttext]", "model.iterations=40"]


def predictions(classes, proba):
    return Predictions(np.arange(len(classes)), np.array(classes, np.int32), np.array(proba, np.float32))


ONE = predictions([[0, 1], [2, 0]], [[0.9, 0.1], [0.5, 0.4]])
TWO = predictions([[1, 0], [2, 3]], [[0.6, 0.3], [0.8, 0.1]])


def test_candidates_are_the_union_with_each_model_s_probability():
    table = make_candidates([ONE, TWO], n_classes=4, top_k=2, min_proba=0)
    assert list(zip(table.card.tolist(), table.cls.tolist(), strict=True)) == [
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 2),
        (1, 3),
    ]
    expected = [[0.9, 0.3], [0.1, 0.6], [0.4, FLOOR], [0.5, 0.8], [FLOOR, 0.1]]
    assert np.allclose(np.exp(table.log_proba), expected, rtol=1e-5)
    assert recall(table, np.array([1, 1])) == 0.5
    assert ranks(table, np.exp(table.log_proba[:, 0])).tolist() == [0, 1, 1, 0, 2]


def test_weak_candidates_go_but_every_first_choice_stays():
    table = make_candidates([ONE, TWO], n_classes=4, top_k=2, min_proba=0.9)
    assert list(zip(table.card.tolist(), table.cls.tolist(), strict=True)) == [(0, 0), (0, 1), (1, 2)]
    best, second = best_two(table, np.array([0.6, 0.3, 0.7]), np.array([0, 1, 0]))
    assert best.tolist() == [0.6, 0.6, 0.7]
    assert np.allclose(second, [0.3, 0.3, FLOOR])


def test_the_blend_gives_the_better_model_more_weight_and_beats_equal_weights():
    rng = np.random.default_rng(0)
    target = rng.integers(0, 5, 400)

    def model(noise):
        logits = np.eye(5)[target] * 2 + rng.normal(0, noise, (400, 5))
        proba = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        order = np.argsort(-proba, 1)
        return Predictions(
            np.arange(400), order.astype(np.int32), np.take_along_axis(proba, order, 1).astype("f4")
        )

    table = make_candidates([model(0.5), model(3.0)], 5, 5, 0)
    weights = fit_blend(table, target)
    assert weights[0] > weights[1]
    is_target = table.cls == target[table.card]

    def loss(w):
        return -np.log(blend(table, w)[is_target]).mean()

    assert loss(weights) < loss(np.array([0.5, 0.5]))
    for step in ([0.5, 0], [-0.5, 0], [0, 0.2], [0, -0.2]):
        assert loss(weights) <= loss(weights + np.array(step)) + 5e-3  # the penalty moves it a little


@settings(max_examples=30)
@given(st.lists(st.floats(-30, 30), min_size=5, max_size=5))
def test_blended_probabilities_sum_to_one_per_card(scores):
    table = make_candidates([ONE, TWO], 4, 2, 0)
    proba = softmax_by_card(table, np.array(scores))
    assert np.allclose(np.bincount(table.card, weights=proba), 1)


def test_class_given_shop_never_counts_a_card_s_own_fold():
    shops = pd.Series(["a", "a", "a", "b", "b", "b"])
    target, fold = np.array([0, 0, 1, 1, 1, 0]), np.array([0, 1, 0, 1, 0, 1])
    table = make_candidates([predictions([[0, 1]] * 6, [[0.5, 0.5]] * 6)], 2, 2, 0)
    before = KeyCounts(shops, target, fold, 2).features(shops, fold, table)
    changed = target.copy()
    changed[fold == 0] = 1 - changed[fold == 0]
    after = KeyCounts(shops, changed, fold, 2).features(shops, fold, table)
    own = fold[table.card] == 0
    assert np.array_equal(before[own], after[own])
    assert not np.array_equal(before[~own], after[~own])
    # card 0 (shop a, fold 0): the other folds hold one card of shop a, of class 0; 2 of 3 cards are of class 0
    prior = (2 + 0.5) / (3 + 1)
    assert before[0, 0] == pytest.approx(np.log((1 + 5 * prior) / (1 + 5)))
    assert before[0, 1] == pytest.approx(np.log(2))


def test_new_cards_count_all_train_cards_and_unknown_shops_fall_back_to_the_prior():
    shops, target, fold = pd.Series(["a", "a", "b"]), np.array([0, 0, 1]), np.array([0, 1, 0])
    table = make_candidates([predictions([[0, 1]] * 2, [[0.5, 0.5]] * 2)], 2, 2, 0)
    features = KeyCounts(shops, target, fold, 2).features(pd.Series(["a", "new"]), None, table)
    assert features[0, 1] == pytest.approx(np.log(3))
    assert features[2, 0] == pytest.approx(np.log((2 + 0.5) / (3 + 1)))


def test_unused_places_hold_distinct_other_classes():
    filled = fill_unused(np.array([[2, -2, -3], [0, 1, -3], [-1, -2, -3]], np.int32))
    assert filled.tolist() == [[2, 0, 1], [0, 1, 2], [0, 1, 2]]


def test_to_predictions_ranks_candidates_and_keeps_every_card():
    labels = Labels([1, 2, 3, 4], [("a",)] * 4, [("1",), ("2",), ("3",), ("4",)])
    table = make_candidates([ONE, TWO], 4, 2, 0)
    made = to_predictions(
        table, np.array([0.2, 0.8, 0.1, 0.6, 0.3]), pd.DataFrame({"product_id": [5, 6]}), labels
    )
    assert made.classes.tolist() == [[1, 0, 2, 3], [2, 3, 0, 1]]
    assert np.allclose(made.proba, [[0.8, 0.2, 0, 0], [0.6, 0.3, 0.1, 0]])


def trained(ws, competition):
    for name in ("linear", "fasttext"):
        train(ws, competition, load_experiment(CONFIGS / f"{name}.yaml", fast(name)))


def fast(name):
    return ["model.epochs=15", "model.dim=16", "model.buckets=2000"] if name == "fasttext" else []


def test_the_stack_submits_the_better_method_and_its_score_recomputes(ws, competition):
    trained(ws, competition)
    stack(ws, competition, load_experiment(CONFIGS / "stack.yaml", STACK))
    report = read_json(ws.run("stack").report)
    assert report["winner"] == max(report["methods"], key=lambda m: report["methods"][m]["score"])
    cards = select(load_cards(ws), "train")
    oof = Predictions.load(ws.run("stack").oof)
    assert oof.product_id.tolist() == cards.product_id.tolist()
    recomputed = score("weighted_f1", cards.target.to_numpy(), oof.classes[:, 0], Labels.load(ws))
    assert report["score"] == pytest.approx(recomputed, abs=1e-6)
    assert report["score"] >= min(report["base"].values())


def test_folds_used_by_a_study_are_left_out_of_every_score(ws, competition):
    config = load_experiment(CONFIGS / "linear.yaml", ["tuned_on=[0]"])
    train(ws, competition, config)
    train(ws, competition, load_experiment(CONFIGS / "fasttext.yaml", fast("fasttext")))
    stack(ws, competition, load_experiment(CONFIGS / "stack.yaml", STACK))
    cards = select(load_cards(ws), "train")
    honest = load_folds(ws, cards) != 0
    report = read_json(ws.run("stack").report)
    oof = Predictions.load(ws.run("stack").oof)
    target = cards.target.to_numpy()
    assert report["tuned_on"] == [0]
    expected = score("weighted_f1", target[honest], oof.classes[honest, 0], Labels.load(ws))
    assert report["score"] == pytest.approx(expected, abs=1e-6)


def shuffled_and_trained(tmp_path, competition, n_train):
    """A workspace whose train labels are shuffled, its base models trained on them."""
    shop = write_shop(tmp_path / "shop", n_train=n_train)
    frame = pd.read_parquet(shop / "train.parquet")
    shuffled = frame[["category_id", "category_name"]].sample(frac=1, random_state=3).reset_index(drop=True)
    frame.assign(**shuffled).to_parquet(shop / "train.parquet", index=False)
    ws = Workspace(tmp_path / "work", "kazanexpress2023")
    prepare(ws, competition, shop)
    make_folds(ws, competition)
    trained(ws, competition)
    return ws


def test_shuffled_labels_score_at_chance_through_the_stack(tmp_path):
    competition = competition_config()
    ws = shuffled_and_trained(tmp_path, competition, n_train=600)
    stack(ws, competition, load_experiment(CONFIGS / "stack.yaml", STACK))
    share = pd.Series(select(load_cards(ws), "train").target).value_counts(normalize=True)
    chance = share.iloc[0]  # accuracy of always saying the most frequent class
    for report in read_json(ws.run("stack").report)["methods"].values():
        assert report["scores"]["accuracy"] < chance + 3 * np.sqrt(chance * (1 - chance) / 600)


def test_a_leaking_feature_would_be_seen_by_the_shuffle_test(tmp_path):
    """The chance test can fail: a base model that saw the labels lifts shuffled labels far above chance."""
    competition = competition_config()
    ws = shuffled_and_trained(tmp_path, competition, n_train=300)
    cards = select(load_cards(ws), "train")
    run = ws.run("linear")
    oof = Predictions.load(run.oof)
    leaked = np.stack([cards.target.to_numpy(), (cards.target.to_numpy() + 1) % 6], 1).astype(np.int32)
    Predictions(oof.product_id, leaked, np.full(leaked.shape, [0.9, 0.1], np.float32)).save(run.oof)
    stack(ws, competition, load_experiment(CONFIGS / "stack.yaml", STACK))
    assert read_json(ws.run("stack").report)["scores"]["accuracy"] > 0.9


def test_a_stack_of_untrained_experiments_is_refused(ws, competition):
    with pytest.raises(GoodsError, match=r"run scripts/train\.py for linear first"):
        stack(ws, competition, load_experiment(CONFIGS / "stack.yaml", STACK))
