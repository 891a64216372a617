"""What a GPU takes of the training loop, without one: 16 bits, scaled gradients, several batches a step, checkpoints
of another device, devices by number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from toy_models import (
    Plain,
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
from goods.config.trainer import TrainerConfig
from goods.core.errors import GoodsError
from goods.models import loop
from goods.models.image.image import ImageConfig
from goods.models.image.image_model import ImageModel
from goods.models.learner import Learner
from goods.models.lightning_parts import L
from goods.models.loop import precision_for, train_network, trainer_settings
from goods.models.neural import NeuralModel
from goods.models.rows import VectorRows, batches
from goods.models.text.navec_model import NavecModel
from goods.models.text.transformer_model import TransformerModel
from goods.models.training import DivergenceCheck, Training
from goods.models.weights import MovingAverage

Weights = dict[str, torch.Tensor]


def same(one: Weights, other: Weights) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


def toy_model(kind: str, folder: Path, **changes) -> NeuralModel:
    context = toy_context(folder, images=ImageStore(folder))
    if kind == "image":
        settings = {"backbone": "resnet10t", "weights": "scratch", "size": 32, "frozen": False, "hidden": 32}
        how = trainer(**{"epochs": 8, "lr": 0.003} | changes)
        return ImageModel(ImageConfig(family="image", dropout=0.1, trainer=how, **settings), context)
    if kind == "transformer":
        return TransformerModel(scratch_config(trainer=trainer(**{"epochs": 10} | changes)), context)
    return NavecModel(navec_config(trainer=trainer(**changes)), context)


class Seen:
    """What the training loss was, step by step, and what arithmetic the logits came in."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.losses: list[float] = []
        self.kinds: set[torch.dtype] = set()
        step = Learner.training_step

        def noted(learner, batch, batch_idx):
            handle = learner.net.last.register_forward_hook(lambda m, i, out: self.kinds.add(out.dtype))
            loss = step(learner, batch, batch_idx)
            handle.remove()
            self.losses.append(float(loss.detach()))
            return loss

        monkeypatch.setattr(Learner, "training_step", noted)

    def fell(self) -> bool:
        return np.mean(self.losses[-5:]) < 0.5 * np.mean(self.losses[:5])


@pytest.mark.parametrize(
    ("kind", "precision"),
    [
        ("navec", "bf16-mixed"),
        ("navec", "16-mixed"),
        ("transformer", "bf16-mixed"),
        pytest.param("image", "bf16-mixed", marks=pytest.mark.slow),
    ],
)
def test_networks_learn_in_bfloat16_and_keep_their_weights_in_32_bits(tmp_path, monkeypatch, kind, precision):
    seen = Seen(monkeypatch)
    train, test = (toy_photos(tmp_path, toy_cards(n, seed)) for n, seed in ((96, 0), (32, 2)))
    model = toy_model(kind, tmp_path, precision=precision)
    model.fit(train, test)
    assert seen.kinds == {torch.bfloat16} and seen.fell()
    assert {v.dtype for v in model.net.state_dict().values() if v.is_floating_point()} == {torch.float32}
    assert accuracy(model, test[test.image.notna()]) > (0.6 if kind == "image" else 0.9)


def test_a_killed_training_in_bfloat16_ends_with_the_bytes_of_one_that_was_not(tmp_path, monkeypatch):
    def fitted(name: str) -> Weights:
        model = toy_model("navec", tmp_path / name, precision="bf16-mixed", ema=0.9, accumulate=2)
        model.fit(toy_cards(80), toy_cards(24, 1))
        return model.net.state_dict()

    whole = fitted("whole")
    with killed_after(monkeypatch, 1), pytest.raises(KeyError):
        fitted("resumed")
    assert same(whole, fitted("resumed"))


def scaled(monkeypatch: pytest.MonkeyPatch, scale: float) -> list[torch.amp.GradScaler]:
    """Trainings set to 16-mixed have scaled gradients, as on a GPU, where a CPU has bfloat16; the scaler of each."""
    scalers = []
    plain = trainer_settings

    def settings(config, context):
        scalers.append(torch.amp.GradScaler("cpu", init_scale=scale, growth_interval=1_000))
        plugin = L.pytorch.plugins.MixedPrecision("16-mixed", "cpu", scaler=scalers[-1])
        return {k: v for k, v in plain(config, context).items() if k != "precision"} | {"plugins": [plugin]}

    monkeypatch.setattr(loop, "trainer_settings", settings)
    return scalers


@pytest.mark.parametrize("scale", [2.0**10, 2.0**26])
def test_scaled_gradients_learn_and_a_step_that_overflows_is_skipped(tmp_path, monkeypatch, scale):
    seen, scalers = Seen(monkeypatch), scaled(monkeypatch, scale)
    model = toy_model("navec", tmp_path, epochs=16, patience=16, precision="16-mixed")
    model.fit(toy_cards(96), toy_cards(32, 1))
    assert seen.kinds == {torch.float16} and np.isfinite(seen.losses).all() and seen.fell()
    assert accuracy(model, toy_cards(40, 2)) > 0.9
    (scaler,) = scalers
    assert scaler.get_scale() == scale if scale < 2**16 else 2**10 < scaler.get_scale() < scale


