"""A step of a training asks a CPU for nothing else, and the losses that are written are those of their steps."""

from __future__ import annotations

import pytest
import torch
from toy_models import killed_after, navec_config, toy_cards, toy_context, trainer

from goods.models.network import Network
from goods.models.text.navec_model import NavecModel


@pytest.mark.parametrize("asked", ["torch.manual_seed", "torch.accelerator.current_accelerator"])
def test_a_step_on_a_cpu_asks_for_no_other_device(tmp_path, monkeypatch, asked):
    plain, calls = getattr(torch.accelerator if "accelerator" in asked else torch, asked.split(".")[-1]), []
    monkeypatch.setattr(asked, lambda *given, **named: (calls.append(1), plain(*given, **named))[1])
    asked_in = []
    for epochs in (1, 3):
        calls.clear()
        model = NavecModel(navec_config(trainer=trainer(epochs=epochs)), toy_context(tmp_path / str(epochs)))
        model.fit(toy_cards(48), None)
        asked_in.append(len(calls))
    assert asked_in[0] == asked_in[1]


@pytest.mark.parametrize("accumulate", [1, 2])
def test_every_twentieth_loss_is_logged_also_of_a_training_that_goes_on(tmp_path, monkeypatch, accumulate):
    """From batches of four, 40 an epoch; with two of them a step it is the second one's."""
    losses, logged, plain = [], [], Network.loss

    def loss(self, batch, config):
        losses.append(plain(self, batch, config))
        return losses[-1]

    def log_metrics(self, metrics, step):
        logged.extend([(step, metrics["train/loss"])] if "train/loss" in metrics else [])

    monkeypatch.setattr(Network, "loss", loss)
    monkeypatch.setattr("lightning.pytorch.loggers.TensorBoardLogger.log_metrics", log_metrics)
    config = navec_config(trainer=trainer(epochs=3, batch_size=4, accumulate=accumulate))
    with killed_after(monkeypatch, 1), pytest.raises(KeyError):
        NavecModel(config, toy_context(tmp_path)).fit(toy_cards(160), None)
    NavecModel(config, toy_context(tmp_path)).fit(toy_cards(160), None)
    last = dict(logged)
    steps = range(19, 120 // accumulate, 20)
    assert last == {
        step: pytest.approx(float(losses[(step + 1) * accumulate - 1].detach())) for step in steps
    }
