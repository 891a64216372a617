"""Features of photos by a frozen backbone, computed once.

writes: `context.cache`/features-<hash>.npz, from photos, weights and code alone; as far as they are, now and then
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch

from goods.cards.photos import load_arrays
from goods.core.code import code_hash
from goods.core.hashing import content_hash
from goods.core.progress import Bar, bar
from goods.core.trimming import keep_freed_memory
from goods.models.base import Context
from goods.models.image.backbone import Backbone
from goods.models.image.backbone_weights import load_backbone, weights_hash
from goods.models.image.folding import folded
from goods.models.image.image import ImageConfig
from goods.models.image.photo_pixels import image_store, photo_keys
from goods.models.inference import threads
from goods.models.rowcache import VectorCache, vector_cache

FEATURE_BATCH = 64
PAUSE = 60.0  # seconds of computing between two writes, at least …
SHARE = 20  # … and of what the last of them took
ON_CPU = 8  # in place of them: memory of larger maps is given back and asked for at every layer


class PhotoFeatures:
    """What the backbone of a config says of photos, in the cache of the context."""

    def __init__(self, config: ImageConfig, context: Context) -> None:
        self.config, self.context = config, context
        self._cache: VectorCache | None = None

    @cached_property
    def width(self) -> int:
        """Of a photo's features."""
        backbone = load_backbone(self.config, self.context.seed, empty=True).eval()
        with torch.inference_mode():
            return self._features(backbone, torch.zeros(1, 3, self.config.size, self.config.size)).shape[1]

    def rows(self, refs: list[str], store: bool = False) -> np.ndarray:
        """float32 [n, d] of photos, from the cache where it has them; `store` adds to it what it lacks."""
        if self._cache is None:
            self._cache = vector_cache(self.context, f"features-{self._name()}")
        keys = photo_keys(self.context, refs)
        return self._cache.get(keys, lambda rows: self._compute([refs[i] for i in rows]), store=store)

    def _name(self) -> str:
        config = self.config
        weights = weights_hash(config, self.context.seed)
        settings = (config.backbone, config.size, config.mean, config.std, config.flip_test, config.places)
        return content_hash(code_hash(__name__), weights, settings)

    def _compute(self, refs: list[str]) -> Iterator[np.ndarray]:
        """float32 [n, d] in parts. On a CPU each thread has photos of its own: those that share some wait for each
        other at every layer."""
        on_cpu, n = self.context.device == "cpu", self.context.threads
        each, at_once = (ON_CPU, n) if on_cpu else (FEATURE_BATCH, 1)
        starts = range(0, len(refs), each)
        title, quiet = f"features ({self.config.backbone})", not self.context.progress or len(starts) < 5
        with bar(title, len(starts), "batches", quiet) as shown:  # seconds before the first of them
            own = replace(self.context, threads=n // at_once)
            yield from self._of_batches(refs, starts, own, at_once, shown)

    def _of_batches(
        self, refs: list[str], starts: range, own: Context, at_once: int, shown: Bar
    ) -> Iterator[np.ndarray]:
        """As `_compute`, `at_once` batches side by side, each with what is its `own`; parts are of whole batches, so
        that others have the same photos where some are known."""
        each, parts = starts.step, list[np.ndarray]()
        backbone = folded(load_backbone(self.config, self.context.seed), self.config.size)
        backbone = backbone.to(self.context.device).to(memory_format=torch.channels_last)

        def block(start: int) -> np.ndarray:
            arrays = load_arrays(image_store(own), refs[start : start + each], self.config.size, own.threads)
            pixels = torch.from_numpy(arrays).to(own.device).permute(0, 3, 1, 2)
            torch.set_num_threads(own.threads)  # of this thread, as is the mode
            with torch.inference_mode():
                return self._features(backbone, pixels).float().cpu().numpy()

        keep_freed_memory()
        with threads(own), ThreadPoolExecutor(at_once) as pool:
            began, pause = time.monotonic(), PAUSE
            for part in pool.map(block, starts):
                parts.append(part)
                shown.update()
                if (ended := time.monotonic()) - began > pause:
                    yield joined(parts)
                    parts.clear()
                    began = time.monotonic()
                    pause = max(PAUSE, SHARE * (began - ended))
            if parts:
                yield joined(parts)

    def _features(self, backbone: Backbone, pixels: torch.Tensor) -> torch.Tensor:
        compute = _patches if self.config.places else Backbone.features
        found = compute(backbone, pixels)
        return (found + compute(backbone, pixels.flip(3))) / 2 if self.config.flip_test else found


def joined(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts).clip(-60_000, 60_000)  # what float16 holds


def _patches(backbone: Backbone, pixels: torch.Tensor) -> torch.Tensor:
    return backbone.patches(pixels).flatten(1)
