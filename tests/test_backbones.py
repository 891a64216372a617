"""Backbones of every architecture that configs name, from folders as timm's hub lays them out."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from conftest import ROOT
from safetensors.torch import load_file, save_file
from tiny_weights import image_folder
from toy_models import toy_cards, toy_context, toy_photos, trainer

from goods.cards.images import ImageStore
from goods.config.base import StartingWeights
from goods.core.errors import GoodsError
from goods.models.image.backbone_weights import load_backbone
from goods.models.image.image import ImageConfig
from goods.models.image.image_model import ImageModel


def from_folder(folder: Path, **changes) -> ImageConfig:
    """What `--image-weights folder` makes of an experiment with hub weights."""
    settings = {"backbone": "resnet10t", "weights": "hub", "size": 32, "frozen": False, "hidden": 16}
    how = trainer(epochs=1, batch_size=8, max_steps=1)
    config = ImageConfig(**{"family": "image", "trainer": how} | settings | changes)
    return config.with_weights(StartingWeights(image=folder))


BACKBONES = [
    ("resnet10t.c3_in1k", 32),
    ("efficientnet_b0.ra_in1k", 32),
    ("convnext_atto.d2_in1k", 32),
    ("convnextv2_atto.fcmae_ft_in1k", 32),
    pytest.param("vit_tiny_patch16_224.augreg_in21k_ft_in1k", 224, marks=pytest.mark.slow),
    pytest.param("vit_tiny_patch16_dinov3_qkvb.eupe_lvd1689m", 256, marks=pytest.mark.slow),
    pytest.param("maxvit_rmlp_pico_rw_256.sw_in1k", 256, marks=pytest.mark.slow),
]


def test_timm_has_weights_of_the_backbones_that_the_page_names():
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    table = page.partition("| `backbone` |")[2].partition("\n\n")[0]
    named = re.findall(r"`(\w+\.\w+)`", table.replace("model.size", ""))
    assert len(named) == 5
    assert [name for name in named if name not in timm.list_pretrained(name.partition(".")[0] + "*")] == []


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize(("name", "size"), BACKBONES)
def test_a_backbone_is_read_takes_a_step_and_comes_back_from_disk(tmp_path, name, size, frozen):
    folder = image_folder(tmp_path / "weights", name)
    config = from_folder(folder, frozen=frozen)
    assert (config.backbone, config.size) == (name.partition(".")[0], size)
    held = load_file(folder / "model.safetensors")
    for key, value in load_backbone(config, seed=5).net.state_dict().items():
        assert torch.equal(value, held[key]), key
    cards = toy_photos(tmp_path, toy_cards(8))
    context = toy_context(tmp_path, images=ImageStore(tmp_path))
    model = ImageModel(config, context)
    model.warm(cards)
    model.fit(cards, None)
    said = model.predict(cards)
    assert np.isfinite(said).all()
    model.save(tmp_path / "saved")
    if not frozen:  # the fold has all it needs
        (folder / "model.safetensors").unlink()
    again = ImageModel(config, replace(context, seed=7))
    again.load(tmp_path / "saved")
    np.testing.assert_array_equal(again.predict(cards), said)


def test_photos_are_normalised_as_those_that_the_weights_were_trained_on(tmp_path):
    folder = image_folder(tmp_path / "weights", "resnet10t.c3_in1k")
    described = json.loads((folder / "config.json").read_text())
    described["pretrained_cfg"] |= {"tag": "of_ours", "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.1]}
    (folder / "config.json").write_text(json.dumps(described))
    for frozen in (True, False):
        backbone = load_backbone(from_folder(folder, frozen=frozen), 0)
        torch.testing.assert_close(backbone.mean.flatten(), torch.tensor([0.5, 0.4, 0.3]) * 255)
        torch.testing.assert_close(backbone.std.flatten(), torch.tensor([0.2, 0.2, 0.1]) * 255)


def test_weights_of_16_bits_on_disk_are_tuned_in_32(tmp_path):
    folder = image_folder(tmp_path / "weights", "resnet10t.c3_in1k")
    held = load_file(folder / "model.safetensors")
    save_file({k: v.half() for k, v in held.items()}, folder / "model.safetensors")
    state = load_backbone(from_folder(folder), 0).net.state_dict()
    assert {v.dtype for v in state.values() if v.is_floating_point()} == {torch.float32}
    assert torch.equal(state["conv1.0.weight"], held["conv1.0.weight"].half().float())


@pytest.mark.parametrize(
    ("name", "size"), [("vit_tiny_patch16_224", 224), ("maxvit_rmlp_pico_rw_256.sw_in1k", 256)]
)
def test_a_size_that_a_backbone_does_not_take_is_one_message(name, size):
    config = ImageConfig(family="image", backbone=name, weights="scratch", size=64, trainer=trainer())
    with pytest.raises(GoodsError, match=f"photos of {size} pixels, not of 64; set model.size to {size}"):
        load_backbone(config, 0)


def test_a_checkpoint_of_a_network_of_other_arguments_is_one_message(tmp_path):
    folder = image_folder(tmp_path / "weights", "vit_tiny_patch16_224", depth=2)
    with pytest.raises(GoodsError, match=r"model\.safetensors: does not fit the backbone"):
        load_backbone(from_folder(folder), 0)
