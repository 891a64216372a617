"""The cards that pairs are made of, with what only matching reads.

reads:  prepared/cards.parquet pairs.parquet vectors.npz
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from goods.core.artifacts import read_npz, write_npz
from goods.core.hashing import content_hash, file_hash
from goods.core.workspace import Workspace

if TYPE_CHECKING:
    from goods.matching.items import Items

KINDS = ("main", "pictures", "name")
MATCHING_COLUMNS = ("colours", "levels", "characteristics", "price")
EMPTY: dict[str, Any] = {
    "attributes": "",
    "colours": "[]",
    "levels": "[]",
    "characteristics": "{}",
    "price": np.nan,
}


@dataclass(frozen=True)
class Vectors:
    """Vectors of cards: rows int64 offsets [n + 1] into values float32 [m, d]; a card may have several or none."""

    values: np.ndarray
    offsets: np.ndarray

    @staticmethod
    def of(owner: np.ndarray, values: np.ndarray, n: int) -> Vectors:
        """`owner` int64 [m]: the card, 0 … n − 1, of each vector."""
        order = np.argsort(owner, kind="stable")
        counts = np.bincount(owner, minlength=n) if len(owner) else np.zeros(n, np.int64)
        return Vectors(np.ascontiguousarray(values[order]), np.concatenate([[0], np.cumsum(counts)]))

    @property
    def counts(self) -> np.ndarray:
        return np.diff(self.offsets)


@dataclass(frozen=True)
class Kept:
    """What is made of the products once for all models of a process.

    makers: pairs → their features, by groups of features · tables: pair numbers and features, by file · name_vectors:
    float32 [products, d], by hash of the encoder's settings · items: words and attributes, once they are asked for
    """

    makers: dict[tuple[str, ...], Callable[[pd.DataFrame], pd.DataFrame]] = field(default_factory=dict)
    tables: dict[Path, tuple[pd.Index, pd.DataFrame]] = field(default_factory=dict)
    name_vectors: dict[str, np.ndarray] = field(default_factory=dict)
    items: list[Items] = field(default_factory=list)


@dataclass(frozen=True)
class Products:
    """cards: one row per product · candidates int64 [m, 2]: rows of cards of every pair that is asked about, train and
    test alike: the graph that neighbourhoods are read from · read: gives the vectors by kind, once they are wanted ·
    key: hash of all of it · kept: what models have made of it"""

    cards: pd.DataFrame
    candidates: np.ndarray
    read: Callable[[], dict[str, Vectors]]
    key: str
    kept: Kept = field(default_factory=Kept)

    @staticmethod
    def of(
        cards: pd.DataFrame,
        pairs: pd.DataFrame,
        read: Callable[[], dict[str, Vectors]] = dict,
        key: str | None = None,
    ) -> Products:
        """Of a card table and the pairs of it; columns of the card table that only matching reads may be missing."""
        filled = cards.assign(**{name: empty for name, empty in EMPTY.items() if name not in cards})
        index = pd.Index(filled.product_id)
        ends = [index.get_indexer(pairs[column]) for column in ("variantid1", "variantid2")]
        candidates = np.stack(ends, 1).astype(np.int64)
        if key is None:
            key = content_hash(pd.util.hash_pandas_object(filled, index=False).to_numpy(), candidates)
        return Products(filled, candidates, read, key)

    @staticmethod
    def load(ws: Workspace) -> Products:
        def read() -> dict[str, Vectors]:
            arrays = read_npz(ws.vectors, *KINDS, *(f"{kind}_offsets" for kind in KINDS))
            return {kind: Vectors(arrays[kind], arrays[f"{kind}_offsets"]) for kind in KINDS}

        key = content_hash(file_hash(ws.cards), file_hash(ws.pairs), file_hash(ws.vectors))
        return Products.of(pd.read_parquet(ws.cards), pd.read_parquet(ws.pairs), read, key)

    @cached_property
    def vectors(self) -> dict[str, Vectors]:
        """Of every kind, empty where there are none."""
        nothing = Vectors(np.empty((0, 0), np.float32), np.zeros(len(self.cards) + 1, np.int64))
        return dict.fromkeys(KINDS, nothing) | self.read()

    @cached_property
    def index(self) -> pd.Index:
        return pd.Index(self.cards.product_id)

    def ends(self, pairs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """(int64 [n], int64 [n]) rows of cards of each pair, −1 for a product that is not known; the product with the
        lower id first, whichever order the pair was given in."""
        first, second = pairs.variantid1.to_numpy(), pairs.variantid2.to_numpy()
        low, high = np.minimum(first, second), np.maximum(first, second)
        return self.index.get_indexer(low), self.index.get_indexer(high)

    def known(self, pairs: pd.DataFrame) -> np.ndarray:
        """bool [n]: pairs of two products that are both among the cards."""
        left, right = self.ends(pairs)
        return (left >= 0) & (right >= 0)


def save_vectors(ws: Workspace, vectors: dict[str, Vectors]) -> None:
    arrays = {kind: vectors[kind].values for kind in KINDS}
    write_npz(ws.vectors, **arrays, **{f"{kind}_offsets": vectors[kind].offsets for kind in KINDS})
