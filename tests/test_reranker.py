"""The reranker: candidates of other experiments' out-of-fold predictions, read beside each card."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import ROOT
from tiny_weights import text_folder
from toy_models import KINDS, scratch_config, toy_cards, toy_context, trainer

from goods.cards.labels import Labels
from goods.cards.table import load_cards
from goods.config.loading import load_experiment
from goods.core.errors import GoodsError
from goods.core.predictions import Predictions, best_classes, mean_of
from goods.models.base import Context, Upstream
from goods.models.text.linear import LinearConfig
from goods.models.text.reranker import RerankerConfig
from goods.models.text.reranker_model import RerankerModel
from goods.models.text.reranker_network import FLOOR, ListRows, Lists
from goods.train.finished import load_run_models
from goods.train.fold import top_k
from goods.train.keys import is_trained
from goods.train.stage import train

MISTAKEN = {0: 1, 1: 0, 2: 3, 3: 2}  # the class that those below mistake each for


class Unsure:
    """A model below that gives two classes the same chance, and a sure answer where the title has "ясно"."""

    def predict(self, cards: pd.DataFrame) -> np.ndarray:
        kind = cards.title.map(lambda title: next(i for i, k in enumerate(KINDS) if k in title)).to_numpy()
        proba = np.full((len(cards), 4), 0.02, np.float32)
        rows = np.arange(len(cards))
        proba[rows, kind], proba[rows, [MISTAKEN[k] for k in kind]] = 0.47, 0.49
        sure = cards.title.str.contains("ясно").to_numpy()
        proba[sure], proba[sure, 3] = 0.01, 0.97
        return proba


def config(**changes) -> RerankerConfig:
    small = scratch_config(max_tokens=32, trainer=trainer(epochs=12)).model_dump()
    settings = {"family": "reranker", "experiments": ["below"], "candidates": 2, "path_tokens": 6}
    return RerankerConfig.model_validate(small | settings | changes)


def context_of(tmp_path: Path, *cards: pd.DataFrame) -> Context:
    table = pd.concat(cards)
    said = Predictions(table.product_id.to_numpy(), *best_classes(Unsure().predict(table), 4))
    below = LinearConfig(family="linear", fields={"title": {}})
    return replace(
        toy_context(tmp_path), scores={"below": said}, upstream={"below": Upstream(below, tmp_path, "key")}
    )


def even_cards(n: int, seed: int) -> pd.DataFrame:
    """Of two classes, neither of which any card is mistaken for."""
    cards = toy_cards(n, seed)
    return cards[cards.target % 2 == 0].reset_index(drop=True)


@pytest.fixture
def model(tmp_path: Path) -> RerankerModel:
    train, valid = even_cards(200, 0), even_cards(48, 1)
    made = RerankerModel(config(), context_of(tmp_path, train, valid))
    made._below = [Unsure()]
    made.fit(train, valid)
    return made


def test_unsure_cards_are_read_and_sure_ones_left_as_they_are(model, tmp_path):
    test = even_cards(40, 2)
    said, proba = Unsure().predict(test), model.predict(test)
    assert (said.argmax(1) == test.target).mean() == 0
    assert (proba.argmax(1) == test.target).mean() > 0.9
    np.testing.assert_allclose(proba.sum(1), 1, atol=1e-5)
    # together the candidates keep their probability, the other classes each their own
    two = np.argsort(-said, 1)[:, :2]
    together = np.take_along_axis(proba, two, 1).sum(1)
    np.testing.assert_allclose(together, np.take_along_axis(said, two, 1).sum(1), atol=1e-5)
    sure = test.assign(title="ясно " + test.title)
    np.testing.assert_allclose(model.predict(sure), Unsure().predict(sure), atol=1e-6)
    model.save(tmp_path / "saved")
    again = RerankerModel(model.config, replace(model.context, seed=7, scores={}))
    again._below = [Unsure()]
    again.load(tmp_path / "saved")
    np.testing.assert_array_equal(again.predict(test), proba)
    other = replace(model.context, upstream={"below": replace(model.context.upstream["below"], key="new")})
    with pytest.raises(GoodsError, match="trained again"):
        RerankerModel(model.config, other).load(tmp_path / "saved")
    with pytest.raises(GoodsError, match="no vector"):
        model.embed(test)


def test_what_is_sure_or_beyond_the_candidates_is_not_learned(tmp_path):
    cards = toy_cards(8)
    cards.loc[0, "title"] = "ясно " + cards.title[0]
    context = context_of(tmp_path, cards)
    wrong = cards.assign(target=[0, 1, 2, 3, 2, 3, 2, 3])
    kept = RerankerModel(config(), context).learned(wrong)
    assert kept.index.tolist() == list(range(5))
    assert kept.product_id.tolist() == cards.product_id[[1, 2, 3, 6, 7]].tolist()
    assert RerankerModel(config(), context).learned(cards.assign(product_id=cards.product_id + 90)).empty


def test_where_nothing_can_be_learned_the_experiments_mean_is_the_answer(tmp_path):
    cards = toy_cards(8)
    context = context_of(tmp_path, cards)
    model = RerankerModel(config(learn_below=0.1), context)
    model._below = [Unsure()]
    model.fit(cards, None)
    np.testing.assert_allclose(model.predict(cards), Unsure().predict(cards), atol=1e-6)
    model.save(tmp_path)
    again = RerankerModel(config(), context)
    again._below = [Unsure()]
    again.load(tmp_path)
    np.testing.assert_array_equal(again.predict(cards), model.predict(cards))
    assert model.predict(cards.iloc[:0]).shape == (0, 4)


def test_a_batch_is_each_card_beside_each_path(tmp_path):
    model = RerankerModel(config(), context_of(tmp_path, toy_cards(8)))
    model.prepare(toy_cards(8))
    lists = Lists(np.array([[2, 0], [1, 3]], np.int32), np.array([[0.6, 0.0], [0.5, 0.4]], np.float32))
    rows = model.rows(toy_cards(2), lists)
    assert isinstance(rows, ListRows)
    batch = rows.batch(np.array([1, 0]))
    assert batch["tokens"].shape == batch["mask"].shape and batch["tokens"].shape[:2] == (2, 2)
    shown = [
        model.encoder.tokenizer.decode(line[there], skip_special_tokens=True)
        for line, there in zip(batch["tokens"][0], batch["mask"][0], strict=True)
    ]
    assert [text.endswith(KINDS[c]) for text, c in zip(shown, (1, 3), strict=True)] == [True, True]
    torch.testing.assert_close(batch["prior"][1], torch.tensor([0.6, FLOOR]).log())
    assert batch["tokens"].shape[2] <= 32


def test_a_pretrained_encoder_begins_with_the_order_as_it_is_said(tmp_path):
    folder, cards = text_folder(tmp_path / "bert", "bert"), toy_cards(24)
    model = RerankerModel(
        config(weights=str(folder), trainer=trainer(epochs=1, max_steps=1)), context_of(tmp_path, cards)
    )
    model.prepare(cards)
    rows, net = model.encode(cards), model.build()
    batch = rows.batch(np.arange(4))
    with torch.no_grad():
        torch.testing.assert_close(net(batch), batch["prior"])
        vectors = net.eval().embed(batch)
    assert vectors.shape == (8, 32) and vectors.abs().mean() < 3


def test_an_experiment_below_whose_own_is_not_named_is_refused(tmp_path):
    context = context_of(tmp_path, toy_cards(8))

    class Joined(LinearConfig):
        family: str = "joined"

        @property
        def upstream(self):
            return ("navec",)

    joined = Upstream(Joined(family="linear", fields={"title": {}}), tmp_path, "")
    with pytest.raises(GoodsError, match=r"below builds on navec; name that in model\.experiments"):
        RerankerModel(config(), replace(context, upstream={"below": joined})).said(toy_cards(2))
    with pytest.raises(GoodsError, match="not trained"):
        RerankerModel(config(), replace(context, upstream={})).said(toy_cards(2))
    with pytest.raises(ValueError, match="frozen and mlm do not apply"):
        config(frozen=True)


SMALL = [
    "model.weights=scratch",
    "model.scratch_layers=1",
    "model.scratch_width=24",
    "model.scratch_vocab=300",
]
SMALL += [
    "model.experiments=[linear]",
    "model.threshold=1.0",
    "model.learn_below=1.0",
    "model.trainer.epochs=1",
]

UNSURE = ["tune=null", "model.fields={shop: {words: [1, 1]}}"]


def test_through_the_stages(ws, competition):
    configs = ROOT / "configs" / competition.name
    reranker = load_experiment(configs / "reranker.yaml", SMALL)
    with pytest.raises(GoodsError, match="builds on linear, which"):
        train(ws, competition, reranker)
    train(ws, competition, load_experiment(configs / "linear.yaml", UNSURE))
    assert train(ws, competition, reranker)
    said, below = (Predictions.load(ws.run(name).oof) for name in ("reranker", "linear"))
    n_classes = Labels.load(ws).n_classes
    np.testing.assert_allclose(said.dense(n_classes).sum(1), 1, atol=1e-4)
    assert not np.allclose(said.dense(n_classes), below.dense(n_classes), atol=1e-4)
    # new cards are asked of the folds' own models, whose candidates need no out-of-fold predictions
    cards = load_cards(ws)
    test = cards[cards.split == "test"]
    models = load_run_models(ws, competition, reranker, None)
    again, stored = mean_of([top_k(m, test) for m in models]), Predictions.load(ws.run("reranker").test)
    np.testing.assert_allclose(again.proba, stored.proba, atol=1e-5)
    # other predictions below, another fold key above
    assert all(is_trained(ws, reranker, k) for k in range(3))
    train(ws, competition, load_experiment(configs / "linear.yaml", [*UNSURE, "model.C=0.1"]))
    assert not any(is_trained(ws, reranker, k) for k in range(3))
