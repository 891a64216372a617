"""What share of pairs is expected to be right, from their scores, where nobody has looked at them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from goods.core.calibration import logit

LEAST = 1e-6  # away from 0 and 1, scores have log-odds
ROUNDS, CLOSE = 500, 1e-7


@dataclass(frozen=True)
class Expected:
    """`shift`: log-odds that are added to those of a score to have the chance that the pair is right · `how` that was
    found, in words."""

    shift: float
    how: str

    @property
    def even(self) -> float:
        """The score of a pair that is as likely right as wrong."""
        return float(expit(-self.shift))

    def right(self, score: np.ndarray) -> np.ndarray:
        """float64 [m] chance that pairs of these scores [m] are right."""
        return expit(logit(score.astype(np.float64), LEAST) + self.shift)


Expecting = Callable[[np.ndarray], Expected]  # scores of all candidate pairs → what to expect of them


def share_of_matches(score: np.ndarray, labelled: float) -> float:
    """The share of matches among pairs of these scores [m], calibrated where a share `labelled` were matches: that of
    the highest likelihood (Saerens, Latinne & Decaestecker 2002), by expectation–maximisation."""
    share = labelled
    for _ in range(ROUNDS):
        new = float(Expected(shift_between(labelled, share), "").right(score).mean())
        if abs(new - share) < CLOSE:
            break
        share = new
    return share


def shift_between(one: float, other: float) -> float:
    """Log-odds that scores change by where the share of matches is the `other`."""
    before, after = logit(np.array([one, other]), LEAST)
    return float(after - before)
