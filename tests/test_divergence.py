"""Trainings whose loss is no number any more."""

from __future__ import annotations

import numpy as np
import pytest
from toy_models import (
    killed_after,
    navec_config,
    toy_cards,
    toy_context,
    trainer,
)

from goods.core.errors import GoodsError
from goods.models.network import Network
from goods.models.text.navec_model import NavecModel


def nan_from(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """The training loss is not a number from the `step`th batch on, counted from 0."""
    plain, steps = Network.loss, []

    def loss(self, batch, config):
        steps.append(1)
        return plain(self, batch, config) * (float("nan") if len(steps) > step else 1.0)

    monkeypatch.setattr(Network, "loss", loss)


@pytest.mark.parametrize("with_valid", [False, True])
def test_a_training_that_diverges_from_the_start_is_one_message(tmp_path, with_valid):
    model = NavecModel(navec_config(trainer=trainer(lr=1e38)), toy_context(tmp_path))
    with pytest.raises(
        GoodsError, match=r"navec: .* not finite .* epoch 1; lower model\.trainer\.lr .*32-true"
    ):
        model.fit(toy_cards(48), toy_cards(16, 1) if with_valid else None)
    assert model.net is None and not list((tmp_path / "scratch").glob("*.ckpt"))


def test_a_later_epoch_that_diverges_ends_the_training_at_the_best_one(tmp_path, monkeypatch, capsys):
    cards, valid = toy_cards(48), toy_cards(16, 1)  # three batches an epoch
    config = navec_config(trainer=trainer(epochs=6))
    nan_from(monkeypatch, 7)
    model = NavecModel(config, toy_context(tmp_path / "diverged"))
    model.fit(cards, valid)
    assert model.epochs == 2 and np.isfinite(model.predict(valid)).all()
    said = [line for line in capsys.readouterr().err.splitlines() if "not finite" in line]
    assert len(said) == 1 and "epoch 3" in said[0] and "epoch 2" in said[0]
    assert not list((tmp_path / "diverged" / "scratch").glob("*.ckpt"))


def test_an_epoch_that_diverges_where_no_inner_split_keeps_a_better_one_is_an_error(tmp_path, monkeypatch):
    nan_from(monkeypatch, 4)
    model = NavecModel(navec_config(trainer=trainer(epochs=6)), toy_context(tmp_path))
    with pytest.raises(GoodsError, match="epoch 2"):
        model.fit(toy_cards(48), None)


def test_a_diverged_training_that_was_killed_before_its_end_does_not_train_on(tmp_path, monkeypatch):
    cards, valid = toy_cards(48), toy_cards(16, 1)
    config = navec_config(trainer=trainer(epochs=6))
    nan_from(monkeypatch, 7)
    with killed_after(monkeypatch, 2), pytest.raises(KeyError):
        NavecModel(config, toy_context(tmp_path)).fit(cards, valid)
    model = NavecModel(config, toy_context(tmp_path))
    model.fit(cards, valid)
    assert model.epochs == 2 and np.isfinite(model.predict(valid)).all()
