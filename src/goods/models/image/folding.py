"""Batch norms of a network that is no longer trained, folded into the convolutions before them: the same function, with
two passes over each map less."""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from goods.models.image.backbone import Backbone

OFF = 1e-3  # of the largest feature, by which those of a folded network may differ: it is another network beyond


def folded(backbone: Backbone, size: int) -> Backbone:
    """A copy of it in evaluation mode for photos of `size` pixels; as it is where nothing can be folded."""
    backbone = backbone.eval()
    probe = torch.linspace(0, 255, 3 * size * size).view(1, 3, size, size)
    with torch.no_grad():
        pairs, expected = _pairs(backbone, probe)
        if not pairs:
            return backbone
        other = copy.deepcopy(backbone)
        for conv, norm in pairs:
            _fold(other, conv, norm)
        found = other.features(probe)
    # what else than its norm sees a convolution's map would see another one
    near = (found - expected).abs().max() <= OFF * expected.abs().max()
    return other if near else backbone


def _pairs(backbone: Backbone, probe: torch.Tensor) -> tuple[list[tuple[str, str]], torch.Tensor]:
    """Names of convolutions and of the norms that are given their maps, each used once, and the features of `probe`."""
    pairs: list[tuple[str, str]] = []
    last: list[tuple[str, torch.Tensor]] = []  # the convolution that came last, and its map
    hooks = []

    def convolved(name: str) -> Any:
        return lambda module, given, map_: last.__setitem__(slice(None), [(name, map_)])

    def normed(name: str) -> Any:
        def note(module: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
            if last and given[0] is last[0][1]:
                pairs.append((last[0][0], name))

        return note

    for name, module in backbone.named_modules():
        if isinstance(module, nn.Conv2d):
            hooks.append(module.register_forward_hook(convolved(name)))
        elif isinstance(module, nn.BatchNorm2d):
            hooks.append(module.register_forward_pre_hook(normed(name)))
    features = backbone.features(probe)
    for hook in hooks:
        hook.remove()
    times = Counter(name for pair in pairs for name in pair)
    return [pair for pair in pairs if max(times[name] for name in pair) == 1], features


def _fold(backbone: Backbone, conv: str, norm: str) -> None:
    convolution: Any = backbone.get_submodule(conv)
    batch_norm: Any = backbone.get_submodule(norm)
    backbone.set_submodule(conv, fuse_conv_bn_eval(convolution, batch_norm))
    # timm's norms end in an activation
    backbone.set_submodule(norm, getattr(batch_norm, "act", nn.Identity()))
