"""Class probabilities → the class to submit, for the metric that is scored.

The best class is not always the likeliest: hierarchical F1 pays for ancestors that are right, so a class whose
siblings are likely too can be worth more; macro F1 counts a rare class as much as a frequent one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from goods.cards.labels import Labels
from goods.core.errors import GoodsError
from goods.core.meant import among
from goods.core.predictions import Predictions
from goods.metrics.base import ClassMetric, Decoder
from goods.metrics.evaluation import card_metric, score

STRENGTHS = tuple(round(0.05 * i, 2) for i in range(17))  # of the class bias, 0 … 0.8

BLOCK = 4096


def decoder_of(metric: str) -> Decoder:
    """How a class is chosen for a metric of classes."""
    return card_metric(metric).decoder


def decode(predictions: Predictions, labels: Labels, decoding: dict[str, Any]) -> np.ndarray:
    """int32 [n] column of the chosen class among each card's kept classes; `decoding` is made by `fit_decoding`.

    GoodsError where there is no such method.
    """
    return _method(decoding["method"])(predictions, labels, decoding)


def fit_decoding(
    method: str, predictions: Predictions, target: np.ndarray, labels: Labels, metric: str
) -> dict[str, Any]:
    """What `decode` needs, JSON-able, learned from out-of-fold predictions and `target` [n]: of a class bias the
    strength with the best `metric`, of hierarchical F1 its value; for a metric of probabilities also what is left to
    classes that a card is given nothing of. GoodsError where there is no such method."""
    _method(method)
    learned: dict[str, Any] = {}
    if not isinstance(card_metric(metric), ClassMetric):
        learned["left"] = left_to_others(predictions, target)
    if method in ("class_bias", "safe_class_bias"):
        learned |= fit_class_bias(predictions, target, labels, metric, safe=method == "safe_class_bias")
    elif method == "expected_hierarchical_f1":
        learned |= {"value": highest_hierarchical_f1(predictions, labels)}
    return {"method": method} | learned


def left_to_others(predictions: Predictions, target: np.ndarray) -> float:
    """The probability that a card's class is none that it is given, which is the least log-loss to leave to them; one
    card more of each kind is counted, so that it is never 0."""
    given = ((predictions.classes == target[:, None]) & (predictions.proba > 0)).any(1)
    return float(((~given).sum() + 1) / (len(target) + 2))


def _method(name: str) -> Callable[[Predictions, Labels, dict[str, Any]], np.ndarray]:
    if name not in METHODS:
        raise GoodsError(f"unknown decoding {name!r}: known are {among(name, METHODS)}")
    return METHODS[name]


def fit_class_bias(
    predictions: Predictions, target: np.ndarray, labels: Labels, metric: str, safe: bool = False
) -> dict[str, Any]:
    """A bias of −strength · log(1 + cards of the class), of the strength that scores best; the least of equal ones, so
    none for a metric of probabilities, which no bias changes.

    `safe`: of those strengths alone that leave as many cards right as none does, and none where the gain is within a
    standard error, by the cards that become right or wrong. Else a score that counts classes, and not cards, is won by
    giving doubtful cards to classes that are lost anyway.
    """
    log_count = np.log(np.bincount(target, minlength=labels.n_classes) + 1.0)
    first = at(predictions.classes, biased(predictions, 0 * log_count))
    last = at(predictions.classes, biased(predictions, -STRENGTHS[-1] * log_count))
    # a class that is best of all without a bias and with the strongest is so with all between: all are lines
    moving = np.flatnonzero(first != last)
    unsure, reached, right = predictions.take(moving), [], []
    for strength in STRENGTHS if isinstance(card_metric(metric), ClassMetric) else ():
        chosen = first.copy()
        chosen[moving] = at(unsure.classes, biased(unsure, -strength * log_count))
        reached.append(score(metric, target, chosen, labels))
        right.append(chosen == target)
    best = int(np.argmax(reached)) if reached else 0
    if safe and best:
        harmless = [is_right.sum() >= right[0].sum() for is_right in right]
        best = int(np.where(harmless, reached, -np.inf).argmax())
        noise = np.sqrt((right[best] != right[0]).sum()) / len(target)
        best = best if reached[best] - reached[0] > noise else 0
    return {"strength": STRENGTHS[best], "bias": (-STRENGTHS[best] * log_count).tolist()}


def chosen_first(predictions: Predictions, column: np.ndarray) -> Predictions:
    """The chosen class of each card, of `column` int [n], in the first column, the others after it in their order."""
    order = np.argsort(np.arange(predictions.classes.shape[1]) != column[:, None], axis=1, kind="stable")
    classes = np.take_along_axis(predictions.classes, order, 1)
    return Predictions(predictions.product_id, classes, np.take_along_axis(predictions.proba, order, 1))


def at(kept: np.ndarray, column: np.ndarray) -> np.ndarray:
    """[n] the value at each row's column of [n, k]."""
    return np.take_along_axis(kept, column[:, None].astype(np.int64), 1)[:, 0]


