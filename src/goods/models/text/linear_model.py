"""A linear SVM at each node of the category tree, over TF-IDF per field; nodes of many children are cut into groups."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from goods.core.artifacts import read_json, write_json
from goods.core.errors import GoodsError
from goods.models.base import Context
from goods.models.text.card_vectors import CardVectors
from goods.models.text.class_groups import MOST_CHILDREN, group_children
from goods.models.text.classtree import ROOT, CardsByClass, class_tree
from goods.models.text.linear import LinearConfig
from goods.models.text.node_svm import UNSEEN, Node, all_margins, fit_node

PRUNED = -12.0  # below this path log-probability a card is not asked at a node's children

AT_ONCE = 1 << 27  # bytes of the weights of all nodes side by side; of more each node is asked by itself

LARGE = 1 << 24  # entries of a node's cards times its children from which blocks save more than they compile

TEMPERATURES = np.geomspace(0.08, 1.5, 12)


class LinearModel:
    def __init__(self, config: LinearConfig, context: Context) -> None:
        self.config = config
        self.context = context
        self.text = CardVectors(config, context.kept)
        self.temperature = 1.0
        self.nodes: dict[int, Node] = {}
        self.contest_tree = self.tree = class_tree(context.labels, flat=config.structure == "flat")
        self.groups: dict[int, list[list[int]]] = {}

    def warm(self, cards: pd.DataFrame) -> None:
        """Nothing to cache: vocabularies belong to one fold."""

    def fit(self, train: pd.DataFrame, valid: pd.DataFrame | None) -> None:
        """Terms and their idf are of both, for they know no classes; SVMs are of `train` until the temperature is."""
        known = train if valid is None else pd.concat([train, valid])
        x, target = self.text.vectors(known, fit=True), known.target.to_numpy()
        if len(train) < len(known):
            self._fit_nodes(x[: len(train)], target[: len(train)])
            self.temperature = self._best_temperature(x[len(train) :], target[len(train) :])
        self._fit_nodes(x, target)

    def _fit_nodes(self, x: sp.csr_matrix, target: np.ndarray) -> None:
        classes, seed = CardsByClass(target, self.context.labels.n_classes), self.context.seed
        self.groups = {}
        for node, children in self.contest_tree.children.items():
            if len(children) > MOST_CHILDREN:
                rows, child = classes.below(self.contest_tree, node)
                self.groups[node] = group_children(x[rows], child, children, seed)
        self.tree = self.contest_tree.grouped(self.groups)
        self.nodes = {}
        for node, children in self.tree.children.items():
            rows, child = classes.below(self.tree, node)
            if len(children) > 1 and len(rows):
                of_node = x if len(rows) == x.shape[0] else x[rows]
                in_blocks = self.tree.is_grouped(node) or of_node.nnz * len(children) >= LARGE
                threads = self.context.threads if in_blocks else None
                self.nodes[node] = fit_node(of_node, child, children, self.config.C, seed, threads)

    def _log_proba(self, x: sp.csr_matrix, temperature: float) -> np.ndarray:
        """float32 [n, C] summed log-softmaxes along each path."""
        out = np.full((x.shape[0], self.context.labels.n_classes), UNSEEN * 2, np.float32)
        width = sum(len(node.children) for node in self.nodes.values())
        margins = all_margins(x, self.nodes) if 4 * width * x.shape[1] <= AT_ONCE else {}
        queue = [(ROOT, np.arange(x.shape[0]), np.zeros(x.shape[0], np.float32))]
        while queue:
            node, rows, path = queue.pop()
            if node in self.tree.leaf_of:
                out[rows, self.tree.leaf_of[node]] = path
                continue
            children, fitted = self.tree.children[node], self.nodes.get(node)
            step = self._indifferent(len(rows), node)
            if fitted is not None:
                own = margins[node][rows] if node in margins else fitted.margins(x[rows])
                step = fitted.log_proba(own, temperature)
            for j, child in enumerate(children):
                reached = path + step[:, j]
                if child in self.tree.leaf_of:
                    out[rows, self.tree.leaf_of[child]] = reached
                    continue
                kept = reached > PRUNED
                if kept.any():
                    queue.append((child, rows[kept], reached[kept]))
        return out

    def _indifferent(self, n: int, node: int) -> np.ndarray:
        """[n, children]: of a single child, or an inner node whose subtree has no train card, none is preferred."""
        m = len(self.tree.children[node])
        return np.full((n, m), -np.log(m), np.float32)

    def _best_temperature(self, x: sp.csr_matrix, target: np.ndarray) -> float:
        """The grid temperature with the least negative log-likelihood on the inner split."""
        classes, asked = CardsByClass(target, self.context.labels.n_classes), []
        for node in self.tree.from_root():
            rows, child = classes.below(self.tree, node)
            fitted = self.nodes.get(node)
            asked.append((node, rows, child, fitted.margins(x[rows]) if fitted and len(rows) else None))

        def loss(temperature: float) -> float:
            """Only the nodes on the way to a card's class are asked."""
            path, lost = np.zeros(len(target), np.float32), np.zeros(len(target), bool)
            for node, rows, child, margins in asked:
                if not len(rows):
                    continue
                step = self._indifferent(len(rows), node)
                if margins is not None:
                    step = self.nodes[node].log_proba(margins, temperature)
                path[rows] += step[np.arange(len(rows)), child]
                inner = np.array([c not in self.tree.leaf_of for c in self.tree.children[node]])[child]
                lost[rows] |= inner & (path[rows] <= PRUNED)
            return -np.where(lost, UNSEEN * 2, path).clip(UNSEEN / 2).mean()

        return float(min(TEMPERATURES, key=loss))

    def predict(self, cards: pd.DataFrame) -> np.ndarray:
        log_proba = self._log_proba(self.text.vectors(cards), self.temperature)
        proba = np.exp(log_proba - log_proba.max(1, keepdims=True))
        return proba / proba.sum(1, keepdims=True)

    def save(self, folder: Path) -> None:
        arrays: dict[str, np.ndarray] = {}
        for node, fitted in self.nodes.items():
            arrays |= {f"{node}.columns": fitted.columns, f"{node}.coef": fitted.coef}
            arrays[f"{node}.intercept"] = fitted.intercept
        vocabularies, weights = self.text.save()
        save_file(
            {k: np.ascontiguousarray(v) for k, v in (arrays | weights).items()}, folder / "model.safetensors"
        )
        groups = list(self.groups.items())
        write_json(
            folder / "model.json",
            {"temperature": self.temperature, "vocabularies": vocabularies, "groups": groups},
        )

    def load(self, folder: Path) -> None:
        meta = read_json(folder / "model.json")
        try:
            arrays = load_file(folder / "model.safetensors")
        except (OSError, ValueError, SafetensorError) as error:
            raise GoodsError(
                f"{folder / 'model.safetensors'}: not readable ({error}); train this fold again"
            ) from None
        self.temperature = meta["temperature"]
        self.text.load(meta["vocabularies"], arrays)
        self.groups = dict(meta["groups"])
        self.tree = self.contest_tree.grouped(self.groups)
        self.nodes = {
            node: Node(
                children, arrays[f"{node}.columns"], arrays[f"{node}.coef"], arrays[f"{node}.intercept"]
            )
            for node, children in self.tree.children.items()
            if f"{node}.columns" in arrays
        }
