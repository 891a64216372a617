"""Vectors computed once and kept on disk, row by row under a key of what they were computed from.

writes: `context.cache`/<name>.npz: keys uint64 [n] sorted, rows float16 [n, d]
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from goods.core.artifacts import cached_npz, write_npz
from goods.models.base import Context
from goods.models.sharing import made_once

MOST_BYTES = 1 << 28


def row_cache(context: Context, name: str) -> RowCache:
    """That of the context's folder; without one it is in memory, and of all models that the context is kept for."""
    if context.cache is not None:
        return RowCache(context.cache / f"{name}.npz")
    return made_once(context.kept, name, (), lambda: RowCache(None), lambda _: 0)  # it bounds itself


class RowCache:
    """Rows by key; `path` None keeps them in memory only, and not more than MOST_BYTES of them. Rows pass through
    float16 whether cached or not."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.keys, self.rows = np.empty(0, np.uint64), np.empty((0, 0), np.float16)
        if path is not None and path.is_file():
            arrays = cached_npz(path, "keys", "rows")
            if arrays is None:
                path.unlink(missing_ok=True)  # damaged: computed again
            else:
                self.keys, self.rows = arrays["keys"], arrays["rows"]

    def get(
        self, keys: np.ndarray, compute: Callable[[np.ndarray], np.ndarray], store: bool = False
    ) -> np.ndarray:
        """float32 [n, d] rows of `keys` uint64 [n]; `compute` gets the unknown positions in `keys`."""
        unknown = np.flatnonzero(~np.isin(keys, self.keys))
        if unknown.size:
            new_keys, first = np.unique(keys[unknown], return_index=True)
            new_rows = compute(unknown[first]).astype(np.float16)
            if self.path is None and self.rows.nbytes > MOST_BYTES:
                known = np.unique(np.searchsorted(self.keys, keys[np.isin(keys, self.keys)]))
                self.keys, self.rows = self.keys[known], self.rows[known]
            rows = np.concatenate([self.rows, new_rows]) if len(self.rows) else new_rows
            all_keys = np.concatenate([self.keys, new_keys])
            order = np.argsort(all_keys)
            self.keys, self.rows = all_keys[order], rows[order]
            if store and self.path is not None:
                write_npz(self.path, keys=self.keys, rows=self.rows)
        return self.rows[np.searchsorted(self.keys, keys)].astype(np.float32)
