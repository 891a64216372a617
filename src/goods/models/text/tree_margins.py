"""Margins of a category tree's decisions side by side, so that one pass over a card's terms gives those of all nodes.

An inner node chooses among its children by SVMs of its own cards; a class's probability is the product of the softmaxes
on its path (Silla & Freitas 2011, "local classifier per parent node").
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.special import log_softmax, logsumexp

from goods.models.text.byte_margins import ByteMargins, fit_margins
from goods.models.text.classtree import ROOT, CardsByClass, ClassTree
from goods.models.text.hashed_terms import WeighedTerms

TEMPERATURES = np.geomspace(0.08, 1.5, 12)


def columns_of(tree: ClassTree) -> dict[int, slice]:
    """Where the margins of a node's children stand, of nodes that have a choice."""
    columns, here = {}, 0
    for node in tree.from_root():
        n = len(tree.children[node])
        if n > 1:
            columns[node] = slice(here, here + n)
            here += n
    return columns


def fit_tree_margins(
    cards: WeighedTerms, target: np.ndarray, n_terms: int, tree: ClassTree, C: float, seed: int, threads: int
) -> ByteMargins:
    """Of every node that has a choice; its children that no card of `target` int [n] lies below are at -inf."""
    x = sp.csr_matrix((cards.weights, cards.terms, cards.offsets), (len(cards), n_terms))
    classes, columns = CardsByClass(target, len(tree.leaf_of)), columns_of(tree)
    width = max((at.stop for at in columns.values()), default=0)
    scales, bias = np.ones(width, np.float32), np.full(width, -np.inf, np.float32)
    terms, decisions, values = [np.empty(0, np.int32)], [np.empty(0, np.int32)], [np.empty(0, np.int8)]
    for node, at in columns.items():
        rows, child = classes.below(tree, node)
        if not len(rows):
            continue
        own = x[rows]
        used, term = np.unique(own.indices, return_inverse=True)  # few of all terms, deep in the tree
        of_node = WeighedTerms(own.indptr.astype(np.int64), term.astype(np.int32), own.data)
        fitted = fit_margins(of_node, child, len(used), at.stop - at.start, C, seed, threads)
        scales[at], bias[at] = fitted.scales, fitted.bias
        terms.append(np.repeat(used, np.diff(fitted.offsets)).astype(np.int32))
        decisions.append(fitted.classes + np.int32(at.start))
        values.append(fitted.values)
    term = np.concatenate(terms)
    order = np.argsort(term, kind="stable")
    offsets = np.concatenate([[0], np.bincount(term, minlength=n_terms).cumsum()]).astype(np.int64)
    return ByteMargins(offsets, np.concatenate(decisions)[order], np.concatenate(values)[order], scales, bias)


def path_log_proba(margins: np.ndarray, tree: ClassTree, temperature: float) -> np.ndarray:
    """float32 [n, C], of `margins` float32 [n, columns]; a node without cards prefers none of its children."""
    out = np.empty((len(margins), len(tree.leaf_of)), np.float32)
    columns, paths = columns_of(tree), {ROOT: np.zeros(len(margins), np.float32)}
    for node in tree.from_root():
        path, children = paths.pop(node), tree.children[node]
        step = np.full((1, len(children)), -np.log(len(children)), np.float32)
        if node in columns:
            own = margins[:, columns[node]]
            known = np.isfinite(own[:1]).any()  # a bias of -inf is so on all cards
            step = log_softmax(own / np.float32(temperature), axis=1) if known else step
        for j, child in enumerate(children):
            reached = path + step[:, j]
            if child in tree.leaf_of:
                out[:, tree.leaf_of[child]] = reached
            else:
                paths[child] = reached
    return out


def best_temperature(margins: np.ndarray, target: np.ndarray, tree: ClassTree) -> float:
    """Of a grid the one with the least negative log-likelihood of `target` int [n]; cards of unseen classes do not
    count."""

    def loss(temperature: float) -> float:
        said = path_log_proba(margins, tree, temperature)
        own = (said - logsumexp(said, axis=1, keepdims=True))[np.arange(len(target)), target]
        there = own[np.isfinite(own)]
        return -float(there.mean()) if len(there) else 0.0

    return float(min(TEMPERATURES, key=loss))