def biased(predictions: Predictions, bias: np.ndarray) -> np.ndarray:
    """int32 [n] column of the largest log p + bias[class]."""
    value = np.log(predictions.proba.clip(1e-12)) + bias[predictions.classes]
    return value.argmax(1).astype(np.int32)


def by_bias(predictions: Predictions, labels: Labels, decoding: dict[str, Any]) -> np.ndarray:
    """int32 [n] column of the class by the bias that was learned, safe or not."""
    return biased(predictions, np.array(decoding["bias"]))


def overlap_tables(labels: Labels) -> tuple[np.ndarray, np.ndarray]:
    """int32 [C, depth] ancestors and self of each class, −1 where its path ends; int64 [C] their number."""
    depth = np.array([len(a) for a in labels.ancestors])
    nodes = np.full((labels.n_classes, int(depth.max())), -1, np.int32)
    for c, path in enumerate(labels.ancestors):
        nodes[c, : len(path)] = path
    return nodes, depth


def expected_overlap(predictions: Predictions, labels: Labels) -> np.ndarray:
    """float32 [n, k]: E |A(y) ∩ A(c)| for each kept class c, y drawn from the card's probabilities."""
    nodes, _ = overlap_tables(labels)
    return _expected(predictions, nodes, lambda common, _: common)


def expected_lca_accuracy(predictions: Predictions, labels: Labels) -> np.ndarray:
    """int32 [n] column of the class whose exp(−levels from y up to the deepest node they share) is largest, y drawn
    from the card's probabilities; a class that shares none counts nothing."""
    nodes, depth = overlap_tables(labels)

    def gain(common: np.ndarray, classes: np.ndarray) -> np.ndarray:
        levels = depth[classes][:, None, :].astype(np.float32) - common
        return np.where(common > 0, np.exp(-levels), np.float32(0))

    return _expected(predictions, nodes, gain).argmax(1).astype(np.int32)


def _expected(
    predictions: Predictions, nodes: np.ndarray, gain: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> np.ndarray:
    """float32 [n, k]: expectation over y of what each kept class gains; `gain` is given the nodes that it and each y
    share, float32 [b, k, k], and the classes [b, k]."""
    out = np.empty(predictions.proba.shape, np.float32)
    for start in range(0, len(out), BLOCK):
        rows = slice(start, start + BLOCK)
        path = nodes[predictions.classes[rows]]  # [b, k, depth]
        # a node lies on one depth of a path only: common ancestors are equal nodes at equal depths
        same = (path[:, :, None, :] == path[:, None, :, :]) & (path[:, :, None, :] >= 0)
        gained = gain(same.sum(3, dtype=np.float32), predictions.classes[rows])
        out[rows] = np.einsum("bcj,bj->bc", gained, predictions.proba[rows])
    return out


def expected_depth(predictions: Predictions, depth: np.ndarray) -> np.ndarray:
    """float [n]: E |A(y)| over the kept classes."""
    return (predictions.proba * depth[predictions.classes]).sum(1)


def expected_hierarchical_f1(predictions: Predictions, labels: Labels, value: float) -> np.ndarray:
    """int32 [n] column of the class that maximises 2 E|A(y) ∩ A(c)| − value · |A(c)|: at the `value` of
    `highest_hierarchical_f1` these together reach it. A card's class does not depend on the other cards."""
    _, depth = overlap_tables(labels)
    gain = 2 * expected_overlap(predictions, labels).astype(np.float64) - value * depth[predictions.classes]
    return gain.argmax(1).astype(np.int32)


def highest_hierarchical_f1(predictions: Predictions, labels: Labels, rounds: int = 20) -> float:
    """The highest hierarchical F1 in expectation that one class for each card can reach.

    The ratio is maximised by Dinkelbach's method (1967): given its value F, a card's best class maximises
    2 E|A(y) ∩ A(c)| − F |A(c)|; F starts at the argmax's and rises until the classes stay.
    """
    _, depth = overlap_tables(labels)
    overlap = expected_overlap(predictions, labels).astype(np.float64)
    own, likely = depth[predictions.classes], expected_depth(predictions, depth).sum()

    def reached(column: np.ndarray) -> float:
        return float(2 * at(overlap, column).sum() / max(at(own, column).sum() + likely, 1e-12))

    column = np.zeros(len(overlap), np.int32)
    for _ in range(rounds):
        new = (2 * overlap - reached(column) * own).argmax(1).astype(np.int32)
        if (new == column).all():
            break
        column = new
    return reached(column)


# every Decoder a metric can name; `decode` calls it with what `fit_decoding` made
METHODS: dict[str, Callable[[Predictions, Labels, dict[str, Any]], np.ndarray]] = {
    "argmax": lambda predictions, labels, decoding: np.zeros(len(predictions.classes), np.int32),
    "expected_hierarchical_f1": lambda predictions, labels, decoding: expected_hierarchical_f1(
        predictions, labels, decoding["value"]
    ),
    "expected_lca_accuracy": lambda predictions, labels, decoding: expected_lca_accuracy(predictions, labels),
    "class_bias": by_bias,
    "safe_class_bias": by_bias,
}
