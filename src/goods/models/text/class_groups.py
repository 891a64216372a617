"""Children of a tree node: the largest by themselves, the others in balanced groups of like ones, by 2-means.

A node with one SVM per child costs cards × children. Groups of g among m children cost cards × (m / g + g), but a card
in the wrong group is lost (Prabhu et al. 2018, Parabel, arXiv 1806.08415; Yu et al. 2020, PECOS XR-Linear, arXiv
2010.05878). Few children have most cards: these stay outside groups.
"""

from __future__ import annotations

from math import ceil, sqrt

import numpy as np
import scipy.sparse as sp

MOST_CHILDREN = 32  # of a node that is left as it is, and of a group

ALONE = 512  # the largest children of a node, which are in no group

ROUNDS = 20  # of 2-means


def group_children(x: sp.csr_matrix, child: np.ndarray, children: list[int], seed: int) -> list[list[int]]:
    """`children` alone or in groups of at most 32, or of the root of the number of the grouped where that is more.

    `x` [n, f] are the node's cards, `child` int [n] the position of the child each lies below.
    """
    n, by_size = len(child), np.argsort(-np.bincount(child, minlength=len(children)), kind="stable")
    groups = [[children[j]] for j in by_size[:ALONE]]
    rest = np.sort(by_size[ALONE:])
    if not len(rest):
        return groups
    of_child = sp.csr_matrix((np.ones(n, np.float32), (child, np.arange(n))), (len(children), n))
    centroids = unit_rows(of_child[rest] @ x)
    size, rng = max(MOST_CHILDREN, ceil(sqrt(len(rest)))), np.random.default_rng(seed)
    todo = [np.arange(len(rest))]
    while todo:
        members = todo.pop()
        if len(members) <= size:
            groups.append([children[j] for j in rest[members]])
            continue
        first = halves(centroids[members], rng)
        todo += [members[~first], members[first]]
    return groups


def halves(rows: sp.csr_matrix, rng: np.random.Generator) -> np.ndarray:
    """bool [n]: one of two halves, equal in number, of unit rows that are like each other."""
    n = rows.shape[0]
    start = rows[[rng.integers(n)]]
    towards = (rows @ start.T).toarray().ravel()
    score = towards - (rows @ rows[[int(towards.argmin())]].T).toarray().ravel()
    first = np.zeros(n, bool)
    for _ in range(ROUNDS):
        chosen = np.zeros(n, bool)
        chosen[np.argsort(-score, kind="stable")[: n // 2]] = True
        if (chosen == first).all():
            break
        first = chosen
        means = unit_rows(sp.csr_matrix(np.stack([first, ~first]).astype(np.float32)) @ rows)
        near = (rows @ means.T).toarray()
        score = near[:, 0] - near[:, 1]
    return first


def unit_rows(rows: sp.csr_matrix) -> sp.csr_matrix:
    """Rows of length 1; empty ones stay."""
    length = np.sqrt(np.asarray(rows.multiply(rows).sum(1)).ravel())
    return sp.csr_matrix(sp.diags(1 / np.where(length > 0, length, 1)) @ rows, dtype=np.float32)
