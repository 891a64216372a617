"""A linear SVM at each node of the category tree, over TF-IDF per field."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from scipy.special import log_softmax
from sklearn.svm import LinearSVC

from goods.core.artifacts import read_json, write_json
from goods.core.errors import GoodsError
from goods.models.base import Context
from goods.models.text.classtree import ROOT, class_tree
from goods.models.text.field_vectorizer import FieldVectorizer
from goods.models.text.linear import LinearConfig

UNSEEN = -30.0  # log-probability of a class without train cards

PRUNED = -12.0  # below this path log-probability a card is not asked at a node's children


@dataclass
class Node:
    """A decision among `children` nodes; `columns` are the features its cards use."""

    children: list[int]
    columns: np.ndarray  # int32 [f]
    coef: np.ndarray  # float32 [f, m], m = len(children)
    intercept: np.ndarray  # float32 [m]; a child without train cards has UNSEEN and zero coef


class LinearModel:
    def __init__(self, config: LinearConfig, context: Context) -> None:
        self.config = config
        self.context = context
        self.vectorizers = {f: FieldVectorizer(c, config.char_min_df) for f, c in config.fields.items()}
        self.temperature = 1.0
        self.nodes: dict[int, Node] = {}
        self.tree = class_tree(context.labels, flat=config.structure == "flat")

    def warm(self, cards: pd.DataFrame) -> None:
        """Nothing to cache: vocabularies belong to one fold."""

    def fit(self, train: pd.DataFrame, valid: pd.DataFrame | None) -> None:
        if valid is not None and len(valid):
            self._fit_nodes(self._vectors(train, fit=True), train.target.to_numpy())
            self.temperature = self._best_temperature(self._vectors(valid), valid.target.to_numpy())
            train = pd.concat([train, valid])
        self._fit_nodes(self._vectors(train, fit=True), train.target.to_numpy())

    def _vectors(self, cards: pd.DataFrame, fit: bool = False) -> sp.csr_matrix:
        if fit:
            self.vectorizers = {
                f: FieldVectorizer(c, self.config.char_min_df) for f, c in self.config.fields.items()
            }
        blocks = [
            (v.fit_transform(cards[f]) if fit else v.transform(cards[f])) for f, v in self.vectorizers.items()
        ]
        return sp.hstack(blocks, format="csr", dtype=np.float32)

    def _fit_nodes(self, x: sp.csr_matrix, target: np.ndarray) -> None:
        self.nodes = {}
        n_classes = self.context.labels.n_classes
        order = np.argsort(target, kind="stable")
        bounds = np.searchsorted(target[order], np.arange(n_classes + 1))
        for node, children in self.tree.children.items():
            if len(children) == 1:
                continue
            rows = np.sort(np.concatenate([order[bounds[c] : bounds[c + 1]] for c in self.tree.below[node]]))
            if len(rows):
                child = self.tree.child_of_class(node, n_classes)[target[rows]]
                self.nodes[node] = self._fit_node(x[rows], child, children)

    def _fit_node(self, x: sp.csr_matrix, child: np.ndarray, children: list[int]) -> Node:
        present, counts = np.unique(child, return_counts=True)
        if (
            len(present) == 1 or x.nnz == 0
        ):  # no choice, or cards without any text: the classes' shares decide
            intercept = np.full(len(children), UNSEEN, np.float32)
            intercept[present] = np.log(counts / counts.sum())
            return Node(children, np.empty(0, np.int32), np.empty((0, len(children)), np.float32), intercept)
        columns = np.unique(x.indices).astype(np.int32)
        svm = LinearSVC(C=self.config.C, tol=1e-2, random_state=self.context.seed, max_iter=200)
        svm.fit(x[:, columns], child)
        coef = np.zeros((len(columns), len(children)), np.float32)
        intercept = np.full(len(children), UNSEEN, np.float32)
        if len(present) == 2:  # scikit-learn keeps one column for two classes
            coef[:, present] = np.stack([-svm.coef_[0], svm.coef_[0]], 1)
            intercept[present] = [-svm.intercept_[0], svm.intercept_[0]]
        else:
            coef[:, present] = svm.coef_.T
            intercept[present] = svm.intercept_
        return Node(children, columns, coef, intercept)

    def _log_proba(self, x: sp.csr_matrix, temperature: float) -> np.ndarray:
        """float32 [n, C] summed log-softmaxes along each path."""
        out = np.full((x.shape[0], self.context.labels.n_classes), UNSEEN * 2, np.float32)
        queue = [(ROOT, np.arange(x.shape[0]), np.zeros(x.shape[0], np.float32))]
        while queue:
            node, rows, path = queue.pop()
            if node in self.tree.leaf_of:
                out[rows, self.tree.leaf_of[node]] = path
                continue
            children = self.tree.children[node]
            fitted = self.nodes.get(node)
            if fitted is None:
                # a single child, or an inner node whose subtree has no train card: no preference among children
                step = np.full((len(rows), len(children)), -np.log(len(children)), np.float32)
            else:
                margins = np.asarray(x[rows][:, fitted.columns] @ fitted.coef) + fitted.intercept
                seen = fitted.intercept > UNSEEN
                step = np.full(margins.shape, UNSEEN, np.float32)
                step[:, seen] = log_softmax(margins[:, seen] / temperature, axis=1)
            for j, child in enumerate(children):
                reached = path + step[:, j]
                if child in self.tree.leaf_of:
                    out[rows, self.tree.leaf_of[child]] = reached
                    continue
                kept = reached > PRUNED
                if kept.any():
                    queue.append((child, rows[kept], reached[kept]))
        return out

    def _best_temperature(self, x: sp.csr_matrix, target: np.ndarray) -> float:
        """The grid temperature with the least negative log-likelihood on the inner split."""
        grid = np.geomspace(0.08, 1.5, 12)

        def loss(temperature: float) -> float:
            return -self._log_proba(x, temperature)[np.arange(len(target)), target].clip(UNSEEN / 2).mean()

        return float(min(grid, key=loss))

    def predict(self, cards: pd.DataFrame) -> np.ndarray:
        log_proba = self._log_proba(self._vectors(cards), self.temperature)
        proba = np.exp(log_proba - log_proba.max(1, keepdims=True))
        return proba / proba.sum(1, keepdims=True)

    def save(self, folder: Path) -> None:
        arrays: dict[str, np.ndarray] = {}
        for node, fitted in self.nodes.items():
            arrays |= {f"{node}.columns": fitted.columns, f"{node}.coef": fitted.coef}
            arrays[f"{node}.intercept"] = fitted.intercept
        vocabularies: dict[str, list] = {}
        for field, vectorizer in self.vectorizers.items():
            vocabularies[field], idf = vectorizer.save()
            arrays |= {f"idf.{field}.{i}": weights for i, weights in enumerate(idf)}
        save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, folder / "model.safetensors")
        write_json(folder / "model.json", {"temperature": self.temperature, "vocabularies": vocabularies})

    def load(self, folder: Path) -> None:
        meta = read_json(folder / "model.json")
        try:
            arrays = load_file(folder / "model.safetensors")
        except (OSError, ValueError, SafetensorError) as error:
            raise GoodsError(
                f"{folder / 'model.safetensors'}: not readable ({error}); train this fold again"
            ) from None
        self.temperature = meta["temperature"]
        for field, terms in meta["vocabularies"].items():
            idf = [arrays[f"idf.{field}.{i}"] for i in range(len(terms))]
            self.vectorizers[field].load(terms, idf)
        self.nodes = {
            node: Node(
                children, arrays[f"{node}.columns"], arrays[f"{node}.coef"], arrays[f"{node}.intercept"]
            )
            for node, children in self.tree.children.items()
            if f"{node}.columns" in arrays
        }
