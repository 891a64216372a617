"""Photos: any timm backbone, its pooled features under a small head, or fine-tuned end to end.

Over frozen features the network is fitted on photos alone, for without one all cards are alike to it: they get the
shares of the classes among such cards. A tuned network learns a vector in place of a photo. A model fitted on no photo
takes every card for one without.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

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
        # [C] of the classes, of cards without a photo; none where it is tuned
        self.shares = np.empty(0, np.float32)
        if not config.frozen:
            self.predict_batch = 64

    def warm(self, cards: pd.DataFrame) -> None:
        refs = photo_refs(cards)
        if refs and self.config.frozen:
            self.features.rows(refs, store=True)
        elif refs and self.context.cache is not None:
            pixels(self.context, refs, self.config.size, store=True)

    def fit(self, train: pd.DataFrame, valid: pd.DataFrame | None) -> None:
        if not self.config.frozen:
            super().fit(train, valid)
            return
        self.check_given(train)
        has = has_photo(train)
        self.shares = class_shares(train.target.to_numpy(), ~has, self.context.labels.n_classes)
        if has.any():
            # photos are seen as often as if all cards were, so a set with few is not trained on for longer
            trainer = self.config.trainer
            trainer = trainer.model_copy(update={"epochs": trainer.epochs_of(len(train)), "max_steps": None})
            self.train_net(train[has], None if valid is None else valid[has_photo(valid)], trainer)
        else:
            torch.manual_seed(self.context.seed)
            self.prepare(train)
            self.net = self.build().eval()

    def predict(self, cards: pd.DataFrame) -> np.ndarray:
        has = self.has_input(cards)
        if not len(self.shares) or has.all():
            return super().predict(cards)
        self._fitted()
        proba = np.tile(self.shares, (len(cards), 1))
        proba[has] = super().predict(cards[has])
        return proba

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
        shares = self.shares.tolist()
        return {"width": self._width, "photos": self._fitted_on_photos, "shares": shares}

    def load_parts(self, folder: Path, settings: dict[str, Any]) -> None:
        self._width, self._fitted_on_photos = int(settings["width"]), bool(settings["photos"])
        self.shares = np.array(settings["shares"], np.float32)


def class_shares(target: np.ndarray, among: np.ndarray, n_classes: int) -> np.ndarray:
    """float32 [C] shares of the classes among the cards that bool [n] `among` names, as if there were a card more per
    class, of the classes that all cards are of: those it names may be few, and have none of a class."""
    of_all = np.bincount(target, minlength=n_classes) + 1.0
    counts = np.bincount(target[among], minlength=n_classes) + n_classes * of_all / of_all.sum()
    return (counts / counts.sum()).astype(np.float32)


def photo_refs(cards: pd.DataFrame) -> list[str]:
    """Where the photos are, of the cards that have one."""
    return [ref for ref in cards.image if isinstance(ref, str)]
