"""Every neural family on a GPU: twice the same bytes, killed and gone on from, in every arithmetic, back on a CPU."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from toy_models import (
    MLM,
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
from goods.config.base import FamilyConfig
from goods.models.base import Model, Upstream
from goods.models.image.image import ImageConfig
from goods.models.inference import repeatable
from goods.models.joint.contrastive import ContrastiveConfig
from goods.models.joint.fusion import FusionConfig
from goods.models.loop import train_network
from goods.models.network import Network
from goods.models.rows import VectorRows
from goods.models.text.navec_network import largest
from goods.models.training import Training

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]

Weights = dict[str, torch.Tensor]


def photo(**changes) -> ImageConfig:
    settings = {"backbone": "small_cnn", "weights": "scratch", "size": 32, "frozen": False, "hidden": 32}
    return ImageConfig(**({"family": "image", "dropout": 0.1, "trainer": trainer()} | settings | changes))


def joint(kind: str, how) -> FamilyConfig:
    if kind == "fusion":
        sides = {"text": {"experiment": "text"}, "image": {"experiment": "photo"}}
        return FusionConfig(family="fusion", join="cross", width=32, hidden=32, trainer=how, **sides)
    small = {"vocabulary": 200, "max_tokens": 16, "width": 16, "heads": 2, "layers": 1, "joint_layers": 1}
    captions = {"family": "caption", "tokens": "subword", **small}
    text = navec_config().model_dump() if kind == "clip" else captions
    pretrain = trainer(epochs=2, batch_size=32)
    sizes = {"width": 16, "chunk": 8, "hidden": 32}
    return ContrastiveConfig(
        family="contrastive", text=text, image=photo(), pretrain=pretrain, trainer=how, **sizes
    )


def settings_of(kind: str, how) -> FamilyConfig:
    family, _, what = kind.partition("-")
    if family == "navec":
        return navec_config(head=what, tune_vectors=True, trainer=how)
    if family == "transformer":
        return scratch_config(mlm=MLM if what == "mlm" else None, trainer=how)
    if family == "image":
        size = 224 if what.endswith("224") else 64
        return photo(backbone=what, frozen=what.endswith("lite0"), size=size, flip_test=False, trainer=how)
    return joint(kind, how)


KINDS = [
    "navec-pooled",
    "navec-textcnn",
    "navec-attention",
    "transformer-scratch",
    "transformer-mlm",
    "image-small_cnn",
    "image-resnet10t",
    "image-vit_tiny_patch16_224",
    "image-tf_efficientnet_lite0",
    "fusion",
    "clip",
    "coca",
]


def built(kind: str, folder: Path, **changes) -> tuple[Model, pd.DataFrame, pd.DataFrame]:
    """A model on the GPU, its cards and its inner split; what it builds on is trained."""
    train, valid = (toy_photos(folder, toy_cards(n, seed)) for n, seed in ((96, 0), (32, 1)))
    context = toy_context(folder, images=ImageStore(folder), device="cuda:0", threads=3)
    if kind == "fusion":
        sides = {"text": scratch_config(), "photo": photo()}
        for name, config in sides.items():
            side = config.build(replace(context, scratch=folder / name / "scratch"))
            side.fit(train, None)
            side.save(folder / name)
        upstream = {name: Upstream(config, folder / name, name) for name, config in sides.items()}
        context = replace(context, upstream=upstream)
    model = settings_of(kind, trainer(**({"epochs": 3} | changes))).build(context)
    model.warm(pd.concat([train, valid]))
    return model, train, valid


def fitted(kind: str, folder: Path, **changes) -> Weights:
    model, train, valid = built(kind, folder, **changes)
    model.fit(train, valid)
    return {name: value.cpu() for name, value in model.net.state_dict().items()}


def same(one: Weights, other: Weights) -> list[str]:
    """Names of what differs."""
    assert one.keys() == other.keys()
    return [name for name, value in one.items() if not torch.equal(value, other[name])]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_fold_twice_is_the_same_bytes(tmp_path, kind, capsys):
    first, second = fitted(kind, tmp_path / "one"), fitted(kind, tmp_path / "two")
    assert same(first, second) == []
    assert "no fixed order" not in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["navec-attention", "transformer-scratch", "image-small_cnn"])
@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
def test_a_killed_training_ends_with_the_bytes_of_one_that_was_not(tmp_path, monkeypatch, kind, precision):
    how = {"precision": precision, "ema": 0.9, "accumulate": 2, "soup": 2}
    whole = fitted(kind, tmp_path / "whole", **how)
    with killed_after(monkeypatch, 1), pytest.raises(KeyError):
        fitted(kind, tmp_path / "resumed", **how)
    assert list((tmp_path / "resumed" / "scratch").glob("*.ckpt"))
    assert same(whole, fitted(kind, tmp_path / "resumed", **how)) == []


@pytest.mark.parametrize("precision", ["auto", "32-true", "16-mixed", "bf16-mixed"])
@pytest.mark.parametrize("kind", ["navec-pooled", "transformer-scratch"])
def test_networks_learn_in_every_arithmetic_and_come_back_on_a_cpu(tmp_path, kind, precision):
    model, train, valid = built(kind, tmp_path, precision=precision, epochs=12)
    model.fit(train, valid)
    test = toy_cards(40, 2)
    assert accuracy(model, test) > 0.9
    model.save(tmp_path / "saved")
    again = type(model)(model.config, replace(model.context, device="cpu", cache=None))
    again.load(tmp_path / "saved")
    np.testing.assert_allclose(again.predict(test), model.predict(test), atol=2e-3)


def test_adapted_and_rdropped_trainings_learn(tmp_path):
    model, train, valid = built("transformer-mlm", tmp_path, epochs=12, rdrop=0.5, class_balance=0.5)
    model.fit(train, valid)
    assert accuracy(model, toy_cards(40, 2)) > 0.9


def test_the_largest_of_the_words_is_that_of_a_cpu_and_its_gradient_has_an_order():
    random = torch.Generator().manual_seed(0)
    lengths = torch.randint(0, 12, (300,), generator=random)
    offsets = torch.cat([torch.zeros(1, dtype=torch.long), lengths.cumsum(0)])
    words = torch.randint(200, (int(lengths.sum()),), generator=random)
    vectors = torch.randn(200, 48, generator=random)
    weight = torch.randn(300, 48, generator=random)

    def gradient(device: str) -> torch.Tensor:
        leaf = vectors.clone().to(device).requires_grad_()
        top = largest(leaf, words.to(device), offsets.to(device))
        assert torch.equal(top.cpu(), largest(vectors, words, offsets))
        (top * weight.to(device)).sum().backward()
        assert leaf.grad is not None
        return leaf.grad.cpu()

    with repeatable(strict=True):
        first, second = (gradient("cuda:0") for _ in range(2))
    assert torch.equal(first, second)
    torch.testing.assert_close(first, gradient("cpu"))


def test_features_of_photos_are_the_same_bytes_whatever_their_files_times(tmp_path):
    """Their keys hold times; the last batch of the photos is not full."""
    found = []
    for name in ("one", "two", "three"):
        model, train, valid = built("image-tf_efficientnet_lite0", tmp_path / name)
        found.append(model.pretrained_vectors(pd.concat([train, valid])))
    assert np.isfinite(found[0]).all() and found[0].std() > 0
    assert all((other == found[0]).all() for other in found[1:])


class Reflecting(Network):
    """Has an operation whose gradient a GPU adds up in any order, and none that it could use instead."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.last = nn.Linear(6, 16), nn.Linear(32, 3)

    def embed(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        square = self.body(batch["vectors"]).view(-1, 1, 4, 4)
        return F.interpolate(square, (4, 8), mode="bicubic").flatten(1)

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.last(self.embed(batch))


def test_an_operation_without_an_order_is_told_of_and_done_as_it_is(tmp_path, capsys):
    vectors = np.random.default_rng(0).standard_normal((96, 6)).astype(np.float32)
    torch.manual_seed(0)
    rows, net = VectorRows(vectors, np.argmax(vectors[:, :3], 1)), Reflecting()
    context = toy_context(tmp_path, device="cuda:0")
    train_network(net, rows, None, trainer(epochs=24), context, tmp_path, Training("", "odd"))
    with torch.no_grad():
        said = net({"vectors": torch.from_numpy(vectors).cuda()}).argmax(1).cpu().numpy()
    assert (said == rows.target).mean() > 0.8
    told = [line for line in capsys.readouterr().err.splitlines() if "no fixed order" in line]
    assert len(told) == 1 and told[0].startswith("odd: ") and "bicubic" in told[0]
