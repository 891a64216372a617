"""How well found pairs and groups agree with known identities."""

from __future__ import annotations

import numpy as np
import pandas as pd


def quality(
    left: np.ndarray, right: np.ndarray, group: np.ndarray, identity: np.ndarray
) -> dict[str, dict[str, float]]:
    """Precision, recall and F1 of the pairs (left, right) and of all pairs within groups; cards of unknown identity
    (null) are left out."""
    code = pd.factorize(identity)[0].astype(np.int64)
    known = code >= 0
    true = _within(code[known])
    judged = known[left] & known[right]
    hit = int((code[left] == code[right])[judged].sum())
    joint = np.unique(np.stack([group[known], code[known]], axis=1), axis=0, return_inverse=True)[1]
    return {
        "pairs": _scores(hit, int(judged.sum()), true),
        "groups": _scores(_within(joint.ravel()), _within(group[known]), true),
    }


def _within(label: np.ndarray) -> int:
    """Number of unordered pairs with equal labels, int [n] from 0."""
    sizes = np.bincount(label).astype(np.int64)
    return int((sizes * (sizes - 1) // 2).sum())


def _scores(hit: int, said: int, true: int) -> dict[str, float]:
    f1 = 2 * hit / (said + true) if said + true else 0.0
    return {"precision": hit / said if said else 0.0, "recall": hit / true if true else 0.0, "f1": f1}
