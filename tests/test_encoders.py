"""Pre-trained text encoders of every architecture that configs name, tiny, through the code that loads real ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from tiny_weights import ENCODERS, SIZES, save_encoder, sentencepiece_folder, text_folder, tokenizer
from toy_models import scratch_config, toy_cards, toy_context, trainer

from goods.core.errors import GoodsError
from goods.models.pairs.pair_encoder import cut
from goods.models.text.encoder import encoder_from_files, encoder_layers, load_encoder, token_numbers
from goods.models.text.transformer import MlmConfig
from goods.models.text.transformer_model import TransformerModel

MLM = MlmConfig(epochs=1, batch_size=16)


def fitted(tmp_path: Path, folder: Path, cards: pd.DataFrame, **changes) -> TransformerModel:
    """A model after two steps; what it saves predicts the same where its folder of weights is not asked."""
    settings = {"max_tokens": 32, "trainer": trainer(epochs=1, max_steps=2)} | changes
    config = scratch_config(weights=str(folder), **settings)
    context = toy_context(tmp_path)
    model = TransformerModel(config, context)
    model.warm(cards)
    model.fit(cards, cards[:8])
    said = model.predict(cards)
    assert np.isfinite(said).all()
    model.save(tmp_path / "saved")
    again = TransformerModel(config, replace(context, cache=None, seed=7))
    again.load(tmp_path / "saved")
    np.testing.assert_array_equal(again.predict(cards), said)
    return model


BFLOAT16 = trainer(epochs=1, max_steps=2, precision="bf16-mixed")
HOW = {
    "tuned": {"train_layers": 2},
    "in 16 bits": {"trainer": BFLOAT16},
    "frozen": {"frozen": True},
    "mlm": {"mlm": MLM},
}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", ENCODERS)
def test_an_encoder_is_tuned_frozen_or_warmed_up_and_comes_back_from_disk(tmp_path, name, how):
    folder = text_folder(tmp_path / name, name)
    model = fitted(tmp_path, folder, toy_cards(32), **HOW[how])
    if how == "tuned":
        before = load_encoder(str(folder), 32).net.state_dict()
        moved = {
            name
            for name, value in model.net.encoder.state_dict().items()
            if not torch.equal(value, before[name])
        }
        # two of three blocks, and nothing below
        assert moved and not any("embed" in name or ".0." in name for name in moved)


@pytest.mark.parametrize("name", ENCODERS)
def test_every_parameter_of_an_encoder_is_in_one_layer_and_the_lowest_can_be_taken_alone(tmp_path, name):
    encoder = load_encoder(str(text_folder(tmp_path / name, name)), 32)
    listed = [id(p) for layer in encoder_layers(encoder.net) for p in layer]
    assert len(encoder_layers(encoder.net)) == 4
    assert len(set(listed)) == len(listed) and set(listed) == {id(p) for p in encoder.net.parameters()}
    cut(encoder, 2).save(tmp_path / "cut", with_weights=True)
    again = encoder_from_files(tmp_path / "cut", with_weights=True)
    assert len(encoder_layers(again.net)) == 3
    tokens = torch.tensor([[encoder.start, 7, 8, encoder.separator]])
    with torch.inference_mode():
        expected, found = (net.eval()(input_ids=tokens)[0] for net in (encoder.net, again.net))
    assert torch.equal(expected, found)


@pytest.mark.parametrize("how", ["tuned", "mlm"])
@pytest.mark.parametrize("name", ["bert", "modernbert"])
def test_weights_of_16_bits_on_disk_are_trained_in_32(tmp_path, name, how):
    folder = text_folder(tmp_path / name, name, torch.bfloat16)
    assert {v.dtype for v in load_file(folder / "model.safetensors").values()} == {torch.bfloat16}
    changes = {"encoder_lr": 1e-6} if how == "tuned" else {}
    changed = {"mlm": MLM} if how == "mlm" else {}
    training = trainer(epochs=1, max_steps=2, **changes)
    model = fitted(tmp_path, folder, toy_cards(32), trainer=training, **changed)
    weights = model.net.encoder.get_input_embeddings().weight
    assert {v.dtype for v in model.net.state_dict().values()} == {torch.float32}
    # a step of 1e-6 is less than what bfloat16 tells apart
    assert (weights != weights.to(torch.bfloat16).float()).any()


@pytest.mark.parametrize("name", ENCODERS)
def test_long_texts_are_encoded_or_the_limit_is_named(tmp_path, name):
    folder = text_folder(tmp_path / name, name)
    cards = toy_cards(16).assign(description="вкусно и полезно белый " * 60)
    if name in ("bert", "roberta", "xlm-roberta"):  # a vector per position
        with pytest.raises(GoodsError, match=r"6[456] positions.*lower model\.max_tokens"):
            fitted(tmp_path, folder, cards, max_tokens=65)
        fitted(tmp_path, folder, cards, max_tokens=64)
    else:
        fitted(tmp_path, folder, cards, max_tokens=96)


@pytest.mark.parametrize("how", ["in 16 bits", "frozen", "mlm"])
def test_an_encoder_whose_config_asks_for_tuples_is_read_all_the_same(tmp_path, how):
    folder = text_folder(tmp_path / "bert", "bert", return_dict=False)
    fitted(tmp_path, folder, toy_cards(16), **HOW[how])


@pytest.mark.parametrize("missing", ["pad_token", "mask_token"])
def test_a_tokenizer_may_lack_a_token_that_another_stands_for(tmp_path, missing):
    folder = save_encoder(tmp_path / "bert", "bert", SIZES, tokenizer("wordpiece", **{missing: None}))
    fitted(tmp_path, folder, toy_cards(16), mlm=MLM)


def test_a_decoder_without_padding_is_read_from_left_to_right(tmp_path):
    settings = {
        "n_embd": 32,
        "n_layer": 2,
        "n_head": 2,
        "n_positions": 64,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    lacking = tokenizer("bpe", pad_token=None, cls_token=None, sep_token=None)
    folder = save_encoder(tmp_path / "gpt2", "gpt2", settings, lacking)
    fitted(tmp_path, folder, toy_cards(16))


NO_ENCODERS: dict[str, tuple[str, dict, dict, str]] = {
    "encoder-decoder": (
        "t5",
        {"d_model": 32, "d_kv": 16, "d_ff": 48, "num_layers": 2, "num_heads": 2},
        {},
        r"encoder-decoder \(t5\)",
    ),
    "of photos too": (
        "clip",
        {"text_config": SIZES, "vision_config": {**SIZES, "image_size": 32, "patch_size": 16}},
        {},
        "use an encoder model",
    ),
    "nothing to begin with": ("bert", SIZES, {"cls_token": None}, "none of cls_token_id"),
    "other tokenizer": ("bert", SIZES | {"vocab_size": 40}, {}, "40 tokens, their tokenizer"),
}


@pytest.mark.parametrize("what", NO_ENCODERS)
def test_what_is_no_encoder_of_texts_is_one_message(tmp_path, what):
    kind, settings, changes, message = NO_ENCODERS[what]
    folder = save_encoder(tmp_path / "net", kind, settings, tokenizer("wordpiece", **changes))
    with pytest.raises(GoodsError, match=f"{message}.*--text-weights DIR"):
        fitted(tmp_path, folder, toy_cards(16))


def test_a_folder_without_a_tokenizer_is_one_message(tmp_path):
    folder = text_folder(tmp_path / "bert", "bert")
    for path in folder.glob("token*"):
        path.unlink()
    with pytest.raises(GoodsError, match=r"without a tokenizer.*tokenizer\.json"):
        load_encoder(str(folder), 32)


@pytest.mark.parametrize("name", ["xlm-roberta", "deberta-v2"])
def test_a_tokenizer_of_sentencepiece_alone_is_read(tmp_path, name):
    encoder = load_encoder(str(sentencepiece_folder(tmp_path / name, name)), 32)
    (numbers,) = token_numbers(encoder.tokenizer, ["молоко Ромашка"])
    assert "".join(encoder.tokenizer.convert_ids_to_tokens(numbers)) == "▁молоко▁Ромашка"
    fitted(tmp_path, tmp_path / name, toy_cards(16))
