"""Families that build on other experiments' folds: knn and fusion."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import faiss
import numpy as np
import pandas as pd
import pytest
import torch
from conftest import ROOT, competition_config, write_shop
from threadpoolctl import threadpool_limits
from toy_models import (
    accuracy,
    knn_config,
    navec_config,
    photo_config,
    scratch_config,
    toy_cards,
    toy_context,
    toy_photos,
    trainer,
    with_trained,
)

from goods.cards.images import ImageStore
from goods.cards.table import load_cards
from goods.config.loading import load_experiment
from goods.core.errors import GoodsError
from goods.core.predictions import Predictions, mean_of
from goods.core.workspace import Workspace
from goods.models.base import Context
from goods.models.joint.fusion import FusionConfig
from goods.models.joint.fusion_model import FusionModel
from goods.models.joint.knn_model import KnnModel
from goods.models.text.linear_model import LinearModel
from goods.prepare.folds import make_folds
from goods.prepare.stage import prepare
from goods.train.finished import load_run_models
from goods.train.fold import top_k
from goods.train.stage import train

CONFIGS = ROOT / "configs" / "kazanexpress2023"


def test_knn_votes_with_similarity_and_comes_back_from_disk(tmp_path):
    cards, test = toy_cards(96, 0), toy_cards(40, 2)
    context = with_trained(toy_context(tmp_path), cards, tmp_path, navec=navec_config())
    model = KnnModel(knn_config("navec"), context)
    model.fit(cards[:80], cards[80:])
    assert accuracy(model, test) > 0.9
    model.save(tmp_path)
    again = KnnModel(model.config, context)
    again.load(tmp_path)
    np.testing.assert_array_equal(again.predict(test), model.predict(test))
    assert model.predict(test.iloc[:0]).shape == (0, 4)


def knn_on(
    vectors: np.ndarray, target: np.ndarray, queries: np.ndarray, context: Context, **changes
) -> KnnModel:
    """A model whose vectors are given: train cards have numbers below 1000, queries from 1000 on."""
    model = KnnModel(knn_config("any", **changes), context)
    table = dict(enumerate(vectors)) | {1000 + i: v for i, v in enumerate(queries)}
    model.vectors = lambda cards: np.stack([table[i] for i in cards.product_id]).astype(np.float32)
    model.fit(numbered(np.arange(len(vectors)), target), None)
    return model


def numbered(numbers: np.ndarray, target: np.ndarray | int = -1) -> pd.DataFrame:
    return pd.DataFrame({"product_id": numbers, "target": target})


def test_votes_of_a_hand_worked_case(tmp_path):
    vectors = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
    model = knn_on(vectors, np.array([2, 1, 1]), np.array([[1.0, 0.0]]), toy_context(tmp_path), neighbours=2)
    model.temperature, model.prior_share = 0.5, 0.1
    weight = np.exp([0.0, -0.4 / 0.5])  # cosines 1 and 0.6
    votes = weight / weight.sum()
    prior = np.array([1, 3, 2, 1]) / 7  # one card added to each class
    expected = 0.9 * np.array([0, votes[1], votes[0], 0]) + 0.1 * prior
    np.testing.assert_allclose(model.predict(numbered(np.array([1000])))[0], expected, rtol=1e-5)


def test_a_card_without_a_vector_gets_the_class_shares(tmp_path):
    vectors = np.eye(3)
    model = knn_on(vectors, np.array([0, 0, 1]), np.zeros((1, 3)), toy_context(tmp_path))
    np.testing.assert_allclose(
        model.predict(numbered(np.array([1000])))[0], np.array([3, 2, 1, 1]) / 7, rtol=1e-5
    )


def test_without_a_photo_only_the_text_is_compared(tmp_path):
    context = toy_context(tmp_path, images=ImageStore(tmp_path))
    cards = toy_photos(tmp_path, toy_cards(96, 0))
    context = with_trained(context, cards, tmp_path, text=navec_config(), photo=photo_config())
    joined = KnnModel(knn_config("text", "photo"), context)
    joined.fit(cards[:80], cards[80:])
    blank = cards[:20].assign(image=None)
    vectors, width = joined.vectors(blank), 32
    assert not vectors[:, width:].any()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), np.sqrt(0.5), rtol=1e-5)
    assert accuracy(joined, blank) > 0.8
    photos = KnnModel(knn_config("photo"), context)
    photos.fit(cards[:80], cards[80:])
    np.testing.assert_allclose(photos.predict(blank), np.tile(photos._prior(), (20, 1)), rtol=1e-5)


def clustered(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors [n, 24] about 40 centres, and a class of each."""
    random = np.random.default_rng(0)
    centres = random.normal(size=(40, 24))
    vectors = centres[random.integers(40, size=n)] + 0.4 * random.normal(size=(n, 24))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), random.integers(4, size=n)


