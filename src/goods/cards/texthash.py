"""Texts as hashes: what caches of texts are kept by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xxhash

UNIT = "\x1f"  # between fields where a card's fields are hashed


def joined_texts(cards: pd.DataFrame, fields: Sequence[str]) -> list[str]:
    """A card's fields joined, to be hashed."""
    return [UNIT.join(row) for row in zip(*(cards[f].tolist() for f in fields), strict=True)]


def text_keys(texts: Sequence[str]) -> np.ndarray:
    """uint64 [n] hash of each text."""
    return np.fromiter((xxhash.xxh3_64_intdigest(t.encode()) for t in texts), np.uint64, len(texts))


def text_keys_of(cards: pd.DataFrame, fields: Sequence[str]) -> np.ndarray:
    """uint64 [n] hash of each card's `fields`."""
    return text_keys(joined_texts(cards, fields))
