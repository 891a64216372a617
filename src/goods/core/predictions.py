"""Top-k predictions: how they are kept on disk, joined by id, cut and averaged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from goods.core.artifacts import read_npz, write_npz
from goods.core.errors import GoodsError
from goods.core.hashing import content_hash

TOP_K = 32  # classes kept per card in every prediction file


@dataclass(frozen=True)
class Predictions:
    """Top-k probabilities on disk and between stages; what is left over of 1 is on no kept class.

    product_id int64 or unicode [n] · classes int32 [n, k], best first (of a stack: the class to submit, then by
    probability) · proba float32 [n, k]
    """

    product_id: np.ndarray
    classes: np.ndarray
    proba: np.ndarray

    def save(self, path: Path) -> None:
        write_npz(path, product_id=self.product_id, classes=self.classes, proba=self.proba)

    @staticmethod
    def load(path: Path) -> Predictions:
        """GoodsError where the file is missing, damaged or holds something else."""
        if not path.is_file():
            raise GoodsError(f"{path}: missing; train that experiment first")
        arrays = read_npz(path, "product_id", "classes", "proba")
        found = Predictions(arrays["product_id"], arrays["classes"], arrays["proba"])
        if flaw := found.flaw:
            raise GoodsError(f"{path}: damaged ({flaw}); train that experiment again")
        return found

    @property
    def flaw(self) -> str | None:
        """What keeps the arrays from being predictions; None where nothing does."""
        if self.product_id.ndim != 1 or self.classes.ndim != 2 or len(self.classes) != len(self.product_id):
            return "ids and classes of other numbers of rows"
        if self.proba.shape != self.classes.shape:
            return "classes and probabilities of other shapes"
        if self.classes.dtype.kind not in "iu" or (self.classes < 0).any():
            return "classes that are none"
        if self.proba.dtype.kind != "f" or not np.isfinite(self.proba).all():
            return "probabilities that are no numbers"
        return None

    def take(self, rows: np.ndarray | slice) -> Predictions:
        """The chosen rows: bool [n], their numbers or a slice."""
        return Predictions(self.product_id[rows], self.classes[rows], self.proba[rows])

    def proba_of(self, c: int | np.ndarray) -> np.ndarray:
        """float32 [n] probability of class `c`, or of one for each row [n, 1]; 0 where it is not kept."""
        return np.where(self.classes == c, self.proba, np.float32(0)).sum(1)

    def left_over(self, n_classes: int) -> np.ndarray:
        """float32 [n] probability of each class that is given nothing: an equal share of what is left of 1."""
        others = (n_classes - (self.proba > 0).sum(1)).clip(1)
        return ((1 - self.proba.sum(1)).clip(0) / others).astype(np.float32)

    def dense(self, n_classes: int) -> np.ndarray:
        """float32 [n, n_classes], rows sum to 1: what is left of 1 is on the classes that are given nothing."""
        dense = np.tile(self.left_over(n_classes)[:, None], (1, n_classes))
        given = np.where(self.proba > 0, self.proba, np.take_along_axis(dense, self.classes.astype(int), 1))
        # from the last column on: a class that `joined` fills a row up with keeps what it was given before
        np.put_along_axis(dense, self.classes[:, ::-1].astype(int), given[:, ::-1], 1)
        return dense / dense.sum(1, keepdims=True)

    @property
    def hash(self) -> str:
        return content_hash(self.product_id, self.classes, self.proba)

    def aligned(self, product_id: np.ndarray) -> Predictions:
        """Rows in the order of `product_id` [m]; every id must be here exactly once."""
        order = pd.Index(self.product_id)
        if not order.is_unique:
            raise GoodsError(
                f"predictions hold product_id {order[order.duplicated()][0]} twice; train that experiment "
                "again"
            )
        rows = order.get_indexer(pd.Index(product_id))
        if (rows < 0).any():
            missing = product_id[rows < 0][:3].tolist()
            raise GoodsError(f"predictions lack product_id {missing}; train that experiment again")
        return self.take(rows)


BLOCK = 4096  # cards predicted at once: bounds the dense block of probabilities


def best_classes(dense: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """(classes int32 [n, k], values float32 [n, k]) of the k largest per row, ties to the lower class."""
    k = min(k, dense.shape[1])
    least = np.partition(dense, -k, axis=1)[:, [-k]]
    kept = dense >= least
    over = np.flatnonzero(kept.sum(1) > k)  # more are as large as the last that is kept
    larger = dense[over] > least[over]
    equal = kept[over] & ~larger
    room = k - larger.sum(1, keepdims=True)
    kept[over] = larger | (equal & (np.cumsum(equal, axis=1, dtype=np.int32) <= room))
    order = np.nonzero(kept)[1].reshape(len(dense), k)
    values = np.take_along_axis(dense, order, 1)
    ranked = np.argsort(-values, axis=1, kind="stable")
    return np.take_along_axis(order, ranked, 1).astype(np.int32), np.take_along_axis(values, ranked, 1)


def joined(parts: list[Predictions]) -> Predictions:
    """One below the other, of as many classes as the widest has; columns that a part lacks have probability 0."""
    k = max(part.classes.shape[1] for part in parts)

    def wide(values: np.ndarray) -> np.ndarray:
        return np.pad(values, [(0, 0), (0, k - values.shape[1])])

    return Predictions(
        np.concatenate([part.product_id for part in parts]),
        np.concatenate([wide(part.classes) for part in parts]),
        np.concatenate([wide(part.proba) for part in parts]),
    )


def mean_of(predictions: list[Predictions]) -> Predictions:
    """Mean distribution of several models over the same cards in the same order, cut to the top k again."""
    first = predictions[0]
    n, k = first.classes.shape
    aligned = [p.aligned(first.product_id) for p in predictions]
    classes = np.concatenate([p.classes for p in aligned], axis=1)
    proba = np.concatenate([p.proba for p in aligned], axis=1)
    kept_classes, kept_proba = np.empty((n, k), np.int32), np.empty((n, k), np.float32)
    for start in range(0, n, BLOCK):
        block = slice(start, start + BLOCK)
        kept_classes[block], kept_proba[block] = _merge(classes[block], proba[block], k)
    return Predictions(first.product_id, kept_classes, kept_proba / np.float32(len(predictions)))


def _merge(classes: np.ndarray, proba: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Sum `proba` of equal classes within each row, keep the k largest sums."""
    order = np.argsort(classes, axis=1, kind="stable")
    classes, proba = np.take_along_axis(classes, order, 1), np.take_along_axis(proba, order, 1)
    first = np.ones(classes.shape, bool)
    first[:, 1:] = classes[:, 1:] != classes[:, :-1]
    flat = np.cumsum(first.ravel()) - 1
    sums = np.bincount(flat, weights=proba.ravel().astype(np.float64))
    merged = np.where(first, sums[flat].reshape(classes.shape), -1.0)
    ranked = np.argsort(-merged, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(classes, ranked, 1), np.take_along_axis(merged, ranked, 1).astype(np.float32)