@pytest.mark.parametrize("index", ["lists", "hnsw"])
def test_lists_and_the_graph_find_what_exact_search_finds(tmp_path, index):
    vectors, target = clustered(900)
    found = {}
    for each in ("exact", index):
        model = knn_on(vectors, target, vectors[:100] + 0.01, toy_context(tmp_path), index=each)
        similarity, _ = model.neighbours(model.vectors(numbered(1000 + np.arange(100))))
        assert (np.diff(similarity, axis=1) <= 1e-6).all()
        found[each] = similarity
    tolerance = 1e-3 if index == "lists" else 1e-5  # lists hold half-precision vectors
    assert np.isclose(found["exact"], found[index], atol=tolerance).mean() > 0.98


def test_four_times_the_cards_are_twice_as_many_to_compare_with(tmp_path):
    looked = []
    for n in (900, 3600):
        model = knn_on(*clustered(n), clustered(512)[0], toy_context(tmp_path), exact_up_to=n - 1)
        faiss.cvar.indexIVF_stats.reset()
        model.neighbours(model.vectors(numbered(1000 + np.arange(512))))
        looked.append(faiss.cvar.indexIVF_stats.ndis / 512)
    assert 100 < looked[0] < 450 and 1.6 < looked[1] / looked[0] < 2.6


def test_what_lists_say_depends_on_no_threads_and_comes_back_from_disk(tmp_path):
    vectors, target = clustered(900)
    asked = numbered(1000 + np.arange(100))
    models = [
        knn_on(vectors, target, vectors[:100], toy_context(tmp_path, threads=threads), index="lists")
        for threads in (1, 2)
    ]
    said = models[0].predict(asked)
    np.testing.assert_array_equal(models[1].predict(asked), said)
    models[0].save(tmp_path)
    models[1].load(tmp_path)
    np.testing.assert_array_equal(models[1].predict(asked), said)


