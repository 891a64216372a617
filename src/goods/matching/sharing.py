"""Pairs of cards that share a telling word: one that few cards have, or two that few have together."""

from __future__ import annotations

import numpy as np

MIX = np.uint64(0x9E3779B97F4A7C15)  # odd: multiplying by it loses nothing


def shared(rows: np.ndarray, tokens: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """(left, right) int64, left < right: every two of the 2 to `most` rows that share a token; larger groups give none.

    rows int [t] ascend and tokens uint64 [t] are distinct within a row. Pairs that share several come several times.
    """
    order = np.argsort(tokens, kind="stable")
    rows, tokens = rows[order], tokens[order]
    starts = np.flatnonzero(np.r_[True, tokens[1:] != tokens[:-1]][: len(tokens)])
    sizes = np.diff(np.r_[starts, len(tokens)])
    left, right = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for size in range(2, most + 1):
        members = rows[starts[sizes == size][:, None] + np.arange(size)].astype(
            np.int64
        )  # (b, size), ascending
        first, second = np.triu_indices(size, 1)
        left.append(members[:, first].ravel())
        right.append(members[:, second].ravel())
    return np.concatenate(left), np.concatenate(right)


def combinations(
    rows: np.ndarray, tokens: np.ndarray, most: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """(rows ascending, tokens): two by two, the `width` rarest tokens of each row that more than `most` rows have."""
    _, number, counts = np.unique(tokens, return_inverse=True, return_counts=True)
    count = counts[number]
    frequent = count > most
    rows, tokens, count = rows[frequent], tokens[frequent], count[frequent]
    order = np.lexsort((tokens, count, rows))
    rows, tokens = rows[order], tokens[order]
    starts = np.flatnonzero(np.r_[True, rows[1:] != rows[:-1]][: len(rows)])
    lengths = np.diff(np.r_[starts, len(rows)])
    rarity = np.arange(len(rows)) - np.repeat(starts, lengths)
    found, keys = [rows[:0]], [tokens[:0]]
    for i in range(width):
        for j in range(i + 1, width):
            second = np.flatnonzero(rarity == j)
            a, b = tokens[second - j + i], tokens[second]
            found.append(rows[second])
            keys.append((np.minimum(a, b) * MIX) ^ np.maximum(a, b))
    order = np.argsort(np.concatenate(found), kind="stable")
    return np.concatenate(found)[order], np.concatenate(keys)[order]
