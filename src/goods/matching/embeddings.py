"""Distances of the pictures' and names' embeddings of a pair."""

from __future__ import annotations

import numpy as np

from goods.matching.neighbours import unit
from goods.matching.products import Products, Vectors
from goods.matching.sets import Columns, by_size

BLOCK = 20_000  # pairs compared at once


def best_of(
    a: Vectors, b: Vectors, left: np.ndarray, right: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(highest, mean, mean over the left vectors of their highest) cosine float32 [n] of any vector of `left` in `a`
    with any of `right` in `b`; not a number where a side has none."""
    high, mean, chamfer = (np.full(len(left), np.nan, np.float32) for _ in range(3))
    if not len(a.values) or not len(b.values):
        return high, mean, chamfer
    first = unit(a.values)
    second = first if a is b else unit(b.values)
    for start in range(0, len(left), BLOCK):
        i, j = left[start : start + BLOCK], right[start : start + BLOCK]
        n_i, n_j = a.counts[i], b.counts[j]
        each = n_i * n_j
        there = np.flatnonzero(each)
        if not there.size:
            continue
        i, j, n_j, each = i[there], j[there], n_j[there], each[there]
        starts = np.concatenate([[0], np.cumsum(each)])
        pair = np.repeat(np.arange(len(there)), each)
        position = np.arange(starts[-1]) - starts[pair]
        rows, columns = a.offsets[i][pair] + position // n_j[pair], b.offsets[j][pair] + position % n_j[pair]
        cosine = np.einsum("md,md->m", first[rows], second[columns])
        high[start + there] = np.maximum.reduceat(cosine, starts[:-1])
        mean[start + there] = np.add.reduceat(cosine, starts[:-1]) / each
        # a left vector's cosines stand together
        of_row = np.flatnonzero(position % n_j[pair] == 0)
        nearest, owner = np.maximum.reduceat(cosine, of_row), pair[of_row]
        chamfer[start + there] = np.bincount(owner, nearest, len(there)) / np.bincount(
            owner, minlength=len(there)
        )
    return high, mean, chamfer


def distance(a: Vectors, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """float32 [n] Euclidean distance of both products' first vectors, not a number where a side has none."""
    found = np.full(len(left), np.nan, np.float32)
    there = np.flatnonzero((a.counts[left] > 0) & (a.counts[right] > 0))
    for start in range(0, len(there), BLOCK):
        rows = there[start : start + BLOCK]
        first, second = a.values[a.offsets[left[rows]]], a.values[a.offsets[right[rows]]]
        found[rows] = np.linalg.norm(first - second, axis=1)
    return found


def embedding_features(products: Products, left: np.ndarray, right: np.ndarray) -> Columns:
    """Main picture with main picture, main with the other's rest (both ways), any with any; names."""
    main, rest, name = (products.vectors[kind] for kind in ("main", "pictures", "name"))
    columns: Columns = {}
    if len(main.values):
        columns |= {
            "main_cosine": best_of(main, main, left, right)[0],
            "main_distance": distance(main, left, right),
        }
    if len(rest.values):
        high, mean, there = best_of(rest, rest, left, right)
        back = best_of(rest, rest, right, left)[2]
        columns |= {"pictures_best": high, "pictures_mean": mean, **by_size(there, back, "pictures_nearest")}
        counts = rest.counts.astype(np.float32)
        columns |= by_size(counts[left], counts[right], "pictures")
    if len(main.values) and len(rest.values):
        ways = best_of(main, rest, left, right)[0], best_of(main, rest, right, left)[0]
        columns |= by_size(*ways, "main_rest_best")
        columns["any_best"] = np.fmax.reduce([*ways, columns["main_cosine"], columns["pictures_best"]])
    if len(name.values):
        columns |= {
            "name_cosine": best_of(name, name, left, right)[0],
            "name_distance": distance(name, left, right),
        }
    return columns
