"""How likely a log-linear pool makes the classes of a table's cards, and where that grows, in one pass over entries."""

from __future__ import annotations

import numpy as np

from goods.core.compiled import compiled


@compiled(error_model="numpy")
def likelihood(starts, cls, is_target, log_proba, weights, bias, own, to_weights, to_bias, to_own):  # fmt: skip
    """Sum over cards of the log of their class's probability, and of the cards' probabilities of each entry.

    starts int [n + 1]: first entry of each card and the number m of all · cls int [m] · is_target bool [m]: an entry
    of each card · log_proba float64 [m, M] · weights float64 [M] · bias float64 [C] and own float64 [C, M], or of
    length 0. The gradients are added to `to_weights`, `to_bias` and `to_own`, as long as those.
    """
    n_models, biases, owns = len(weights), len(bias) > 0, len(own) > 0
    longest = 0
    for card in range(len(starts) - 1):
        longest = max(longest, starts[card + 1] - starts[card])
    score, total = np.empty(longest), 0.0
    for card in range(len(starts) - 1):
        start, stop = starts[card], starts[card + 1]
        most, of_target = -np.inf, 0.0
        for i in range(start, stop):
            value = bias[cls[i]] if biases else 0.0
            for j in range(n_models):
                value += log_proba[i, j] * weights[j]
            if owns:
                for j in range(n_models):
                    value += log_proba[i, j] * own[cls[i], j]
            score[i - start] = value
            most = max(most, value)
            if is_target[i]:
                of_target = value
        mass = 0.0
        for i in range(stop - start):
            score[i] = np.exp(score[i] - most)
            mass += score[i]
        total += of_target - most - np.log(mass)
        for i in range(start, stop):
            rest = (1.0 if is_target[i] else 0.0) - score[i - start] / mass
            for j in range(n_models):
                to_weights[j] += rest * log_proba[i, j]
            if biases:
                to_bias[cls[i]] += rest
            if owns:
                for j in range(n_models):
                    to_own[cls[i], j] += rest * log_proba[i, j]
    return total
