"""No label of a fold reaches what is predicted of it: where they are others, its predictions keep every byte."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import (
    OZON,
    QUICK,
    ROOT,
    as_written,
    competition_config,
    ozon_config,
    ozon_workspace,
    write_shop,
)
from ozon_offers import TINY
from stacks import STACK, fast

from goods.cards.table import select
from goods.config.loading import load_experiment
from goods.core.workspace import Workspace
from goods.prepare.folds import load_folds, make_folds
from goods.prepare.stage import prepare
from goods.problems.folds import Folds
from goods.stack.decoding import METHODS
from goods.stack.fit import fit_stack
from goods.stack.level import make_level
from goods.stack.settle import settle
from goods.train.stage import train

CONFIGS = ROOT / "configs" / "kazanexpress2023"
COMPETITION = competition_config()
K = 1  # the fold whose labels are others
NAVEC = ["model.subword_buckets=500", "model.width=16", "model.trainer.epochs=2"]
PHOTOS = ["model.size=32", "model.hidden=16", "model.trainer.epochs=2"]
CLIP = [
    *("model.text.subword_buckets=500", "model.text.width=16", "model.image.size=32", "model.width=16"),
    *("model.pretrain.epochs=1", "model.trainer.epochs=1"),
]
COCA = [
    *("model.text.vocabulary=300", "model.text.width=16", "model.text.heads=2", "model.text.layers=1"),
    *("model.image.size=32", "model.width=16", "model.pretrain.epochs=1", "model.trainer.epochs=1"),
]
SCRATCH = ["model.weights=scratch", *TINY]
EXPERIMENTS = {  # name → what is trained, in order (what is there as it is to be is not again); the last is looked at
    "linear": [("linear", [])],
    "linear with test cards": [
        ("linear", []),
        ("linear-pseudo", ["pseudo.experiments=[linear]", "pseudo.min_confidence=0.1"]),
    ],
    "linear of a share": [("linear", ["share=0.5"])],
    "linear of all classes": [("linear", ["model.structure=flat"])],
    "fasttext": [("fasttext", fast("fasttext"))],
    "fasttext, balanced": [("fasttext-balanced", fast("fasttext"))],
    "logistic regression": [("sklearn-logreg", ["model.features=both"])],
    "numbers and categories": [("tabular", ["model.iterations=10"])],
    "neighbours in navec": [("navec", NAVEC), ("knn", [])],
}
NETWORKS = {
    "transformer": [("transformer", SCRATCH)],
    "image-frozen": [("image-frozen", PHOTOS)],
    "image-small-cnn": [("image-small-cnn", PHOTOS)],
    "fusion": [
        ("navec", NAVEC),
        ("image-frozen", PHOTOS),
        ("fusion", ["model.width=16", "model.hidden=16", "model.trainer.epochs=1"]),
    ],
    "clip": [("clip", CLIP)],
    "coca": [("coca", COCA)],
}


@pytest.fixture(scope="module")
def both(tmp_path_factory) -> tuple[Workspace, Workspace]:
    """Cards with photos, numbers and categories: as they are, and with other labels in fold K."""
    folder = tmp_path_factory.mktemp("labels")
    ws = Workspace(folder / "plain", COMPETITION.name)
    prepare(ws, COMPETITION, write_shop(folder / "shop", n_train=150, photos=True))
    cards = pd.read_parquet(ws.cards)
    cards["number:price"] = np.arange(len(cards)) % 17 + 0.5
    cards["category:colour"] = [("red", "blue", "")[i % 3] for i in range(len(cards))]
    write(ws, cards)
    make_folds(ws, COMPETITION)
    other = Workspace(shutil.copytree(folder / "plain", folder / "changed"), COMPETITION.name)
    train = select(cards, "train")
    own = cards.product_id.isin(train.product_id[load_folds(ws, train) == K])
    cards.loc[own, "target"] = (cards.target[own] + 1) % 6
    write(other, cards)
    return ws, other


def write(ws: Workspace, cards: pd.DataFrame) -> None:
    cards.to_parquet(ws.cards, index=False)
    as_written(ws.prepared)


def said(ws: Workspace, chain: list[tuple[str, list[str]]]) -> list[bytes]:
    """What the last experiment's fold K says of its own and of the test cards."""
    for name, settings in chain:
        train(ws, COMPETITION, load_experiment(CONFIGS / f"{name}.yaml", settings), folds=[K])
    folder = ws.run(chain[-1][0]).fold(K)
    return [(folder / name).read_bytes() for name in ("valid.npz", "test.npz")]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_fold_s_predictions_do_not_follow_from_its_labels(both, name):
    if name == "logistic regression":
        pytest.importorskip("skops", reason="skops is not installed")
    one, other = (said(ws, EXPERIMENTS[name]) for ws in both)
    assert one == other


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_nor_do_those_of_networks(both, name):
    one, other = (said(ws, NETWORKS[name]) for ws in both)
    assert one == other


