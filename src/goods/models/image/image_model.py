"""Photos: any timm backbone, its pooled features under a small head, or fine-tuned end to end.

writes: `context.cache`/features-<hash>.npz (frozen) or pixels-<size>.npy (fine-tuning), from photos and
weights alone. A card without a photo has a learned vector in place of features.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from goods.cards.images import ImageStore, load_arrays
from goods.cards.table import has_photo
from goods.core.artifacts import atomic
from goods.core.errors import GoodsError
from goods.core.hashing import content_hash
from goods.models.base import Context
from goods.models.image.backbone import Backbone, load_backbone, weights_key
from goods.models.image.image import ImageConfig
from goods.models.image.image_network import (
    FEATURE_BATCH,
    FeatureRows,
    FrozenNetwork,
    PixelRows,
    TunedNetwork,
)
from goods.models.inference import threads
from goods.models.network import Network
from goods.models.neural import NeuralModel
from goods.models.rowcache import RowCache

SAMPLE = 10_000  # train photos whose features tell how to standardise them


class ImageModel(NeuralModel):
    config: ImageConfig

    def __init__(self, config: ImageConfig, context: Context) -> None:
        super().__init__(config, context)
        self._features: RowCache | None = None
        self._sample: np.ndarray | None = None  # features of train photos
        self._width = 0
        if not config.frozen:
            self.predict_batch = 64

    def warm(self, cards: pd.DataFrame) -> None:
        refs = [ref for ref in cards.image if isinstance(ref, str)]
        if not refs:
            return
        if self.config.frozen:
            self.features(refs, store=True)
        elif self.context.cache is not None:
            self.pixels(refs, store=True)

    def _store(self) -> ImageStore:
        if self.context.images is None:
            raise GoodsError("an image model needs the data folder: cards have photos but no store was given")
        return self.context.images

    def _keys(self, refs: list[str]) -> np.ndarray:
        store = self._store()
        return np.fromiter((store.fingerprint(ref) for ref in refs), np.uint64, len(refs))

    def features(self, refs: list[str], store: bool = False) -> np.ndarray:
        """float32 [n, d] frozen features of photos, from the cache where it has them."""
        if self._features is None:
            flip = self.config.flip_test
            name = content_hash(
                self.config.backbone,
                weights_key(self.config, self.context.seed),
                self.config.size,
                flip,
                *(["places"] if self.config.places else []),
            )
            cache = self.context.cache
            self._features = RowCache(None if cache is None else cache / f"features-{name}.npz")
        return self._features.get(
            self._keys(refs), lambda rows: self._compute([refs[i] for i in rows]), store=store
        )

    def _compute(self, refs: list[str]) -> np.ndarray:
        backbone = load_backbone(self.config, self.context.seed).to(self.context.device).eval()
        backbone = backbone.to(memory_format=torch.channels_last)
        compute = self._places if self.config.places else Backbone.features
        parts, starts = [], range(0, len(refs), FEATURE_BATCH)
        quiet = not self.context.progress or len(starts) < 5
        with threads(self.context), torch.inference_mode():
            for start in tqdm(starts, desc=f"features ({self.config.backbone})", disable=quiet):
                arrays = load_arrays(self._store(), refs[start : start + FEATURE_BATCH], self.config.size)
                pixels = torch.from_numpy(arrays).to(self.context.device).permute(0, 3, 1, 2)
                found = compute(backbone, pixels)
                if self.config.flip_test:
                    found = (found + compute(backbone, pixels.flip(3))) / 2
                parts.append(found.float().cpu().numpy())
        return np.concatenate(parts).clip(-60_000, 60_000)  # what float16 holds

    @staticmethod
    def _places(backbone: Backbone, pixels: torch.Tensor) -> torch.Tensor:
        return backbone.places(pixels).flatten(1)

    def pixels(self, refs: list[str], store: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Decoded photos uint8 [m, size, size, 3] (memory-mapped where cached), and the row of each `ref`."""
        size, keys = self.config.size, self._keys(refs)
        cache = self.context.cache
        path = None if cache is None else cache / f"pixels-{size}.npy"
        index = None if cache is None else cache / f"pixels-{size}-keys.npy"
        if path is not None and index is not None and path.is_file() and index.is_file():
            known = np.load(index, allow_pickle=False)
            if np.isin(keys, known).all():
                order = np.argsort(known)
                return np.load(path, mmap_mode="r"), order[np.searchsorted(known[order], keys)]
        if not store or path is None or index is None:
            return load_arrays(self._store(), refs, size), np.arange(len(refs))
        index.unlink(missing_ok=True)
        with atomic(path) as temporary:
            shape = (len(refs), size, size, 3)
            out = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
            for start in tqdm(range(0, len(refs), 1000), desc="decode", disable=not self.context.progress):
                part = refs[start : start + 1000]
                out[start : start + len(part)] = load_arrays(self._store(), part, size, self.context.threads)
            out.flush()
        with atomic(index) as temporary, temporary.open("wb") as file:
            np.save(file, keys)
        return np.load(path, mmap_mode="r"), np.arange(len(refs))

    def encode(self, cards: pd.DataFrame) -> FeatureRows | PixelRows:
        target = cards.target.to_numpy(np.int64)
        has = self.has_input(cards)
        refs = [ref for ref in cards.image if isinstance(ref, str)]
        if not self.config.frozen:
            row = np.full(len(cards), -1, np.int64)
            size = self.config.size
            pixels, row[has] = (
                self.pixels(refs) if refs else (np.empty((0, size, size, 3), np.uint8), row[:0])
            )
            return PixelRows(pixels, row, target)
        found = self.features(refs) if refs else np.zeros((0, self._width), np.float32)
        features = np.zeros((len(cards), found.shape[1]), np.float32)
        features[has] = found
        return FeatureRows(features, has, target)

    def has_input(self, cards: pd.DataFrame) -> np.ndarray:
        return has_photo(cards)

    def pretrained_vectors(self, cards: pd.DataFrame) -> np.ndarray:
        if not self.config.frozen:
            return super().pretrained_vectors(cards)
        has = self.has_input(cards)
        found = self.features(list(cards.image[has])) if has.any() else np.zeros((0, 1), np.float32)
        vectors = np.zeros((len(cards), found.shape[1]), np.float32)
        vectors[has] = found
        return vectors

    def prepare(self, train: pd.DataFrame) -> None:
        if not self.config.frozen:
            return
        refs = [ref for ref in train.image if isinstance(ref, str)]
        self._sample = self.features(refs[:SAMPLE]) if refs else np.zeros((1, 1), np.float32)
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
        return {"width": self._width}

    def load_parts(self, folder: Path, settings: dict[str, Any]) -> None:
        self._width = int(settings["width"])