@pytest.mark.parametrize("index", ["exact", "lists"])
def test_similarities_depend_neither_on_threads_nor_on_what_else_is_asked(tmp_path, index):
    """Of vectors as long as a network's: many are multiplied in other ways than few."""
    random = np.random.default_rng(0)
    vectors = random.normal(size=(2300, 300)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    queries, said = vectors[1000:] * np.float32(0.9), []
    for threads in (1, 2, 3, 4):
        context = toy_context(tmp_path, threads=threads)
        model = knn_on(vectors[:1000], random.integers(4, size=1000), queries, context, index=index)
        with threadpool_limits(threads, user_api="openmp"):  # as a job has them
            said.append(model.neighbours(queries)[0])
    said.append(np.concatenate([model.neighbours(queries[i : i + 1])[0] for i in range(20)]))
    for other in said[1:]:
        np.testing.assert_array_equal(other, said[0][: len(other)])


@pytest.mark.parametrize(("file", "size"), [("target.npz", 0), ("target.npz", 100), ("index.faiss", 10)])
def test_damaged_files_are_one_message(tmp_path, file, size):
    vectors = np.eye(4)
    model = knn_on(vectors, np.arange(4), vectors, toy_context(tmp_path))
    model.save(tmp_path)
    (tmp_path / file).write_bytes((tmp_path / file).read_bytes()[:size])
    with pytest.raises(GoodsError, match="damaged"):
        KnnModel(model.config, model.context).load(tmp_path)


def test_cards_without_a_vector_are_in_no_list(tmp_path):
    """As those without a photo: of many the lists would be theirs."""
    vectors, target = clustered(900)
    vectors[np.random.default_rng(1).random(900) < 0.9] = 0
    queries = np.concatenate([clustered(1000)[0][900:], np.zeros((3, 24))])
    lists, exact = (
        knn_on(vectors, target, queries, toy_context(tmp_path / index), index=index, neighbours=8, probes=64)
        for index in ("lists", "exact")
    )
    assert lists.index.ntotal == exact.index.ntotal == np.count_nonzero(vectors.any(1))
    asked = lists.vectors(numbered(1000 + np.arange(103)))
    np.testing.assert_allclose(lists.neighbours(asked)[0][:100], exact.neighbours(asked)[0][:100], atol=1e-3)
    said = lists.predict(numbered(1100 + np.arange(3)))
    np.testing.assert_allclose(said, np.tile(lists._prior(), (3, 1)), rtol=1e-5)
    nothing = knn_on(np.zeros((30, 24)), target[:30], queries, toy_context(tmp_path), index="lists")
    np.testing.assert_allclose(nothing.predict(numbered(np.array([1000])))[0], nothing._prior(), rtol=1e-5)


def test_neighbours_that_were_not_found_have_no_vote(tmp_path):
    vectors, target = np.repeat(np.eye(2), 10, axis=0), np.repeat([3, 1], 10)
    settings = {"index": "lists", "probes": 1, "neighbours": 20}
    model = knn_on(vectors, target, np.eye(2)[1:], toy_context(tmp_path), **settings)
    model.temperature, model.prior_share = 0.5, 0.1
    prior = np.array([1, 11, 1, 11]) / 24
    np.testing.assert_allclose(
        model.predict(numbered(np.array([1000])))[0], 0.1 * prior + 0.9 * np.eye(4)[1], rtol=1e-5
    )


def test_pretrained_vectors_need_a_frozen_encoder(tmp_path):
    cards = toy_cards(48)
    context = with_trained(
        toy_context(tmp_path), cards, tmp_path, navec=navec_config(trainer=trainer(epochs=1))
    )
    with pytest.raises(GoodsError, match="no frozen encoder"):
        KnnModel(knn_config(sources=[{"experiment": "navec", "layer": "pretrained"}]), context).fit(
            cards, None
        )
    with pytest.raises(GoodsError, match="not trained"):
        KnnModel(knn_config("nobody"), context).fit(cards, None)


@pytest.mark.slow
@pytest.mark.parametrize("join", ["concatenate", "gated", "cross"])
@pytest.mark.parametrize("frozen", [True, False])
def test_fusion_learns_and_comes_back_from_disk(tmp_path, join, frozen):
    context = toy_context(tmp_path, images=ImageStore(tmp_path))
    cards, test = toy_photos(tmp_path, toy_cards(96, 0)), toy_photos(tmp_path, toy_cards(32, 2))
    photo = photo_config() if frozen else photo_config(backbone="small_cnn", weights="scratch", frozen=False)
    text = navec_config() if frozen else scratch_config(trainer=trainer(epochs=6))
    context = with_trained(context, cards, tmp_path, text=text, photo=photo)
    config = FusionConfig(
        family="fusion",
        text={"experiment": "text"},
        image={"experiment": "photo"},
        join=join,
        width=32,
        hidden=32,
        trainer=trainer(epochs=3, encoder_lr=0.0005),
    )
    model = FusionModel(config, context)
    model.fit(cards, None)
    assert accuracy(model, test) > 0.9
    model.save(tmp_path / "saved")
    again = FusionModel(config, replace(context, seed=5))
    again.load(tmp_path / "saved")
    np.testing.assert_array_equal(again.predict(test), model.predict(test))
    assert np.isfinite(model.predict(test.assign(image=None))).all()
    assert model.embed(test).shape == (32, 32)
    # what it started from is as its own fold left it
    side = text.build(context)
    side.load(tmp_path / "text")
    np.testing.assert_array_equal(model.models["text"].predict(test), side.predict(test))


@pytest.mark.parametrize("start,tune", [("fresh", True), ("fold", False)])
def test_sides_begun_anew_or_kept(tmp_path, start, tune):
    context = toy_context(tmp_path, images=ImageStore(tmp_path))
    cards = toy_photos(tmp_path, toy_cards(96, 0))
    context = with_trained(context, cards, tmp_path, text=navec_config(), photo=photo_config())
    config = FusionConfig(
        family="fusion",
        text={"experiment": "text", "start": start, "tune": tune},
        image={"experiment": "photo", "start": start, "tune": tune},
        width=32,
        hidden=32,
        trainer=trainer(epochs=8),
    )
    model = FusionModel(config, context)
    model.fit(cards, None)
    test = toy_photos(tmp_path, toy_cards(32, 2))
    assert accuracy(model, test) > 0.8
    weights = {name for name, _ in model.net.named_parameters() if ".net." in name}
    assert bool(weights) == tune
    model.save(tmp_path / "saved")
    again = FusionModel(config, context)
    again.load(tmp_path / "saved")
    np.testing.assert_array_equal(again.predict(test), model.predict(test))


def test_modality_dropout_hides_one_side_of_a_card_but_never_both(tmp_path):
    context = toy_context(tmp_path, images=ImageStore(tmp_path))
    cards = toy_photos(tmp_path, toy_cards(48, 0))
    short = trainer(epochs=1)
    context = with_trained(
        context, cards, tmp_path, text=navec_config(trainer=short), photo=photo_config(trainer=short)
    )
    config = FusionConfig(
        family="fusion",
        text={"experiment": "text", "drop": 0.4},
        image={"experiment": "photo", "drop": 0.4},
        width=16,
        hidden=16,
        trainer=short,
    )
    model = FusionModel(config, context)
    model.fit(cards, None)
    net = model.net.train()
    shown = net._shown(20_000, torch.device("cpu"))
    assert (shown["text"] | shown["image"]).all()
    for side in ("text", "image"):
        assert abs(float((~shown[side]).float().mean()) - 0.4) < 0.02
    assert all(shown.all() for shown in net.eval()._shown(100, torch.device("cpu")).values())
    batch = model.encode(cards).batch(np.arange(8))
    hidden = torch.zeros(8, dtype=torch.bool)
    parts, _ = net.sides["text"]({k[5:]: v for k, v in batch.items() if k.startswith("text.")}, hidden)
    assert torch.equal(parts[:, 0], net.sides["text"].hidden.expand(8, -1))


def test_a_side_must_be_a_network(tmp_path):
    cards = toy_cards(40)
    context = toy_context(tmp_path)
    linear = load_experiment(CONFIGS / "linear.yaml").model
    context = with_trained(context, cards, tmp_path, text=linear, photo=linear)
    config = FusionConfig(
        family="fusion", text={"experiment": "text"}, image={"experiment": "photo"}, trainer=trainer()
    )
    assert isinstance(linear.build(context), LinearModel)
    with pytest.raises(GoodsError, match="no neural network"):
        FusionModel(config, context).fit(cards, None)


@pytest.fixture
def photo_ws(tmp_path: Path) -> Workspace:
    ws = Workspace(tmp_path / "work", "kazanexpress2023")
    prepare(ws, competition_config(), write_shop(tmp_path / "shop", photos=True))
    make_folds(ws, competition_config())
    return ws


SMALL_NAVEC = ["model.trainer.epochs=2", "model.width=16", "model.hidden=32"]


def test_knn_through_the_stages(photo_ws, capsys):
    competition, ws = competition_config(), photo_ws
    knn = load_experiment(CONFIGS / "knn.yaml")
    with pytest.raises(GoodsError, match=r"run scripts/train\.py configs/kazanexpress2023/navec\.yaml first"):
        train(ws, competition, knn)
    train(ws, competition, load_experiment(CONFIGS / "navec.yaml", SMALL_NAVEC))
    train(ws, competition, knn)
    first = ws.run("knn").oof.read_bytes()
    capsys.readouterr()
    train(ws, competition, knn)
    assert "unchanged" in capsys.readouterr().err
    # other weights below, other neighbours above
    train(ws, competition, load_experiment(CONFIGS / "navec.yaml", [*SMALL_NAVEC, "model.trainer.lr=0.01"]))
    train(ws, competition, knn)
    assert ws.run("knn").oof.read_bytes() != first
    cards = load_cards(ws)
    test = cards[cards.split == "test"]
    models = load_run_models(ws, competition, knn, None)
    again, stored = mean_of([top_k(m, test) for m in models]), Predictions.load(ws.run("knn").test)
    np.testing.assert_allclose(again.proba, stored.proba, atol=1e-5)


def test_another_seed_than_upstreams_is_refused(photo_ws):
    competition = competition_config()
    train(photo_ws, competition, load_experiment(CONFIGS / "navec.yaml", SMALL_NAVEC))
    with pytest.raises(GoodsError, match="inner split"):
        train(photo_ws, competition, load_experiment(CONFIGS / "knn.yaml", ["seed=7"]))


def test_a_fold_whose_upstream_changed_is_refused(photo_ws):
    competition = competition_config()
    train(photo_ws, competition, load_experiment(CONFIGS / "navec.yaml", SMALL_NAVEC), [0])
    train(photo_ws, competition, load_experiment(CONFIGS / "knn.yaml"), [0])
    other = load_experiment(CONFIGS / "navec.yaml", [*SMALL_NAVEC, "model.trainer.lr=0.01"])
    train(photo_ws, competition, other, [0])
    with pytest.raises(GoodsError, match="trained again"):
        next(iter(load_run_models(photo_ws, competition, load_experiment(CONFIGS / "knn.yaml"), None)))


def test_shuffled_labels_score_at_chance_through_knn(tmp_path):
    cards = toy_cards(160)
    cards["target"] = np.random.default_rng(0).permutation(cards.target.to_numpy())
    context = with_trained(toy_context(tmp_path), cards[:120], tmp_path, navec=navec_config())
    model = KnnModel(knn_config("navec"), context)
    model.fit(cards[:110], cards[110:120])
    assert accuracy(model, cards[120:]) < 0.5