def test_labels_that_were_fitted_on_would_be_seen(both, tmp_path, monkeypatch):
    monkeypatch.setattr(Folds, "may_fit", lambda self, problem, rows, k: np.ones(len(rows), bool))
    copies = [
        Workspace(shutil.copytree(ws.root, tmp_path / name), COMPETITION.name)
        for ws, name in zip(both, "ab", strict=True)
    ]
    one, other = (said(ws, [("linear", ["share=0.9"])]) for ws in copies)
    assert one[0] != other[0]


@pytest.fixture(scope="module")
def levels(both):
    """The level of a stack over whole runs, and over those of the changed labels."""
    found = []
    for ws in both:
        for name in ("linear", "fasttext"):
            train(ws, COMPETITION, load_experiment(CONFIGS / f"{name}.yaml", fast(name)))
        found.append(make_level(ws, COMPETITION, load_experiment(CONFIGS / "stack.yaml", STACK)))
    return found


def test_what_a_stack_is_told_of_a_fold_s_cards_does_not_follow_from_their_labels(levels):
    one, other = levels
    tables, features = [], []
    for level in levels:
        rows = np.flatnonzero(level.fold[level.table.card] == K)
        table = level.table.take(rows)
        tables.append([table.card, table.cls, table.log_proba, table.rank, *table.named.values()])
        features.append(level.features.iloc[rows].reset_index(drop=True))
    assert all(np.array_equal(a, b) for a, b in zip(*tables, strict=True))
    pd.testing.assert_frame_equal(*features)
    assert not np.array_equal(one.target, other.target)
    assert len(one.features) != len(other.features) or not one.features.equals(other.features)


SETTINGS = {
    "as it is": {},
    "vector calibration, fixed depth": {"calibration": "vector", "top_k": 3},
    "no calibration": {"calibration": "none"},
    "softmax": {"loss": "QuerySoftMax"},
    "ranking": {"loss": "YetiRank"},
    "monotone, few cards": {"monotone": True, "max_cards": 60},
}
STACKED = ("best_single", "uniform", "weighted", "greedy", "blend", "logistic", "catboost", "multiclass")


@pytest.mark.parametrize("name", SETTINGS)
def test_no_method_s_answer_of_a_fold_follows_from_its_labels(levels, name):
    """Of the same features: those of other folds' cards have seen the labels of this one (docs/decisions.md)."""
    level = levels[0]
    level = replace(
        level, model=level.model.changed(iterations=15, multiclass_iterations=10, **SETTINGS[name])
    )
    own, found = level.fold == K, []
    for target in (level.target, np.where(own, (level.target + 1) % 6, level.target)):
        fitted = fit_stack(replace(level, target=target), K, list(STACKED))
        found.append(fitted.apply(level.maker, level.model, level.table, level.features, list(STACKED)))
    for method in STACKED:
        assert np.array_equal(found[0][method], found[1][method]), method


@pytest.mark.parametrize("decoder", METHODS)
@pytest.mark.parametrize("metric", ["weighted_f1", "macro_f1", "neg_log_loss"])
def test_no_decoding_of_a_fold_follows_from_its_labels(level_and_noise, metric, decoder):
    level, raw = level_and_noise
    level, own = replace(level, metric=metric), level.fold == K
    changed = replace(level, target=np.where(own, (level.target + 1) % 6, level.target))
    before, after = (settle(one, raw, decoder).predictions for one in (level, changed))
    assert np.array_equal(before.proba[own], after.proba[own])
    assert np.array_equal(before.classes[own], after.classes[own])


def pairs_said(ws: Workspace, name: str, settings: list[str]) -> list[bytes]:
    train(ws, OZON, ozon_config(name, *settings), folds=[K])
    folder = ws.run(name).fold(K)
    return [(folder / file).read_bytes() for file in ("valid.npz", "test.npz")]


@pytest.fixture(scope="module")
def both_pairs(tmp_path_factory, offers) -> tuple[Workspace, Workspace]:
    folder = tmp_path_factory.mktemp("pairs")
    ws = ozon_workspace(folder / "plain", offers)
    other = Workspace(shutil.copytree(folder / "plain", folder / "changed"), "ozon")
    pairs = pd.read_parquet(other.pairs)
    known = pairs[pairs.split == "train"].reset_index(drop=True)
    own = pairs.product_id.isin(known.product_id[load_folds(ws, known) == K])
    pairs.loc[own, "target"] = 1 - pairs.target[own]
    pairs.to_parquet(other.pairs, index=False)
    as_written(other.prepared)
    return ws, other


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("words", []),
        ("stack", QUICK),
        pytest.param("bi-encoder", TINY, marks=pytest.mark.slow),
        pytest.param("cross-encoder", TINY, marks=pytest.mark.slow),
    ],
)
def test_a_fold_of_pairs_is_predicted_the_same_whatever_its_labels(both_pairs, name, settings):
    one, other = (pairs_said(ws, name, settings) for ws in both_pairs)
    assert one == other
