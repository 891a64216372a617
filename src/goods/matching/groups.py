"""Folds of pairs: pairs that share products stay together, and matches are never torn apart if that can be helped.

Connected components are dealt whole. One too large for that (hard negatives chain most of a catalogue together) is cut
where fewest pairs are torn, by METIS (Karypis and Kumar 1998, doi 10.1137/S1064827595287997), products known to be the
same kept on one side; a torn pair is scored with the fold of its product of the lower id. Whatever is scored, no pair
that shares a product with it is fitted on (`untouched`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pymetis

from goods.core.c_output import without_c_output

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

LARGEST = 0.25  # of a fold: larger components are cut


@dataclass(frozen=True)
class Grouping:
    """fold int32 [n] of each pair · torn bool [n]: its products lie in different folds · cut: how many components were
    too large"""

    fold: np.ndarray
    torn: np.ndarray
    cut: int


def components(left: np.ndarray, right: np.ndarray, n: int) -> np.ndarray:
    """int32 [n] connected component of each of n nodes."""
    from scipy.sparse import coo_matrix  # half a second to import: only who deals folds of pairs pays
    from scipy.sparse.csgraph import connected_components

    graph = coo_matrix((np.ones(len(left), np.int8), (left, right)), shape=(n, n))
    return connected_components(graph, directed=False)[1]


def group_pairs(left: np.ndarray, right: np.ndarray, target: np.ndarray, n_folds: int, seed: int) -> Grouping:
    """Deal the pairs (left, right) int [n] of products to folds, in whichever order; `target` 1 for known matches."""
    left, right = np.minimum(left, right), np.maximum(left, right)
    products, ends = np.unique(np.concatenate([left, right]), return_inverse=True)
    a, b = ends[: len(left)], ends[len(left) :]
    same = target == 1
    unit = components(a[same], b[same], len(products))  # products known to be the same move together
    first, second = unit[a], unit[b]
    n_units = int(unit.max()) + 1
    whole = components(first, second, n_units)
    pairs_of = np.bincount(whole[first], minlength=int(whole.max()) + 1)
    rng = np.random.default_rng(seed)
    fold_of, load, cut = np.full(n_units, -1, np.int32), np.zeros(n_folds), 0
    graph = weighted_graph(first, second, n_units)
    weight = np.bincount(first, minlength=n_units) + np.bincount(second, minlength=n_units)
    members = np.split(np.argsort(whole, kind="stable"), np.cumsum(np.bincount(whole))[:-1])
    order = rng.permutation(len(pairs_of))
    for component in order[np.argsort(-pairs_of[order], kind="stable")]:
        units = members[component]
        if pairs_of[component] <= LARGEST * len(left) / n_folds or len(units) < n_folds:
            fold_of[units] = load.argmin()
            load[load.argmin()] += pairs_of[component]
            continue
        cut += 1
        part = partition(graph, units, weight, n_folds, seed)
        for p, k in enumerate(rng.permutation(n_folds)):
            fold_of[units[part == p]] = k
            load[k] += weight[units[part == p]].sum() / 2
    return Grouping(fold_of[first], fold_of[first] != fold_of[second], cut)


def weighted_graph(first: np.ndarray, second: np.ndarray, n: int) -> csr_matrix:
    """Symmetric [n, n]: number of pairs between units, none of a unit with itself."""
    from scipy.sparse import coo_matrix

    apart = first != second
    ones = np.ones(int(apart.sum()), np.int64)
    graph = coo_matrix((ones, (first[apart], second[apart])), shape=(n, n)).tocsr()
    return (graph + graph.T).tocsr()


def partition(graph: csr_matrix, units: np.ndarray, weight: np.ndarray, parts: int, seed: int) -> np.ndarray:
    """int [len(units)] 0 … parts − 1: like-weighted parts with few pairs between them."""
    inside = graph[units][:, units].tocsr()
    with without_c_output():  # METIS tells stdout where heavy units leave a part empty
        _, part = pymetis.part_graph(
            parts,
            adjacency=pymetis.CSRAdjacency(inside.indptr.tolist(), inside.indices.tolist()),
            eweights=inside.data.tolist(),
            vweights=np.maximum(weight[units], 1).tolist(),
            options=pymetis.Options(seed=seed),
        )
    return np.asarray(part, np.int64)


def untouched(left: np.ndarray, right: np.ndarray, scored: np.ndarray) -> np.ndarray:
    """bool [n]: pairs that share no product with any pair where `scored` bool [n] is True."""
    seen = np.unique(np.concatenate([left[scored], right[scored]]))
    return ~(np.isin(left, seen) | np.isin(right, seen))


def ends_of(pairs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """(int64 [n], int64 [n]) ids of both products of each pair."""
    return pairs.variantid1.to_numpy(np.int64), pairs.variantid2.to_numpy(np.int64)
