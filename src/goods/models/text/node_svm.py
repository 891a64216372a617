"""The linear SVM of one tree node."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.special import log_softmax
from sklearn.svm import LinearSVC

from goods.core.warned import rare_classes

UNSEEN = -30.0  # log-probability of a class without train cards


@dataclass
class Node:
    """A decision among `children` nodes; `columns` are the features its cards use."""

    children: list[int]
    columns: np.ndarray  # int32 [f]
    coef: np.ndarray  # float32 [f, m], m = len(children)
    intercept: np.ndarray  # float32 [m]; a child without train cards has UNSEEN and zero coef

    def margins(self, x: sp.csr_matrix) -> np.ndarray:
        """float32 [n, m] of cards `x` [n, all features]."""
        return np.asarray(x[:, self.columns] @ self.coef) + self.intercept

    def log_proba(self, margins: np.ndarray, temperature: float) -> np.ndarray:
        """float32 [n, m]; UNSEEN for a child without train cards."""
        seen = self.intercept > UNSEEN
        out = np.full(margins.shape, UNSEEN, np.float32)
        out[:, seen] = log_softmax(margins[:, seen] / temperature, axis=1)
        return out


def fit_node(
    x: sp.csr_matrix, child: np.ndarray, children: list[int], C: float, seed: int, threads: int | None
) -> Node:
    """The decision of cards `x` [n, all features], each of which lies below the child at position `child` [n].

    With `threads` children are fitted in blocks, which reach the cards once for all of a block.
    """
    present, label, counts = np.unique(child, return_inverse=True, return_counts=True)
    intercept = np.full(len(children), UNSEEN, np.float32)
    if len(present) == 1 or x.nnz == 0:  # no choice, or cards without any text: the classes' shares decide
        intercept[present] = np.log(counts / counts.sum())
        return Node(children, np.empty(0, np.int32), np.empty((0, len(children)), np.float32), intercept)
    columns, used = used_columns(x)
    coef = np.zeros((len(columns), len(children)), np.float32)
    if threads:
        from goods.models.text.one_vs_rest import fit_one_vs_rest  # compiles

        coef[:, present], intercept[present] = fit_one_vs_rest(used, label, len(present), C, seed, threads)
        return Node(children, columns, coef, intercept)
    with rare_classes():
        # "auto" takes the primal where cards outnumber terms, which is several times slower there
        svm = LinearSVC(C=C, dual=True, tol=1e-2, random_state=seed, max_iter=200).fit(used, label)
    if len(present) == 2:  # scikit-learn keeps one column for two classes
        coef[:, present] = np.stack([-svm.coef_[0], svm.coef_[0]], 1)
        intercept[present] = [-svm.intercept_[0], svm.intercept_[0]]
    else:
        coef[:, present] = svm.coef_.T
        intercept[present] = svm.intercept_
    return Node(children, columns, coef, intercept)


def all_margins(x: sp.csr_matrix, nodes: dict[int, Node]) -> dict[int, np.ndarray]:
    """The `margins` of every node by one product, for which a feature that a node's cards lack has weight 0: what that
    adds changes no sum."""
    width = sum(len(node.children) for node in nodes.values())
    weights, here, places = np.zeros((x.shape[1], width), np.float32), 0, {}
    for name, node in nodes.items():
        places[name] = slice(here, here + len(node.children))
        weights[node.columns, places[name]] = node.coef
        here += len(node.children)
    sums = np.asarray(x @ weights)
    return {name: sums[:, places[name]] + node.intercept for name, node in nodes.items()}


def used_columns(x: sp.csr_matrix) -> tuple[np.ndarray, sp.csr_matrix]:
    """int32 [f] columns with an entry, ascending, and `x` with these alone."""
    used = np.zeros(x.shape[1], bool)
    used[x.indices] = True
    columns = np.flatnonzero(used).astype(np.int32)
    place = np.cumsum(used, dtype=np.int32) - 1
    return columns, sp.csr_matrix((x.data, place[x.indices], x.indptr), (x.shape[0], len(columns)))
