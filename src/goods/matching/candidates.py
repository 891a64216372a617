"""Candidate pairs: from which sources they come, what they hold, how many of the true ones are among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

NEIGHBOUR, TOKEN, COMBINED = 1, 2, 4  # bits of `source`
SOURCES = {"neighbours": NEIGHBOUR, "tokens": TOKEN, "combined": COMBINED}


@dataclass(frozen=True)
class CandidatePairs:
    """Unordered pairs of row numbers, each once, in order of (left, right).

    left, right int32 [m], left < right · cosine float32 [m] of their vectors · source uint8 [m]: bits of NEIGHBOUR,
    TOKEN and COMBINED · vectors float32 [n, d], unit rows · report: pairs, reduction, pairs_per_card, seconds and, if
    identities are known, recall
    """

    left: np.ndarray
    right: np.ndarray
    cosine: np.ndarray
    source: np.ndarray
    vectors: np.ndarray
    report: dict[str, Any]


def unite(
    n: int, found: dict[int, tuple[np.ndarray, np.ndarray]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(left, right int32, source uint8), sorted and unique; the bits of all sources that found a pair."""
    coded = [distinct(left * n + right) for left, right in found.values()]
    pairs = distinct(np.concatenate(coded))
    source = np.zeros(len(pairs), np.uint8)
    for bit, own in zip(found, coded, strict=True):
        source[np.searchsorted(pairs, own)] |= bit
    left, right = np.divmod(pairs, n)
    return left.astype(np.int32), right.astype(np.int32), source


def distinct(values: np.ndarray) -> np.ndarray:
    """Sorted and unique; on tens of millions of pairs np.unique's hash table takes ten times as long."""
    values = np.sort(values)
    return values[np.r_[True, values[1:] != values[:-1]][: len(values)]]


def recall(
    left: np.ndarray, right: np.ndarray, source: np.ndarray, identity: np.ndarray
) -> dict[str, float | int]:
    """Share of the pairs of one identity that are candidates, in total and by source; 0 without any such pair."""
    code = pd.factorize(np.asarray(identity))[0]  # -1 where unknown
    sizes = np.bincount(code[code >= 0]).astype(np.int64)
    true = int((sizes * (sizes - 1) // 2).sum())
    same = (code[left] == code[right]) & (code[left] >= 0)
    shares = {
        "total": same.sum(),
        **{name: (same & (source & bit > 0)).sum() for name, bit in SOURCES.items()},
    }
    return {
        "true_pairs": true,
        **{name: float(count / true) if true else 0.0 for name, count in shares.items()},
    }
