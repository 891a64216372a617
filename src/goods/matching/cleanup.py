"""Scores of pairs made to agree: what matches one of two matching products but not the other loses.

If A is B and C is not B, then A is not C; where the products are of two catalogues, a product has at most one match
(see rivals.py). How far a score gives way is chosen on honest folds and may be not at all. Raising scores by
transitivity (A is B and B is C) gained nothing on any fold and is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from scipy.special import expit

from goods.core.calibration import logit
from goods.core.predictions import Predictions
from goods.matching.groups import ends_of
from goods.matching.rivals import Rivals, are_two_catalogues
from goods.metrics.evaluation import pair_metric

STRENGTHS = (0.0, 0.25, 0.5, 1.0)  # share of the way, in log-odds
Strength = float | tuple[float, float]  # of triangles, or of the rivals of the left and of the right product
KNOWN = 0.98  # how far a label is trusted
SURE = 1e-6  # probabilities are kept so far from 0 and 1


@dataclass(frozen=True)
class Triangles:
    """Three products and the pairs between them: numbers int64 [t] of a pair and of the two others. Every pair of a
    triangle comes first once; a pair given twice counts as its first among the others."""

    pair: np.ndarray
    one: np.ndarray
    other: np.ndarray

    @staticmethod
    def among(left: np.ndarray, right: np.ndarray) -> Triangles:
        """Of pairs (left, right) int [n] of products."""
        _, ends = np.unique(np.concatenate([left, right]), return_inverse=True)
        a, b = ends[: len(left)], ends[len(left) :]
        n = int(ends.max(initial=-1)) + 1
        first, last = np.minimum(a, b), np.maximum(a, b)
        given = np.unique(first.astype(np.int64) * n + last, return_index=True)[1]
        given = given[first[given] != last[given]]
        rows, columns = (
            np.concatenate([first[given], last[given]]),
            np.concatenate([last[given], first[given]]),
        )
        number = csr_matrix((np.tile(given, 2) + 1, (rows, columns)), shape=(n, n))
        found = [np.empty((3, 0), np.int64)]
        for pair, (i, j) in enumerate(zip(a.tolist(), b.tolist(), strict=True)):
            mine, its = number.indptr[i : i + 2], number.indptr[j : j + 2]
            _, x, y = np.intersect1d(
                number.indices[slice(*mine)],
                number.indices[slice(*its)],
                assume_unique=True,
                return_indices=True,
            )
            if len(x) and i != j:
                others = number.data[slice(*mine)][x] - 1, number.data[slice(*its)][y] - 1
                found.append(np.stack([np.full(len(x), pair), *others]))
        return Triangles(*np.concatenate(found, axis=1).astype(np.int64))


def lowered(match: np.ndarray, triangles: Triangles, strength: float) -> np.ndarray:
    """float64 [n] probabilities, moved towards those of "no third product matches just one of both" where that is
    less likely than the pair."""
    against = np.zeros(len(match))
    one, other = match[triangles.one], match[triangles.other]
    np.maximum.at(against, triangles.pair, np.maximum(one * (1 - other), other * (1 - one)))
    own = logit(match.astype(np.float64), SURE)
    return expit(own + strength * np.minimum(logit(1 - against, SURE) - own, 0) * (against > 0))


def adjustment(
    left: np.ndarray, right: np.ndarray, two_catalogues: bool
) -> Callable[[np.ndarray, Strength], np.ndarray]:
    """What makes the probabilities float [n] of pairs (left, right) int [n] agree, as far as a strength says."""
    if two_catalogues:
        rivals = Rivals(left, right)
        return lambda match, strengths: rivals.lowered(match, strengths, SURE)  # type: ignore[arg-type]
    triangles = Triangles.among(left, right)
    return lambda match, strength: lowered(match, triangles, strength)  # type: ignore[arg-type]


def clean(
    pairs: pd.DataFrame,
    oof: Predictions,
    test: Predictions,
    fold: np.ndarray,
    honest: np.ndarray,
    metric: str,
) -> tuple[Predictions, Predictions, dict[str, Any]]:
    """Both predictions cleaned, and what was chosen. `pairs` are all of a competition; `oof`, `fold` int [n] and
    `honest` bool [n] are in the order of its train pairs, `test` in that of its test pairs.

    A fold is cleaned by its own pairs alone, as far as is best on the other honest folds; test pairs also by the
    labelled pairs they share products with.
    """
    train, asked = (pairs[pairs.split == split] for split in ("train", "test"))
    match, target, category = oof.proba_of(1), train.target.to_numpy(), train.category.to_numpy(str)
    left, right = ends_of(train)
    two_catalogues = are_two_catalogues(*ends_of(pairs))
    strengths: list[Strength] = [*(product(STRENGTHS, repeat=2) if two_catalogues else STRENGTHS)]
    parts = [np.flatnonzero(fold == k) for k in range(int(fold.max()) + 1)]
    score, variants = pair_metric(metric).score, {s: match.astype(np.float64) for s in strengths}
    for rows in parts:
        adjusted = adjustment(left[rows], right[rows], two_catalogues)
        for strength in strengths:
            variants[strength][rows] = adjusted(match[rows], strength)

    def best(rows: np.ndarray) -> Strength:
        return max(strengths, key=lambda s: score(target[rows], variants[s][rows], category[rows]))

    chosen, result = [], match.astype(np.float64)
    for k, rows in enumerate(parts):
        judges = honest & (fold != k)
        chosen.append(best(judges) if judges.any() else strengths[0])
        result[rows] = variants[chosen[k]][rows]
    strength = best(honest) if honest.any() else strengths[0]
    # labelled pairs come first: where a test pair is one of them in the other order, the label speaks
    known = np.concatenate([np.where(target == 1, KNOWN, 1 - KNOWN), test.proba_of(1)])
    both = [np.concatenate(ends) for ends in zip((left, right), ends_of(asked), strict=True)]
    cleaned = adjustment(both[0], both[1], two_catalogues)(known, strength)[len(train) :]
    report = {
        "two_catalogues": two_catalogues,
        "strength": strength,
        "strength_by_fold": chosen,
        "scores": {told(s): round(score(target, variants[s], category), 6) for s in strengths},
        "test_pairs_changed": int((np.abs(cleaned - known[len(train) :]) > 1e-3).sum()),
    }
    return of_matches(oof.product_id, result), of_matches(test.product_id, cleaned), report


def told(strength: Strength) -> str:
    return " / ".join(map(str, strength)) if isinstance(strength, tuple) else str(strength)


def of_matches(product_id: np.ndarray, match: np.ndarray) -> Predictions:
    """Predictions of two classes from the probability of a match, float [n]."""
    sure = match.clip(SURE, 1 - SURE).astype(np.float32)
    is_match = (sure >= 0.5)[:, None]
    classes = np.where(is_match, [[1, 0]], [[0, 1]]).astype(np.int32)
    return Predictions(
        product_id, classes, np.where(is_match, np.stack([sure, 1 - sure], 1), np.stack([1 - sure, sure], 1))
    )
