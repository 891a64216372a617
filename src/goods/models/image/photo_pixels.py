"""Photos of cards as a model sees them: where they come from, what they are keyed by, and decoded once for all folds.

writes: `context.cache`/pixels-<size>.npy: uint8 [m, size, size, 3]; pixels-<size>-index.npz: keys and
hashes uint64 [m]
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from goods.cards.images import ImageStore
from goods.cards.photos import load_arrays
from goods.core.artifacts import atomic, cached_npz, write_npz
from goods.core.code import code_hash
from goods.core.errors import GoodsError
from goods.core.hashing import row_hashes
from goods.core.log import say
from goods.core.progress import track
from goods.models.base import Context
from goods.models.sharing import made_once

DECODED = 1000  # photos at once


def image_store(context: Context) -> ImageStore:
    if context.images is None:
        raise GoodsError(
            "context.images: cards have photos but no store was given; give one of the data folder"
        )
    return context.images


def photo_keys(context: Context, refs: list[str]) -> np.ndarray:
    """uint64 [n] that change when the photos do."""
    store = image_store(context)
    return np.fromiter((store.fingerprint(ref) for ref in refs), np.uint64, len(refs))


def pixels(
    context: Context, refs: list[str], size: int, store: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Decoded photos uint8 [m, size, size, 3] (memory-mapped where cached), and the row of each `ref`.

    The cache holds the photos of one call with `store`, which compares them with their hashes: another replaces it
    where any are unknown or damaged.
    """
    if context.cache is None:
        names = (f"{ref}|{key}" for ref, key in zip(refs, photo_keys(context, refs).tolist(), strict=True))
        load = partial(load_arrays, image_store(context), refs, size)
        return made_once(
            context.kept, ("pixels", size), names, load, lambda loaded: loaded.nbytes
        ), np.arange(len(refs))
    path, index = context.cache / f"pixels-{size}.npy", context.cache / f"pixels-{size}-index.npz"
    # other code decodes to other pixels: what it left is unknown, and replaced as it is large
    keys = photo_keys(context, refs) ^ np.uint64(int(code_hash(__name__)[:16], 16))
    known = cached_npz(index, "keys", "hashes")
    if known is not None and np.isin(keys, known["keys"]).all():
        decoded = _mapped(path, (len(known["keys"]), size, size, 3))
        if decoded is not None and (not store or (row_hashes(decoded) == known["hashes"]).all()):
            order = np.argsort(known["keys"])
            return decoded, order[np.searchsorted(known["keys"][order], keys)]
        say(f"{path}: damaged, its photos are decoded again")
    if not store:
        return load_arrays(image_store(context), refs, size), np.arange(len(refs))
    index.unlink(missing_ok=True)
    hashes = np.empty(len(refs), np.uint64)
    # written, not mapped: where the disk is full a write is an error, and what is mapped ends the process
    with atomic(path) as temporary, temporary.open("wb") as file:
        header = np.lib.format.header_data_from_array_1_0(np.empty((0, size, size, 3), np.uint8))
        np.lib.format.write_array_header_1_0(file, header | {"shape": (len(refs), size, size, 3)})
        for start in track(
            range(0, len(refs), DECODED), "decode", unit="batches", hidden=not context.progress
        ):
            block = slice(start, start + DECODED)
            part = load_arrays(image_store(context), refs[block], size, context.threads)
            file.write(np.ascontiguousarray(part).data)
            hashes[block] = row_hashes(part)
    write_npz(index, keys=keys, hashes=hashes)
    return np.load(path, mmap_mode="r", allow_pickle=False), np.arange(len(refs))


def _mapped(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    """The photos in a file; None where it does not hold as many, or nothing that can be read."""
    try:
        decoded = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return decoded if decoded.shape == shape and decoded.dtype == np.uint8 else None
