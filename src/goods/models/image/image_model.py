"""Photos: any timm backbone, its pooled features under a small head, or fine-tuned end to end.

A card without a photo has a learned vector in place of features; a model fitted on no photo takes every card for one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from goods.cards.table import has_photo
from goods.models.base import Context
from goods.models.image.backbone_weights import load_backbone
from goods.models.image.image import ImageConfig
from goods.models.image.image_network import FeatureRows, FrozenNetwork, PixelRows, TunedNetwork
from goods.models.image.photo_features import PhotoFeatures
from goods.models.image.photo_pixels import pixels
from goods.models.network import Network
from goods.models.neural import NeuralModel

SAMPLE = 10_000  # train photos whose features tell how to standardise them


class ImageModel(NeuralModel):
    config: ImageConfig

    def __init__(self, config: ImageConfig, context: Context) -> None:
        super().__init__(config, context)
        self.features = PhotoFeatures(config, context)
        self._sample: np.ndarray | None = None  # features of train photos
        self._width = 0
        self._fitted_on_photos = True
        if not config.frozen:
            self.predict_batch = 64

    def warm(self, cards: pd.DataFrame) -> None:
        refs = photo_refs(cards)
        if refs and self.config.frozen:
            self.features.rows(refs, store=True)
        elif refs and self.context.cache is not None:
            pixels(self.context, refs, self.config.size, store=True)

    def encode(self, cards: pd.DataFrame) -> FeatureRows | PixelRows:
        target, has = cards.target.to_numpy(np.int64), self.has_input(cards)
        if self.config.frozen:
            return FeatureRows(self._vectors(cards, self._width), has, target)
        row, size = np.full(len(cards), -1, np.int64), self.config.size
        decoded = np.empty((0, size, size, 3), np.uint8)
        if has.any():
            decoded, row[has] = pixels(self.context, photo_refs(cards), size)
        return PixelRows(decoded, row, target)

    def _vectors(self, cards: pd.DataFrame, width: int) -> np.ndarray:
        """float32 [n, d] frozen features, zeros where there is no photo: `width` of them where there is none at all"""
        has = self.has_input(cards)
        found = self.features.rows(photo_refs(cards)) if has.any() else np.zeros((0, width), np.float32)
        vectors = np.zeros((len(cards), found.shape[1]), np.float32)
        vectors[has] = found
        return vectors

    def has_input(self, cards: pd.DataFrame) -> np.ndarray:
        return has_photo(cards) & self._fitted_on_photos

    def pretrained_vectors(self, cards: pd.DataFrame) -> np.ndarray:
        if not self.config.frozen:
            return super().pretrained_vectors(cards)
        return self._vectors(cards, 0 if self.has_input(cards).any() else self.features.width)

    def prepare(self, train: pd.DataFrame) -> None:
        refs = photo_refs(train)
        self._fitted_on_photos = bool(refs)
        if not self.config.frozen:
            return
        self._sample = self.features.rows(refs[:SAMPLE]) if refs else np.zeros((1, 1), np.float32)
        self._width = self._sample.shape[1]
        if self.config.places and refs:
            self._width = load_backbone(self.config, self.context.seed, empty=True).map_width

    def build(self, restore: bool = False) -> Network:
        n_classes = self.context.labels.n_classes
        if not self.config.frozen:
            backbone = load_backbone(self.config, self.context.seed, empty=restore)
            return TunedNetwork(backbone, n_classes, self.config)
        return FrozenNetwork(self._width, n_classes, self.config, None if restore else self._sample)

    def settings(self) -> dict[str, Any]:
        return {"width": self._width, "photos": self._fitted_on_photos}

    def load_parts(self, folder: Path, settings: dict[str, Any]) -> None:
        self._width, self._fitted_on_photos = int(settings["width"]), bool(settings["photos"])


def photo_refs(cards: pd.DataFrame) -> list[str]:
    """Where the photos are, of the cards that have one."""
    return [ref for ref in cards.image if isinstance(ref, str)]
