"""Linear SVMs of many classes at once: dual coordinate descent on blocks of classes.

The problem is LIBLINEAR's (one class against the rest, squared hinge loss, L2 penalty, the bias penalised too; Hsieh et
al. 2008, algorithm 2 and its shrinking), but a card's features are read once for `LANES` classes: what takes the time
is reaching a feature's weights, and those of a block lie side by side. Blocks
know nothing of each other: the same bytes with however many threads.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy.sparse as sp

from goods.core.compiled import compiled

LANES = 32  # classes of a block

TOLERANCE = 0.1  # of the projected gradient, LIBLINEAR's own for this problem

MOST_EPOCHS = 200


def fit_one_vs_rest(
    x: sp.csr_matrix, label: np.ndarray, n_classes: int, C: float, seed: int, threads: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """coef float32 [f, m] and intercept float32 [m] of float32 `x` [n, f] and `label` int [n] in 0 … m - 1."""
    coef, intercept = np.zeros((x.shape[1], n_classes), np.float32), np.zeros(n_classes, np.float32)
    squares = np.bincount(np.repeat(np.arange(x.shape[0]), np.diff(x.indptr)), x.data**2, x.shape[0])
    rate = (1 / (squares + 1 + 0.5 / C)).astype(np.float32)

    def fit(start: int) -> None:
        stop, rng = min(start + LANES, n_classes), np.random.default_rng([seed, start])
        weights, bias = fit_block(x, (label - start).astype(np.int32), rate, np.float32(0.5 / C), rng)
        coef[:, start:stop], intercept[start:stop] = weights[:, : stop - start], bias[: stop - start]

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fit, range(0, n_classes, LANES)))
    return coef, intercept


def fit_block(
    x: sp.csr_matrix, label: np.ndarray, rate: np.ndarray, ridge: np.float32, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """weights [f, LANES] and bias [LANES]; a label outside 0 … LANES - 1 is the rest of all of them."""
    n, f = x.shape
    weights, bias = np.zeros((f, LANES), np.float32), np.zeros(LANES, np.float32)
    alpha = np.zeros((n, LANES), np.float32)
    active, bound = np.arange(n), np.full(LANES, np.inf, np.float32)
    for _ in range(MOST_EPOCHS):
        order = rng.permutation(active)
        lowest, highest = np.full(LANES, np.inf, np.float32), np.full(LANES, -np.inf, np.float32)
        kept = np.empty(len(order), np.bool_)
        epoch(
            x.indptr, x.indices, x.data, label, rate, ridge, order,
            weights, bias, alpha, bound, lowest, highest, kept,
        )  # fmt: skip
        if (highest - lowest).max() > TOLERANCE:
            active, bound = order[kept], np.where(highest <= 0, np.inf, highest).astype(np.float32)
        elif len(active) == n:
            break
        else:  # solved on what was not shrunk: is it on all?
            active, bound = np.arange(n), np.full(LANES, np.inf, np.float32)
    return weights, bias


@compiled(error_model="numpy")
def epoch(
    indptr, indices, data, label, rate, ridge, order, weights, bias, alpha, bound, lowest, highest, kept
):  # fmt: skip
    """One pass over the cards in `order`; writes weights, bias, alpha, the extremes of the projected gradient by class,
    and which cards still matter to a class (the others are those shrinking leaves out)."""
    one, zero = np.float32(1), np.float32(0)
    margin, step = np.zeros(LANES, np.float32), np.zeros(LANES, np.float32)
    lanes = weights.shape[1]  # loops of a length known to the compiler are unrolled and then not vectorised
    for k in range(len(order)):
        i = order[k]
        margin[:] = bias
        for j in range(indptr[i], indptr[i + 1]):
            feature, value = indices[j], data[j]
            for c in range(lanes):
                margin[c] += value * weights[feature, c]
        matters = moved = False
        for c in range(lanes):
            sign = one if c == label[i] else -one
            old = alpha[i, c]
            gradient = sign * margin[c] - one + old * ridge
            step[c] = zero
            if old == zero:
                if gradient > bound[c]:
                    continue
                gradient = min(gradient, zero)
            matters = True
            lowest[c], highest[c] = min(lowest[c], gradient), max(highest[c], gradient)
            new = max(old - gradient * rate[i], zero)
            if new != old:
                step[c], alpha[i, c], moved = (new - old) * sign, new, True
        kept[k] = matters
        if moved:
            for c in range(lanes):
                bias[c] += step[c]
            for j in range(indptr[i], indptr[i + 1]):
                feature, value = indices[j], data[j]
                for c in range(lanes):
                    weights[feature, c] += value * step[c]
