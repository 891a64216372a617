"""What the stack scores, chooses and fits for a fold has not seen the fold's labels."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, as_written, competition_config, write_shop
from stacks import STACK, fast, train_base

from goods.cards.labels import Labels
from goods.cards.table import load_cards, select
from goods.config.loading import load_experiment
from goods.core.artifacts import read_json
from goods.core.errors import GoodsError
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.metrics.evaluation import score
from goods.prepare.folds import load_folds, make_folds
from goods.prepare.stage import prepare
from goods.stack.choose import best_method, picked
from goods.stack.fit import fit_stack
from goods.stack.ranked import to_predictions
from goods.stack.settle import Settled, settle
from goods.stack.stage import stack
from goods.train.stage import train

CONFIGS = ROOT / "configs" / "kazanexpress2023"


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


def test_folds_used_below_an_experiment_are_left_out_of_its_score_too(ws, competition):
    train(ws, competition, load_experiment(CONFIGS / "fasttext.yaml", [*fast("fasttext"), "tuned_on=[0]"]))
    pseudo = "pseudo={experiments: [fasttext], min_confidence: 0.9}"
    train(ws, competition, load_experiment(CONFIGS / "linear.yaml", [pseudo]))
    assert read_json(ws.run("linear").report)["tuned_on"] == [0]


def test_a_stack_without_an_honest_fold_is_refused(ws, competition):
    train(ws, competition, load_experiment(CONFIGS / "linear.yaml", ["tuned_on=[0, 1]"]))
    train(ws, competition, load_experiment(CONFIGS / "fasttext.yaml", [*fast("fasttext"), "tuned_on=[2]"]))
    with pytest.raises(GoodsError, match="used every fold"):
        stack(ws, competition, load_experiment(CONFIGS / "stack.yaml", STACK))


def test_with_a_single_honest_fold_its_method_is_chosen_on_the_others(level_and_noise):
    level, _ = level_and_noise
    few = replace(level, tuned_on=(1, 2))  # only fold 0 is scored
    good = to_predictions(level.table, np.exp(level.table.log_proba[:, 0]), level.train, level.labels)
    poor = to_predictions(level.table, np.exp(-level.table.log_proba[:, 0]), level.train, level.labels)
    settled = {"good": settle(few, good, "argmax"), "poor": settle(few, poor, "argmax")}
    poor_right_there = np.where(few.fold == 0, settled["poor"].predictions.classes[:, 0], few.target)
    assert best_method(replace(few, target=poor_right_there), settled, without=0) == "good"


@pytest.fixture(scope="module")
def shuffled_work(tmp_path_factory):
    """A work folder whose 600 train labels are shuffled, its base models trained on them."""
    folder, competition = tmp_path_factory.mktemp("shuffled"), competition_config()
    shop = write_shop(folder / "shop", n_train=600)
    frame = pd.read_parquet(shop / "train.parquet")
    shuffled = frame[["category_id", "category_name"]].sample(frac=1, random_state=3).reset_index(drop=True)
    frame.assign(**shuffled).to_parquet(shop / "train.parquet", index=False)
    ws = Workspace(folder / "work", "kazanexpress2023")
    prepare(ws, competition, shop)
    make_folds(ws, competition)
    train_base(ws, competition)
    return ws.root


@pytest.fixture
def shuffled(tmp_path, shuffled_work):
    return Workspace(shutil.copytree(shuffled_work, tmp_path / "work"), "kazanexpress2023")


def test_shuffled_labels_score_at_chance_through_the_stack(shuffled, competition):
    ws = shuffled
    stack(ws, competition, load_experiment(CONFIGS / "stack.yaml", STACK))
    share = pd.Series(select(load_cards(ws), "train").target).value_counts(normalize=True)
    chance = share.iloc[0]  # accuracy of always saying the most frequent class
    for report in read_json(ws.run("stack").report)["methods"].values():
        assert report["scores"]["accuracy"] < chance + 3 * np.sqrt(chance * (1 - chance) / 600)


def test_a_leaking_feature_would_be_seen_by_the_shuffle_test(shuffled, competition):
    """The chance test can fail: a base model that saw the labels lifts shuffled labels far above chance."""
    ws = shuffled
    cards = select(load_cards(ws), "train")
    run = ws.run("linear")
    oof = Predictions.load(run.oof)
    leaked = np.stack([cards.target.to_numpy(), (cards.target.to_numpy() + 1) % 6], 1).astype(np.int32)
    Predictions(oof.product_id, leaked, np.full(leaked.shape, [0.9, 0.1], np.float32)).save(run.oof)
    as_written(run.path)
    stack(ws, competition, load_experiment(CONFIGS / "stack.yaml", STACK))
    assert read_json(ws.run("stack").report)["scores"]["accuracy"] > 0.9


@pytest.mark.parametrize("decoder", ["argmax", "class_bias", "safe_class_bias", "expected_hierarchical_f1"])
def test_temperature_and_decoding_of_a_fold_do_not_see_its_labels(level_and_noise, decoder):
    level, raw = level_and_noise
    own = level.fold == 1
    changed = replace(level, target=np.where(own, (level.target + 1) % 6, level.target))
    before, after = settle(level, raw, decoder), settle(changed, raw, decoder)
    assert np.array_equal(before.predictions.proba[own], after.predictions.proba[own])
    assert np.array_equal(before.predictions.classes[own], after.predictions.classes[own])
    assert not np.array_equal(before.predictions.proba[~own], after.predictions.proba[~own])


def test_the_method_of_a_fold_is_chosen_on_the_others(level_and_noise):
    level, raw = level_and_noise
    wrong = (level.target + 1) % 6
    # "one" is right on fold 0 and wrong elsewhere, "two" the other way round
    right_on = {"one": level.fold == 0, "two": level.fold != 0}
    settled = {}
    for name, rows in right_on.items():
        classes = np.where(rows, level.target, wrong)[:, None].astype(np.int32)
        settled[name] = Settled(Predictions(raw.product_id, classes, np.ones((240, 1), "f4")), 1.0, {})
    assert best_method(level, settled, without=None) == "two"
    assert best_method(level, settled, without=0) == "two"
    assert picked(level, settled, ["two", "one", "one"]).classes[:, 0].tolist() == wrong.tolist()
    # only folds no study has used have a say
    assert best_method(replace(level, tuned_on=(1, 2)), settled, without=1) == "one"


def test_the_log_loss_decides_between_methods_the_score_cannot_tell_apart(level_and_noise):
    level, raw = level_and_noise
    wrong = (level.target + 1) % 6

    def saying(right, confidence):
        classes = np.stack([np.where(right, level.target, wrong), np.where(right, wrong, level.target)], 1)
        proba = np.tile(np.array([confidence, 1 - confidence], "f4"), (240, 1))
        return Settled(Predictions(raw.product_id, classes.astype(np.int32), proba), 1.0, {})

    order = np.arange(240)
    rash, careful = saying(order >= 20, 0.999), saying((order >= 3) & (order < 222), 0.9)
    # 21 wrong against 20, of 38 cards on which they differ: a standard error is more than six cards
    assert best_method(level, {"rash": rash, "careful": careful}, without=None) == "careful"
    poor = saying(order >= 40, 0.9)  # 40 wrong against 20 of 20 on which they differ: a real difference
    assert best_method(level, {"rash": rash, "poor": poor}, without=None) == "rash"


def test_what_is_fitted_for_a_fold_does_not_see_its_labels(level_and_noise):
    level, _ = level_and_noise
    own = level.fold == 1
    changed = replace(level, target=np.where(own, (level.target + 1) % 6, level.target))
    methods = ["best_single", "weighted", "greedy", "blend", "logistic", "catboost", "multiclass"]
    found = []
    for one in (level, changed):
        fitted = fit_stack(one, 1, methods)
        found.append(fitted.apply(one.maker, one.model, one.table, one.features, methods))
    for method in methods:
        assert np.array_equal(found[0][method], found[1][method]), method
    other = fit_stack(changed, 0, ["blend"]).pools["blend"].weights
    assert not np.array_equal(fit_stack(level, 0, ["blend"]).pools["blend"].weights, other)
