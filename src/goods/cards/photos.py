"""Many photos at once: which can be read, and all of them as one array."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from joblib import Parallel, delayed

from goods.cards.images import ImageProblem, ImageStore
from goods.cards.photo_files import Found
from goods.cards.table import Issues
from goods.core.errors import GoodsError
from goods.core.execution import cores
from goods.core.ids import Id
from goods.core.progress import track

MANY = 2_000  # photos, from which looking at them takes seconds


def audit(
    store: ImageStore, refs: dict[Id, str], workers: int = 1
) -> tuple[dict[Id, str], list[tuple[Id, str]]]:
    """Decode every image once: references of the good ones, and (product_id, problem) of the others."""
    # Pillow decodes without the interpreter lock: threads are enough and share the open zip's index
    checked = Parallel(n_jobs=workers, prefer="threads", batch_size=64, return_as="generator")(
        delayed(store.check)(ref) for ref in refs.values()
    )
    problems = list(track(checked, "photos looked at", len(refs), "photos", hidden=len(refs) < MANY))
    good = {i: ref for (i, ref), problem in zip(refs.items(), problems, strict=True) if problem is None}
    bad = [(i, problem) for i, problem in zip(refs, problems, strict=True) if problem is not None]
    return good, bad


def load_arrays(store: ImageStore, refs: list[str], size: int, workers: int = 1) -> np.ndarray:
    """uint8 [n, size, size, 3]; GoodsError names an image that cannot be read."""

    def one(ref: str) -> np.ndarray:
        try:
            return store.array(ref, size)
        except ImageProblem as problem:
            raise GoodsError(f"{store.data_dir / ref}: {problem}; run scripts/prepare.py again") from None

    if not refs:
        return np.empty((0, size, size, 3), np.uint8)
    return np.stack(Parallel(n_jobs=workers, prefer="threads")(delayed(one)(ref) for ref in refs))


def usable(
    data: Path, found: Found, ids: dict[str, list[Id]], issues: Issues, otherwise: str
) -> dict[Id, str]:
    """product_id → reference of every photo found below `data` that decodes; `ids` are those of each split. Of the
    others it is noted that `otherwise` happens to them."""
    there = [of_split for of_split in ids.values() if not found.refs.keys().isdisjoint(of_split)]
    return usable_among(data, found, [i for of_split in there for i in of_split], issues, otherwise)


def usable_among(data: Path, found: Found, ids: list[Id], issues: Issues, otherwise: str) -> dict[Id, str]:
    """As `usable`, of cards `ids` that all could have a photo: those that have none are noted too."""
    good, broken = audit(ImageStore(data), found.refs, cores())
    noted = found.problems + broken
    lost = found.refs.keys() | {product_id for product_id, _ in noted}
    noted += [(i, "missing") for i in ids if i not in lost]
    for product_id, problem in noted:
        issues.add(
            product_id, "image", problem, "another photo of it is taken" if product_id in good else otherwise
        )
    return good
