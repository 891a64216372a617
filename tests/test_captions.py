"""Captions beside the contrastive loss (CoCa)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy_models import accuracy, joint_config, photo_config, trainer

from goods.models.joint.contrastive_model import ContrastiveModel


def coca_config(**changes):
    caption = {
        "family": "caption",
        "vocabulary": 200,
        "max_tokens": 12,
        "width": 32,
        "heads": 4,
        "layers": 1,
        "joint_layers": 1,
        "queries": 3,
        "dropout": 0.0,
    }
    text = caption | changes.pop("caption", {})
    image = photo_config(dropout=0.0, places=True, size=64).model_dump()
    return joint_config(text=text, image=image, **changes)


@pytest.mark.parametrize("tokens", ["subword", "navec"])
def test_captions_are_learned_and_come_back_from_disk(photos, tmp_path, tokens):
    cards, context = photos
    config = coca_config(
        caption={"tokens": tokens}, holdout=0.2, pretrain=trainer(epochs=8, batch_size=32, lr=0.003)
    )
    model = ContrastiveModel(config, context)
    report = model.pretrain(cards)
    assert report["after"]["caption loss per token"] < 0.8 * report["before"]["caption loss per token"]
    assert report["after"]["loss"] < report["before"]["loss"]
    model.fit(cards[:120], cards[120:140])
    assert accuracy(model, cards[140:]) > 0.8
    model.save(tmp_path / "saved")
    back = ContrastiveModel(config, replace(context, cache=None))
    back.load(tmp_path / "saved")
    np.testing.assert_allclose(back.predict(cards), model.predict(cards), atol=2e-3)


def coca_network(photos, **changes):
    cards, context = photos
    model = ContrastiveModel(coca_config(**changes), context)
    encoders = model.encoders
    encoders.models = {side: encoders.side(side) for side in ("text", "image")}
    for side in encoders.models.values():
        side.prepare(cards)
    torch.manual_seed(0)
    net = encoders.network({side: m.build() for side, m in encoders.models.items()})
    return cards, net.eval(), encoders.rows(cards)


def test_a_caption_is_predicted_from_the_words_before_and_the_photo_alone(photos):
    cards, net, rows = coca_network(photos)
    with_photo = np.flatnonzero(cards.image.notna())[:6]
    batch = rows.batch(with_photo)
    text = {name.removeprefix("text."): v for name, v in batch.items() if name.startswith("text.")}
    changed = text | {"tokens": text["tokens"].clone()}
    changed["tokens"][:, 4] = 7
    before, whole = net.sides["text"].read(text)
    after, other = net.sides["text"].read(changed)
    torch.testing.assert_close(before[:, :4], after[:, :4])  # no word sees a later one
    assert not torch.allclose(whole, other)  # the class token sees all
    # another photo changes what is predicted
    first = net.look_at(batch)[2][0]
    swapped = dict(batch)
    swapped["image.features"] = batch["image.features"].flip(0) + 1
    assert not torch.allclose(first, net.look_at(swapped)[2][0])


def test_padding_changes_nothing_of_a_text(photos):
    _, net, rows = coca_network(photos)
    lengths = rows.sides["text"].tokens.lengths
    short, long = int(lengths.argmin()), int(lengths.argmax())
    assert lengths[short] < lengths[long]
    alone, together = (
        rows.sides["text"].batch(np.array([short])),
        rows.sides["text"].batch(np.array([short, long])),
    )
    torch.testing.assert_close(net.sides["text"].embed(alone)[0], net.sides["text"].embed(together)[0])


def test_the_caption_loss_is_that_of_every_following_token(photos):
    _, net, rows = coca_network(photos)
    batch = rows.batch(np.arange(8))
    summed, tokens = net.look_at(batch)[2]
    mask = batch["text.mask"]
    assert int(tokens) == int(mask[:, 1:].sum())
    # an untrained network is about as good as guessing
    assert float((summed / tokens).detach()) == pytest.approx(
        np.log(net.caption.out[1].out_features), rel=0.2
    )
