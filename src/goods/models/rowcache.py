"""Rows computed once and kept on disk, each under a key of what it was computed from.

writes: `context.cache`/<name>.npz: keys uint64 [n] sorted, and their rows: `rows` float16 [n, d] of vectors, `values`
and `offsets` of ragged ones
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from goods.cards.keyed import Keyed
from goods.cards.ragged import Ragged
from goods.core.artifacts import cached_npz, write_npz
from goods.models.base import Context
from goods.models.sharing import made_once

MOST_BYTES = 1 << 28


@dataclass(frozen=True)
class Vectors:
    """Rows of one width; none at all have no width yet."""

    rows: np.ndarray  # float16 [n, d]

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, rows: np.ndarray) -> Vectors:
        return Vectors(self.rows[rows])

    def followed_by(self, other: Vectors) -> Vectors:
        return Vectors(np.concatenate([self.rows, other.rows])) if len(self.rows) else other


R = TypeVar("R", Vectors, Ragged)


class RowCache(Generic[R]):
    """Rows by key: at first those of the file, or `none`; `path` None keeps them in memory only, and not more than
    MOST_BYTES of them."""

    def __init__(self, path: Path | None, none: R) -> None:
        self.path = path
        self.known: Keyed[R] = Keyed(np.empty(0, np.uint64), none)
        if path is not None and path.is_file():
            kind = type(none)
            names = [field.name for field in fields(kind)]
            arrays = cached_npz(path, "keys", *names)
            if arrays is None:
                path.unlink(missing_ok=True)  # damaged: computed again
            else:
                self.known = Keyed(arrays["keys"], kind(*(arrays[name] for name in names)))

    def get(self, keys: np.ndarray, compute: Callable[[np.ndarray], Iterable[R]], store: bool = False) -> R:
        """Rows of `keys` uint64 [n]; `compute` gets the positions in `keys` of the unknown, each once, ascending, and
        gives their rows in parts, of which each is on the disk, with `store`, before the next is asked for."""
        new, places = self.known.unknown(keys)
        if places.size:
            # a photo's key holds times: by keys, other photos would share a batch in every folder, and a GPU computes
            # a batch of another size in other digits
            order = np.argsort(places)
            new, places = new[order], places[order]
            if self.path is None and self.nbytes > MOST_BYTES:
                self.known = self.known.among(keys)
            made = 0
            for part in compute(places):
                self.known = self.known.with_rows(new[made : made + len(part)], part)
                made += len(part)
                if store and self.path is not None:
                    write_npz(self.path, keys=self.known.keys, **vars(self.known.rows))
        return self.known.of(keys)

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for array in vars(self.known.rows).values())


class VectorCache:
    """A RowCache of vectors, which pass through float16 whether cached or not."""

    def __init__(self, path: Path | None) -> None:
        self.cache = RowCache(path, Vectors(np.empty((0, 0), np.float16)))

    def get(
        self, keys: np.ndarray, compute: Callable[[np.ndarray], Iterable[np.ndarray]], store: bool = False
    ) -> np.ndarray:
        """float32 [n, d] of `keys`, which `compute` makes of the unknown ones; see `RowCache.get`."""

        def halved(places: np.ndarray) -> Iterable[Vectors]:
            return (Vectors(part.astype(np.float16)) for part in compute(places))

        return self.cache.get(keys, halved, store).rows.astype(np.float32)


def vector_cache(context: Context, name: str) -> VectorCache:
    """That of the context's folder; without one it is in memory, and of all models that the context is kept for."""
    if context.cache is not None:
        return VectorCache(context.cache / f"{name}.npz")
    return made_once(context.kept, name, (), lambda: VectorCache(None), lambda _: 0)  # it bounds itself
