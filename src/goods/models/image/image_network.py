"""Batches of photos and of their features, and the networks over them."""

from __future__ import annotations

import numpy as np
import torch
from kornia import augmentation
from torch import nn

from goods.models.image.backbone import Backbone
from goods.models.image.image import ImageConfig
from goods.models.network import Network, Standardise, freeze_below, hidden_layers


class FeatureRows:
    """Frozen features float32 [n, d], zeros where `has` is false."""

    lengths: np.ndarray | None = None

    def __init__(self, features: np.ndarray, has: np.ndarray, target: np.ndarray) -> None:
        self.features, self.has, self.target = features, has, target

    def batch(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        return {
            "features": torch.from_numpy(self.features[rows]),
            "has": torch.from_numpy(self.has[rows]),
        }


class PixelRows:
    """Decoded photos uint8 [m, size, size, 3], one for each card that has one; `row` is -1 for the others."""

    lengths: np.ndarray | None = None

    def __init__(self, pixels: np.ndarray, row: np.ndarray, target: np.ndarray) -> None:
        self.pixels, self.row, self.target = pixels, row, target

    def batch(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        row = self.row[rows]
        has = row >= 0
        pixels = torch.from_numpy(np.ascontiguousarray(self.pixels[row[has]])).permute(0, 3, 1, 2)
        return {"pixels": pixels, "has": torch.from_numpy(has)}


class Head(nn.Module):
    """Features [b, d] → hidden vector; the learned `nothing` stands for a photo that is not there."""

    def __init__(self, width: int, config: ImageConfig) -> None:
        super().__init__()
        self.nothing = nn.Parameter(torch.randn(width) * 0.02)
        self.layers = hidden_layers(width, config.hidden, config.dropout, fixed=config.frozen)

    def forward(self, features: torch.Tensor, has: torch.Tensor) -> torch.Tensor:
        return self.layers(features if has.all() else torch.where(has[:, None], features, self.nothing))


class FrozenNetwork(Network):
    """features float [b, d], or with `places` [b, t · d]: the head sees their mean."""

    def __init__(self, width: int, n_classes: int, config: ImageConfig, sample: np.ndarray | None) -> None:
        super().__init__()
        self.patch_width = width if config.places else None
        self.standardise = Standardise(width, sample if sample is None else sample.reshape(-1, width))
        self.head = Head(width, config)
        self.last = nn.Linear(config.hidden, n_classes)

    def _parts(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """float [b, t, d], standardised, also where a card has no photo"""
        features = batch["features"]
        return self.standardise(features.view(len(features), -1, self.standardise.mean.shape[0]))

    @property
    def states_width(self) -> int:
        return self.width if self.patch_width is None else self.patch_width

    def states(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        if self.patch_width is None:
            return super().states(batch)
        parts = self._parts(batch) * batch["has"][:, None, None]
        return parts, torch.ones(parts.shape[:2], dtype=torch.bool, device=parts.device)

    def embed(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        parts = self._parts(batch)
        return self.head(parts[:, 0] if parts.shape[1] == 1 else parts.mean(1), batch["has"])

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.last(self.embed(batch))


class TunedNetwork(Network):
    """The backbone under the head; in training each photo is cropped, mirrored and re-coloured on its own."""

    def __init__(self, backbone: Backbone, n_classes: int, config: ImageConfig) -> None:
        super().__init__()
        self.backbone = backbone
        freeze_below(backbone.layers(), config.train_layers)
        self.head = Head(backbone.pooled_width, config)
        self.last = nn.Linear(config.hidden, n_classes)
        self.flip_test = config.flip_test
        side = (config.size, config.size)
        self.augment = augmentation.AugmentationSequential(
            augmentation.RandomResizedCrop(
                side, scale=(0.6, 1.0), ratio=(0.8, 1.25), cropping_mode="resample"
            ),
            augmentation.RandomHorizontalFlip(),
            augmentation.RandomBrightness((0.8, 1.2)),
            augmentation.RandomContrast((0.8, 1.2)),
            augmentation.RandomSaturation((0.8, 1.2)),
            data_keys=["input"],
        )

    def pretrained(self) -> list[list[nn.Parameter]]:
        return self.backbone.layers()

    @property
    def states_width(self) -> int:
        return self.backbone.map_width

    def _shown(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """The batch's photos, in training each with an augmentation of its own, all at once."""
        pixels = batch["pixels"]
        return self.augment(pixels.float() / 255) * 255 if self.training else pixels

    def embed(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        has = batch["has"]
        features = torch.zeros(len(has), self.backbone.pooled_width, device=has.device)
        if has.any():
            pixels = self._shown(batch)
            found = self.backbone.pooled(pixels)
            if self.flip_test and not self.training:
                found = (found + self.backbone.pooled(pixels.flip(3))) / 2
            features[has] = found.float()
        return self.head(features, has)

    def states(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """The backbone's last map, a part per position; a card without a photo has one part of zeros."""
        has = batch["has"]
        if not has.any():
            return torch.zeros(len(has), 1, self.states_width, device=has.device), torch.ones_like(has)[
                :, None
            ]
        patches = self.backbone.patches(self._shown(batch)).float()
        states = torch.zeros(len(has), *patches.shape[1:], device=has.device)
        states[has] = patches
        there = has[:, None].repeat(1, patches.shape[1])
        there[:, 0] = True
        return states, there

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.last(self.embed(batch))
