"""timm backbones over photos, and a small network of our own with timm's methods.

`features` are what frozen models use: timm's pooled output and, where the backbone has stages, the average
and maximum of its last ones. `pooled` is timm's own output alone.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
from timm.models import group_parameters
from torch import nn


class SmallCnn(nn.Module):
    """Four blocks of convolution, batch norm, ReLU and pooling, with timm's methods; trained from scratch."""

    def __init__(self, channels: tuple[int, ...] = (32, 64, 128, 256)) -> None:
        super().__init__()
        self.num_features = channels[-1]
        self.pretrained_cfg = {"mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}
        widths = (3, *channels)
        self.blocks = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2)
                )
                for a, b in itertools.pairwise(widths)
            )
        )

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        return self.blocks(x)

    def forward_head(self, x: torch.Tensor, pre_logits: bool = False) -> torch.Tensor:
        return x.mean((2, 3))


class Backbone(nn.Module):
    """uint8 [b, 3, s, s] → vectors."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self, net: nn.Module, mean: tuple[float, ...] | None = None, std: tuple[float, ...] | None = None
    ) -> None:
        super().__init__()
        self.net = net
        config: Any = net.pretrained_cfg
        for name, given in (("mean", mean), ("std", std)):
            channels = torch.tensor(given or config[name]).view(1, 3, 1, 1) * 255
            self.register_buffer(name, channels, persistent=False)
        self.pooled_width = int(net.num_features)  # type: ignore[arg-type]
        head = getattr(net, "head_hidden_size", None)
        if isinstance(head, int):
            self.pooled_width = head

    def layers(self) -> list[list[nn.Parameter]]:
        """Parameters by stage, from the top down."""
        named = dict(self.net.named_parameters())
        try:
            stages = group_parameters(self.net, self.net.group_matcher(coarse=True), reverse=False)  # type: ignore[operator]
        except (AttributeError, NotImplementedError):
            return [list(named.values())]
        return [[named[name] for name in stages[stage]] for stage in sorted(stages, reverse=True)]

    def _normal(self, pixels: torch.Tensor) -> torch.Tensor:
        return ((pixels.float() - self.mean) / self.std).contiguous(memory_format=torch.channels_last)

    def pooled(self, pixels: torch.Tensor) -> torch.Tensor:
        """float [b, pooled_width]"""
        last = self.net.forward_features(self._normal(pixels))  # type: ignore[operator]
        return self.net.forward_head(last, pre_logits=True)  # type: ignore[operator]

    @property
    def map_width(self) -> int:
        """d of `patches`"""
        return int(self.net.num_features)  # type: ignore[arg-type]

    def patches(self, pixels: torch.Tensor) -> torch.Tensor:
        """float [b, t, map_width]: the last map's positions, or a vision transformer's tokens."""
        last = self.net.forward_features(self._normal(pixels))  # type: ignore[operator]
        if last.ndim == 3:
            return last
        return last.flatten(2).transpose(1, 2) if last.shape[1] == self.map_width else last.flatten(1, 2)

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """float [b, d], d fixed per backbone"""
        normal = self._normal(pixels)
        try:
            last, maps = self.net.forward_intermediates(normal, output_fmt="NCHW")  # type: ignore[operator]
        except (AttributeError, TypeError, AssertionError, NotImplementedError):
            last, maps = self.net.forward_features(normal), []  # type: ignore[operator]
        parts = [self.net.forward_head(last, pre_logits=True)]  # type: ignore[operator]
        if last.ndim == 4 and maps:  # channels first
            if last.shape[1] == self.pooled_width:
                parts.append(last.amax((2, 3)))
            for stage in maps[-3:]:
                parts += [stage.mean((2, 3)), stage.amax((2, 3))]
        return torch.cat(parts, 1)
