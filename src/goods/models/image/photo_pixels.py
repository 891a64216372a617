"""Photos of cards as a model sees them: where they come from, what they are keyed by, and decoded once for all folds.

writes: `context.cache`/pixels-<size>.npy: uint8 [m, size, size, 3]; pixels-<size>-keys.npy: uint64 [m]
"""

from __future__ import annotations

import numpy as np
from tqdm import tqdm

from goods.cards.images import ImageStore
from goods.cards.photos import load_arrays
from goods.core.artifacts import atomic
from goods.core.code import code_hash
from goods.core.errors import GoodsError
from goods.models.base import Context

DECODED = 1000  # photos at once


def image_store(context: Context) -> ImageStore:
    if context.images is None:
        raise GoodsError("an image model needs the data folder: cards have photos but no store was given")
    return context.images


def photo_keys(context: Context, refs: list[str]) -> np.ndarray:
    """uint64 [n] that change when the photos do."""
    store = image_store(context)
    return np.fromiter((store.fingerprint(ref) for ref in refs), np.uint64, len(refs))


def pixels(
    context: Context, refs: list[str], size: int, store: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Decoded photos uint8 [m, size, size, 3] (memory-mapped where cached), and the row of each `ref`.

    The cache holds the photos of one call with `store`: another replaces it where any are unknown.
    """
    if context.cache is None:
        return load_arrays(image_store(context), refs, size), np.arange(len(refs))
    path, index = context.cache / f"pixels-{size}.npy", context.cache / f"pixels-{size}-keys.npy"
    # other code decodes to other pixels: what it left is unknown, and replaced as it is large
    keys = photo_keys(context, refs) ^ np.uint64(int(code_hash(__name__)[:16], 16))
    if path.is_file() and index.is_file():
        known = np.load(index, allow_pickle=False)
        if np.isin(keys, known).all():
            order = np.argsort(known)
            return np.load(path, mmap_mode="r", allow_pickle=False), order[
                np.searchsorted(known[order], keys)
            ]
    if not store:
        return load_arrays(image_store(context), refs, size), np.arange(len(refs))
    index.unlink(missing_ok=True)
    with atomic(path) as temporary:
        shape = (len(refs), size, size, 3)
        out = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
        for start in tqdm(range(0, len(refs), DECODED), desc="decode", disable=not context.progress):
            part = refs[start : start + DECODED]
            out[start : start + len(part)] = load_arrays(image_store(context), part, size, context.threads)
        out.flush()
    with atomic(index) as temporary, temporary.open("wb") as file:
        np.save(file, keys)
    return np.load(path, mmap_mode="r", allow_pickle=False), np.arange(len(refs))
