"""What a head over vectors that nothing trains leaves out, and how its inputs are dropped."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from toy_models import photo_config

from goods.models.image.backbone import Backbone, SmallCnn
from goods.models.image.image_network import FrozenNetwork, TunedNetwork
from goods.models.network import ByteDropout


@pytest.mark.parametrize("chance", [0.0, 0.1, 0.5, 0.999])
def test_dropout_by_bytes_keeps_the_mean_and_is_off_outside_training(chance):
    dropout, ones = ByteDropout(chance), torch.ones(301, 333)
    torch.manual_seed(0)
    said = dropout(ones)
    dropped = float((said == 0).float().mean())
    assert abs(dropped - min(chance, 255 / 256)) < 0.005
    assert (said[said > 0] == 256 / (256 - min(255, round(256 * chance)))).all()
    torch.manual_seed(0)
    assert torch.equal(dropout(ones), said)
    assert torch.equal(dropout.eval()(ones), ones)


def test_no_gradient_is_taken_below_the_first_product_of_a_head_over_fixed_features():
    config = photo_config()
    net = FrozenNetwork(24, 4, config, np.random.default_rng(0).normal(size=(9, 24)).astype(np.float32))
    batch = {"features": torch.randn(6, 24), "target": torch.arange(6) % 4}
    net.loss(batch | {"has": torch.ones(6, dtype=torch.bool)}, config.trainer).backward()
    assert net.head.nothing.grad is None and not list(net.head.layers[0].parameters())
    net.loss(batch | {"has": torch.arange(6) > 0}, config.trainer).backward()
    assert net.head.nothing.grad is not None
    tuned = TunedNetwork(
        Backbone(SmallCnn()), 4, photo_config(frozen=False, backbone="small_cnn", weights="scratch")
    )
    assert list(tuned.head.layers[0].parameters())
