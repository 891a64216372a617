"""Fields read out of what is said of products, and how far those of a pair agree: amounts by dimension, years,
versions, editions, colours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from goods.matching.measures import measures
from goods.matching.sets import BLOCK, Columns
from goods.matching.variants import AUDIENCES, COLOURS, EDITIONS, reader, versions, years

MOST = 6  # values of a field that are compared
ALIKE = 0.02  # of the larger: amounts that differ by less are one, told in another unit or rounded
WORDS: dict[str, Callable[[str], list[float]]] = {
    "colour": reader(COLOURS),
    "edition": reader(EDITIONS),
    "audience": reader(AUDIENCES),
}
NUMBERS: dict[str, Callable[[str], list[float]]] = {"year": years, "version": versions}


class Fields:
    """values by field: float64 [products, MOST], the distinct values of each product first, then not numbers."""

    def __init__(self, texts: Sequence[str]) -> None:
        """`texts`: all that is said of each product, `normal`. Fields that no product has are left out."""
        found: dict[str, dict[int, list[float]]] = defaultdict(dict)
        for row, text in enumerate(texts):
            for dimension, value in measures(text):
                found[dimension].setdefault(row, []).append(value)
            for field, read in (WORDS | NUMBERS).items():
                if values := read(text):
                    found[field][row] = values
        self.values = {field: padded(found[field], len(texts)) for field in sorted(found)}

    def features(self, left: np.ndarray, right: np.ndarray) -> Columns:
        """float32 [n]: agreement and difference of each field (see `compared`), and how many fields agree, differ and
        are there on one side alone."""
        columns: Columns = {}
        counts = np.zeros((3, len(left)), np.float32)
        for field, values in self.values.items():
            alike = 0 if field in WORDS or field in NUMBERS else ALIKE
            agreement, apart = in_blocks(values, left, right, alike)
            columns[f"{field}_agreement"] = agreement
            if field not in WORDS:
                columns[f"{field}_difference"] = apart
            counts += np.stack([agreement > 0, agreement < 0, agreement == 0])
        return columns | dict(zip(("fields_agree", "fields_differ", "fields_alone"), counts, strict=True))


def padded(rows: dict[int, list[float]], n: int) -> np.ndarray:
    """float64 [n, MOST] of the distinct values of each row, in the order of the text."""
    values = np.full((n, MOST), np.nan)
    for row, listed in rows.items():
        distinct = list(dict.fromkeys(listed))[:MOST]
        values[row, : len(distinct)] = distinct
    return values


def in_blocks(
    values: np.ndarray, left: np.ndarray, right: np.ndarray, alike: float
) -> tuple[np.ndarray, np.ndarray]:
    """As `compared`, of the `values` [products, MOST] of `left` and `right` int [n], some pairs at a time."""
    parts = [
        compared(values[left[i : i + BLOCK]], values[right[i : i + BLOCK]], alike)
        for i in range(0, len(left), BLOCK)
    ]
    agreement, apart = (
        np.concatenate([np.empty(0, np.float32), *(part[k] for part in parts)]) for k in (0, 1)
    )
    return agreement, apart


def compared(one: np.ndarray, other: np.ndarray, alike: float) -> tuple[np.ndarray, np.ndarray]:
    """(agreement, difference) float32 [n] of values [n, MOST].

    agreement: share of the values of the side with fewer that have their like on the other, −1 where none has, 0 where
    one side has no values, not a number where neither has · difference: least one of any two values, as a share of the
    larger, not a number where a side has none
    """
    sizes = [(~np.isnan(side)).sum(1) for side in (one, other)]
    fewer, more = np.minimum(*sizes), np.maximum(*sizes)
    a, b = one[:, :, None], other[:, None, :]
    gap, larger = np.abs(a - b), np.maximum(np.abs(a), np.abs(b))
    share = np.divide(gap, larger, out=np.zeros_like(gap), where=gap > 0)
    share[np.isnan(gap)] = np.inf
    agreed = np.minimum(*((share.min(axis) <= alike).sum(1) for axis in (1, 2)))
    agreement = np.where(agreed > 0, agreed / np.maximum(fewer, 1), -1.0)
    agreement = np.where(fewer == 0, np.where(more > 0, 0.0, np.nan), agreement)
    least = share.min((1, 2))
    return agreement.astype(np.float32), np.where(np.isinf(least), np.nan, least).astype(np.float32)