def test_a_training_with_scaled_gradients_goes_on_with_its_scale(tmp_path, monkeypatch):
    scalers = scaled(monkeypatch, 2.0**30)

    def fitted(name: str) -> Weights:
        model = toy_model("navec", tmp_path / name, epochs=6, precision="16-mixed")
        model.fit(toy_cards(80), None)
        return model.net.state_dict()

    whole = fitted("whole")
    with killed_after(monkeypatch, 2), pytest.raises(KeyError):
        fitted("resumed")
    assert same(whole, fitted("resumed"))
    assert scalers[0].get_scale() == scalers[2].get_scale() < 2.0**30


@pytest.mark.parametrize("batch_size", [16, 12])
def test_several_batches_a_step_train_as_one_of_their_size_does(tmp_path, batch_size):
    vectors = np.random.default_rng(0).standard_normal((96, 6)).astype(np.float32)
    rows = VectorRows(vectors, np.argmax(vectors[:, :3], 1))

    def trained(batch_size: int, accumulate: int) -> Weights:
        torch.manual_seed(0)
        net = Plain()
        how = trainer(epochs=3, batch_size=batch_size, accumulate=accumulate, warmup_share=0.3)
        context = toy_context(tmp_path)
        train_network(net, rows, None, how, context, tmp_path / "scratch", Training("", "plain"))
        return net.state_dict()

    expected, found = trained(2 * batch_size, 1), trained(batch_size, 2)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-5)
    assert not same(expected, trained(batch_size, 1))


def test_a_checkpoint_of_a_gpu_is_gone_on_from_without_one(tmp_path, monkeypatch):
    def fitted(name: str) -> Weights:
        model = toy_model("navec", tmp_path / name, soup=2, ema=0.9)
        model.fit(toy_cards(80), toy_cards(24, 1))
        return model.net.state_dict()

    whole = fitted("whole")
    with monkeypatch.context() as patch:
        patch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
        with killed_after(monkeypatch, 1), pytest.raises(KeyError):
            fitted("resumed")
    (checkpoint,) = (tmp_path / "resumed" / "scratch").glob("*.ckpt")
    with pytest.raises(RuntimeError, match="CUDA"):
        torch.load(checkpoint, weights_only=True)
    assert same(whole, fitted("resumed"))


def test_a_device_is_the_one_that_the_job_was_told(monkeypatch, tmp_path):
    config = TrainerConfig(accumulate=3)
    for device, devices in (("cuda:3", [3]), ("cuda:0", [0])):
        settings = trainer_settings(config, toy_context(tmp_path, device=device))
        assert (settings["accelerator"], settings["devices"]) == ("gpu", devices)
    settings = trainer_settings(config, toy_context(tmp_path))
    assert (settings["accelerator"], settings["devices"]) == ("cpu", 1)
    assert settings["accumulate_grad_batches"] == 3


@pytest.mark.parametrize(("has_bfloat16", "expected"), [(True, "bf16-mixed"), (False, "16-mixed")])
def test_arithmetic_is_what_the_device_is_fast_in_unless_it_is_set(monkeypatch, has_bfloat16, expected):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bfloat16)
    assert precision_for("auto", "cuda:1") == expected and precision_for("auto", "cpu") == "32-true"
    assert (
        precision_for("32-true", "cuda:1") == "32-true" and precision_for("bf16-mixed", "cpu") == "bf16-mixed"
    )


def test_a_loss_that_float16_cannot_hold_is_one_message(tmp_path, monkeypatch):
    scaled(monkeypatch, 2.0**10)
    model = toy_model("navec", tmp_path, lr=1e30, precision="16-mixed")
    with pytest.raises(GoodsError, match=r"not finite.*precision to 32-true"):
        model.fit(toy_cards(48), None)


def test_the_moving_average_is_kept_where_the_network_will_be_trained(tmp_path):
    how, context = trainer(ema=0.9), toy_context(tmp_path, device="meta")
    rows = VectorRows(np.zeros((20, 6), np.float32), np.arange(20) % 3)
    first = DivergenceCheck(Training("key", "toy"))
    callbacks = loop.callbacks_of(first, how, context, batches(rows, 16, seed=0), tmp_path / "toy.ckpt")
    (average,) = (one for one in callbacks if isinstance(one, MovingAverage))
    average.setup(L.Trainer(accelerator="cpu", logger=False), Learner(Plain(), how, 2, 0), "fit")
    assert average._average_model is not None
    assert {weights.device.type for weights in average._average_model.parameters()} == {"meta"}
