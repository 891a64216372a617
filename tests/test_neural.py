"""The neural families on a toy shop whose classes are told apart by their words or colours."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from toy_models import (
    FIELDS,
    accuracy,
    killed_after,
    navec_config,
    scratch_config,
    toy_cards,
    toy_context,
    toy_photos,
    trainer,
)

from goods.cards.images import ImageStore
from goods.cards.ragged import Ragged
from goods.cards.tokens import encode_fields
from goods.core.errors import GoodsError
from goods.models import loop
from goods.models.image.image import ImageConfig
from goods.models.image.image_model import ImageModel
from goods.models.text.navec_model import NavecModel
from goods.models.text.transformer_model import TransformerModel
from goods.models.weights import EpochCheckpoint

E5 = Path(__file__).parents[2] / "shared" / "models" / "e5-small-trimmed"


@pytest.mark.parametrize("head", ["pooled", "textcnn", "attention"])
@pytest.mark.parametrize("tune_vectors", [False, True])
def test_navec_learns_the_toy_and_comes_back_from_disk(tmp_path, head, tune_vectors):
    context = toy_context(tmp_path)
    train, valid, test = toy_cards(160, 0), toy_cards(32, 1), toy_cards(40, 2)
    model = NavecModel(navec_config(head=head, tune_vectors=tune_vectors), context)
    model.warm(pd.concat([train, valid, test]))
    model.fit(train, valid)
    assert accuracy(model, test) > 0.95
    model.save(tmp_path / "saved")
    again = NavecModel(model.config, replace(context, cache=None, seed=7))
    again.load(tmp_path / "saved")
    np.testing.assert_array_equal(again.predict(test), model.predict(test))
    assert model.embed(test).shape == (40, 32)
    assert not list((tmp_path / "scratch").glob("*.ckpt"))


@pytest.mark.parametrize("head", ["pooled", "textcnn", "attention"])
def test_cards_without_any_text_still_get_a_prediction(tmp_path, head):
    model = NavecModel(navec_config(head=head, trainer=trainer(epochs=1)), toy_context(tmp_path))
    model.fit(toy_cards().assign(description=""), None)
    empty = toy_cards(3, 5).assign(title="", shop="", attributes="", description="", target=-1)
    proba = model.predict(empty)
    assert np.isfinite(proba).all() and proba.shape == (3, 4)
    assert model.predict(empty.iloc[:0]).shape == (0, 4)


def test_a_word_navec_knows_but_train_lacks_keeps_its_vector(tmp_path):
    model = NavecModel(navec_config(), toy_context(tmp_path))
    rows = model.encode(toy_cards(4).assign(title="кефир ыыыыыыы"))
    assert len(rows.table) > 1 and rows.table[1:].any(1).all() and not rows.table[0].any()


@pytest.mark.parametrize("ema", [None, 0.9])
@pytest.mark.parametrize("with_valid", [False, True])
def test_same_seed_gives_the_same_bytes_also_after_a_kill(tmp_path, monkeypatch, ema, with_valid):
    train, valid = toy_cards(80, 0), toy_cards(24, 1) if with_valid else None
    config = navec_config(trainer=trainer(epochs=4, ema=ema))

    def fitted(name: str) -> dict[str, torch.Tensor]:
        model = NavecModel(config, toy_context(tmp_path / name))
        model.fit(train, valid)
        return model.net.state_dict()

    whole, twin = fitted("whole"), fitted("twin")
    with killed_after(monkeypatch, 1), pytest.raises(KeyError):
        fitted("resumed")
    assert list((tmp_path / "resumed" / "scratch").glob("*.ckpt"))
    torch.manual_seed(999)
    resumed = fitted("resumed")
    for name, value in whole.items():
        assert torch.equal(value, twin[name]), name
        assert torch.equal(value, resumed[name]), name


def test_a_mean_of_weights_longer_than_the_training_forgets_where_it_began(tmp_path):
    train, valid = toy_cards(160, 0), toy_cards(32, 1)
    model = NavecModel(navec_config(trainer=trainer(ema=0.9999)), toy_context(tmp_path))
    model.fit(train, valid)
    assert accuracy(model, toy_cards(40, 2)) > 0.95


def test_processes_that_cut_batches_go_on_with_the_epoch_after_the_kill(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "loader_workers", lambda context: 1)
    train, config = toy_cards(80, 0), navec_config(trainer=trainer(epochs=3))

    def fitted(name: str) -> dict[str, torch.Tensor]:
        model = NavecModel(config, toy_context(tmp_path / name))
        model.fit(train, None)
        return model.net.state_dict()

    whole = fitted("whole")
    with killed_after(monkeypatch, 1), pytest.raises(KeyError):
        fitted("resumed")
    resumed = fitted("resumed")
    assert [name for name, value in whole.items() if not torch.equal(value, resumed[name])] == []


def test_an_early_stopped_fit_that_was_killed_before_its_end_does_not_train_on(tmp_path, monkeypatch):
    train, valid = toy_cards(80, 0), toy_cards(24, 1)
    valid["target"] = (valid.target + 1) % 4  # gets worse from epoch to epoch
    config = navec_config(trainer=trainer(epochs=8, patience=1))
    seen = []
    saved = EpochCheckpoint.on_train_epoch_end

    def killed(self, trainer, pl_module):
        saved(self, trainer, pl_module)
        seen.append(trainer.current_epoch)
        if trainer.should_stop:
            raise KeyError("killed")

    monkeypatch.setattr(EpochCheckpoint, "on_train_epoch_end", killed)
    for expected in (pytest.raises(KeyError), None):
        model = NavecModel(config, toy_context(tmp_path))
        if expected is None:
            model.fit(train, valid)
        else:
            with expected:
                model.fit(train, valid)
    assert seen == sorted(set(seen)) and seen[-1] < 7


def test_a_transformer_from_scratch_learns_the_toy_and_comes_back_from_disk(tmp_path):
    context = toy_context(tmp_path)
    model = TransformerModel(scratch_config(), context)
    model.fit(toy_cards(160, 0), toy_cards(32, 1))
    test = toy_cards(40, 2)
    assert accuracy(model, test) > 0.95
    model.save(tmp_path / "saved")
    again = TransformerModel(model.config, replace(context, seed=7))
    again.load(tmp_path / "saved")
    np.testing.assert_array_equal(again.predict(test), model.predict(test))
    twin = TransformerModel(model.config, replace(context, scratch=tmp_path / "twin"))
    twin.fit(toy_cards(160, 0), toy_cards(32, 1))
    np.testing.assert_array_equal(twin.predict(test), model.predict(test))


def test_long_cards_are_cut_from_the_end_and_begin_with_the_title(tmp_path):
    model = TransformerModel(scratch_config(max_tokens=8), toy_context(tmp_path))
    cards = toy_cards(20).assign(description="очень " * 5000)
    model.prepare(cards)
    rows = model.encode(cards)
    title = model.encoder.tokenizer(cards.title[0], add_special_tokens=False)["input_ids"]
    first = rows.tokens.values[: rows.tokens.offsets[1]].tolist()
    assert rows.lengths.max() == 8 and first[1:4] == title[:3]


@pytest.mark.parametrize("weights", ["nobody/no-such-encoder", "/no/such/folder"])
@pytest.mark.parametrize("frozen", [False, True])
def test_missing_text_weights_are_one_message_within_seconds(tmp_path, monkeypatch, weights, frozen):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    model = TransformerModel(scratch_config(weights=weights, frozen=frozen), toy_context(tmp_path))
    started = time.monotonic()
    with pytest.raises(GoodsError, match="--text-weights DIR"):
        model.fit(toy_cards(20), None)
    assert time.monotonic() - started < 10


@pytest.mark.skipif(not E5.is_dir(), reason=f"{E5} is absent: it holds the real encoder")
def test_frozen_real_encoder_learns_the_toy_without_its_folder_afterwards(tmp_path):
    context = toy_context(tmp_path)
    config = scratch_config(weights=str(E5), frozen=True, prefix="query: ", max_tokens=24, hidden=32)
    train, test = toy_cards(60, 0), toy_cards(24, 2)
    model = TransformerModel(config, context)
    model.warm(pd.concat([train, test]))
    assert list((tmp_path / "cache").glob("sentences-*.npz"))
    model.fit(train, None)
    assert accuracy(model, test) > 0.9
    model.save(tmp_path / "saved")
    again = TransformerModel(config, replace(context, cache=None))
    again.load(tmp_path / "saved")
    np.testing.assert_allclose(again.predict(test), model.predict(test), atol=1e-3)


@pytest.mark.parametrize("frozen", [True, False])
def test_photos_are_learned_and_cards_without_one_predicted(tmp_path, frozen):
    context = toy_context(tmp_path, images=ImageStore(tmp_path))
    config = ImageConfig(
        family="image",
        backbone="tf_efficientnet_lite0" if frozen else "small_cnn",
        weights="packaged" if frozen else "scratch",
        size=32,
        frozen=frozen,
        hidden=32,
        dropout=0.1,
        trainer=trainer(epochs=6, lr=0.003),
    )
    train, test = toy_photos(tmp_path, toy_cards(96, 0)), toy_photos(tmp_path, toy_cards(32, 2))
    model = ImageModel(config, context)
    model.warm(pd.concat([train, test]))
    assert len(list((tmp_path / "cache").glob("*.np*"))) == (1 if frozen else 2)
    model.fit(train, test)
    assert accuracy(model, test[test.image.notna()]) > (0.9 if frozen else 0.6)
    model.save(tmp_path / "saved")
    again = ImageModel(config, replace(context, seed=7))
    again.load(tmp_path / "saved")
    np.testing.assert_array_equal(again.predict(test), model.predict(test))
    blind = replace(context, images=None)
    model = ImageModel(config, blind)
    model.load(tmp_path / "saved")
    assert np.isfinite(model.predict(test.assign(image=None))).all()


@pytest.mark.parametrize(
    ("backbone", "weights", "hint"),
    [
        ("tf_efficientnet_lite0", "/no/such.pth", "--image-weights"),
        ("resnet10t", "packaged", "tf_efficientnet_lite0"),
        ("no_such_net", "scratch", "timm has no such model"),
        ("resnet10t", "hub", "--offline"),
    ],
)
def test_missing_image_weights_are_one_message(tmp_path, monkeypatch, backbone, weights, hint):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    config = ImageConfig(family="image", backbone=backbone, weights=weights, size=32, trainer=trainer())
    model = ImageModel(config, toy_context(tmp_path, images=ImageStore(tmp_path)))
    cards = toy_photos(tmp_path, toy_cards(16))
    started = time.monotonic()
    with pytest.raises(GoodsError, match=hint):
        model.fit(cards, None)
    assert time.monotonic() - started < 10


def test_a_pickle_as_image_checkpoint_is_refused_unexecuted(tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "executed",))

    torch.save({"state_dict": Trap()}, tmp_path / "trap.pth")
    config = ImageConfig(
        family="image", backbone="resnet10t", weights=str(tmp_path / "trap.pth"), size=32, trainer=trainer()
    )
    model = ImageModel(config, toy_context(tmp_path, images=ImageStore(tmp_path)))
    with pytest.raises(GoodsError, match="plain weights"):
        model.fit(toy_photos(tmp_path, toy_cards(16)), None)
    assert not (tmp_path / "executed").exists()


def test_damaged_model_files_are_one_message(tmp_path):
    model = NavecModel(navec_config(trainer=trainer(epochs=1)), toy_context(tmp_path))
    model.fit(toy_cards(40), None)
    model.save(tmp_path / "saved")
    weights = tmp_path / "saved" / "network.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(GoodsError, match="train it again"):
        NavecModel(model.config, model.context).load(tmp_path / "saved")


def test_ragged_rows_are_taken_in_any_order_and_cut():
    ragged = Ragged.of([[1, 2, 3], [], [4], [5, 6]])
    taken = ragged.take(np.array([3, 1, 0, 3]))
    assert taken.values.tolist() == [5, 6, 1, 2, 3, 5, 6] and taken.offsets.tolist() == [0, 2, 2, 5, 7]
    assert ragged.head(2).values.tolist() == [1, 2, 4, 5, 6]


def test_cached_and_fresh_tokens_are_the_same_whatever_was_cached_before(tmp_path):
    first, second = toy_cards(30, 0), toy_cards(30, 4)
    NavecModel(navec_config(), toy_context(tmp_path)).warm(first)
    for cards in (second, pd.concat([second, first]).sample(frac=1, random_state=0)):
        cached, words = encode_fields(cards, FIELDS, "pymorphy3", tmp_path / "cache")
        fresh, fresh_words = encode_fields(cards, FIELDS, "pymorphy3", None)
        assert words == fresh_words
        for name in FIELDS:
            np.testing.assert_array_equal(cached[name].values, fresh[name].values)
            np.testing.assert_array_equal(cached[name].offsets, fresh[name].offsets)
