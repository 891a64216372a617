"""Encoders of pairs: trained, saved and read back, cut and frozen, and what they say of unknown products."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import OZON, SHARED, ozon_config, ozon_workspace
from ozon_offers import OZON_CONFIGS, TINY

from goods.cards.labels import Labels
from goods.cards.table import select
from goods.config.loading import load_experiment
from goods.core.artifacts import read_json
from goods.core.errors import GoodsError
from goods.matching.products import Products
from goods.models.base import Context
from goods.models.pairs.bi_encoder_model import BiEncoderModel
from goods.problems.kinds import load_rows
from goods.submit.pairs import predict_pairs, trained_scorer
from goods.train.stage import train


@pytest.mark.parametrize("family", ["cross-encoder", "bi-encoder"])
def test_encoders_train_save_load_and_do_not_care_for_the_order(trained_pairs, family):
    train(trained_pairs, OZON, ozon_config(family, *TINY, f"name=tiny-{family}"))
    scorer = trained_scorer(trained_pairs, OZON, f"tiny-{family}")
    cards = pd.read_parquet(trained_pairs.cards).head(20)
    left, right = np.arange(10), np.arange(10, 20)
    found = scorer(cards, left, right)
    assert found.shape == (10,) and found.std() > 0
    # the lower id comes first inside: other ids turn every pair round
    turned = cards.assign(product_id=cards.product_id.max() + 1 - cards.product_id)
    np.testing.assert_allclose(scorer(turned, left, right), found, atol=1e-6)


@pytest.mark.parametrize("family", ["cross-encoder", "bi-encoder"])
def test_an_unknown_product_is_not_the_first_one(trained_pairs, family):
    train(trained_pairs, OZON, ozon_config(family, *TINY, f"name=tiny-{family}"))
    cards = pd.read_parquet(trained_pairs.cards).head(5)
    first = int(cards.product_id[0])
    pairs = pd.DataFrame({"product_id": [0, 1], "variantid1": [first, first], "variantid2": [first, 10**12]})
    pairs["target"] = np.int32(-1)
    products = Products.of(cards, pairs)
    itself, unknown = predict_pairs(trained_pairs, OZON, f"tiny-{family}", products, pairs).proba_of(1)
    assert itself != unknown
    if family == "bi-encoder":
        assert unknown < itself


def test_an_encoder_cannot_be_cut_deeper_than_it_is(trained_pairs):
    with pytest.raises(GoodsError, match=r"model\.layers: 9 layers"):
        train(trained_pairs, OZON, ozon_config("cross-encoder", *TINY, "model.layers=9", "name=deep"))


def test_a_product_is_no_negative_of_itself_in_contrastive_batches(trained_pairs):
    context = Context(Labels.load(trained_pairs), products=Products.load(trained_pairs))
    model = BiEncoderModel(ozon_config("bi-encoder", *TINY).model, context)
    pairs = select(load_rows(trained_pairs), "train").head(60)
    model.prepare(pairs)
    rows = model.encode_train(pairs)
    batch = rows.batch(np.arange(len(rows.target)))
    left, right = rows.sides["left"], rows.sides["right"]
    assert set(zip(left, right, strict=True)) == set(zip(right, left, strict=True))  # both directions
    # what a row must not be told apart from: its own left product among the right ones of the batch
    same = batch["right.same"].numpy()
    for i in range(len(left)):
        mine = np.flatnonzero(right == left[i])
        assert (same[mine] == same[i]).all()
    wrong = batch["wrong.same"].numpy()
    assert (wrong[wrong >= 0] != same[wrong >= 0]).mean() > 0.95  # but for label noise
    loss = model.build().loss(batch, model.config.trainer)
    assert torch.isfinite(loss)


def test_a_frozen_encoder_is_never_a_new_one(trained_pairs):
    with pytest.raises(GoodsError, match="frozen needs trained weights; give --text-weights"):
        train(trained_pairs, OZON, ozon_config("bi-encoder-frozen"))


@pytest.mark.slow
@pytest.mark.skipif(
    not (SHARED / "models" / "e5-small-trimmed").is_dir(), reason="no shared text encoder here"
)
def test_a_frozen_encoder_s_cosine_tells_matches(tmp_path, offers):
    ws = ozon_workspace(tmp_path, offers)
    weights = SHARED / "models" / "e5-small-trimmed"
    config = load_experiment(OZON_CONFIGS / "bi-encoder-frozen.yaml", [], True, weights)
    train(ws, OZON, config)
    report, pairs = read_json(ws.run("bi-encoder-frozen").report), select(load_rows(ws), "train")
    assert report["scores"]["average_precision"] > pairs.target.mean() + 0.05
    scorer = trained_scorer(ws, OZON, "bi-encoder-frozen")
    assert scorer(pd.read_parquet(ws.cards).head(4), np.array([0, 1]), np.array([2, 3])).shape == (2,)
