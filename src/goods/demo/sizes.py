"""How many cards each of the demo's classes has."""

from __future__ import annotations

import numpy as np

from goods.demo.kinds import Leaf

# of a real contest: cards of a class over its rank (0: the largest), of 51 cards a class
REAL_RANKS, REAL_SIZES, REAL_MEAN = (0.1024, 0.272, 0.4624, 0.6655), (100, 20, 5, 1), 51

HEAD, STEEP = 0.1024, -0.74  # share of the classes that hold the rest of the cards, and their power law

SINGLE_AT_ROOT = 0.785  # of the leaves directly below the root of a wide tree: those with one card

UNEVEN = 1.0  # spread of how much a branch of a wide tree sells, on a log scale


def zipf_sizes(rows: int, leaves: list[Leaf], rng: np.random.Generator) -> np.ndarray:
    """Zipf's long tail, int64 [classes], dealt to the leaves at random."""
    return rng.permutation(class_sizes(rows, len(leaves)))


def class_sizes(rows: int, classes: int) -> np.ndarray:
    """Zipf's long tail, int64 [classes], summing to rows: none is empty, the last have one card."""
    rank = np.arange(classes)
    share = (1 - rank / classes) / (rank + 4)
    sizes = np.maximum(1, share / share.sum() * (rows - 0.5 * classes)).astype(np.int64)
    if classes >= 20:
        sizes[-max(3, classes // 25) :] = 1
    return evened(sizes, rows)


def evened(sizes: np.ndarray, rows: int) -> np.ndarray:
    """`sizes` summing to `rows`, the difference spread over the head."""
    spare = rows - sizes.sum()
    for k in range(abs(spare)):
        head = k % max(1, len(sizes) // 4) if spare > 0 else int(sizes.argmax())
        sizes[head] += np.sign(spare)
    return sizes


def real_sizes(rows: int, classes: int) -> np.ndarray:
    """Sizes as a real contest has them, int64 [classes], largest first: a third of one card, a tenth holds most."""
    rank = (np.arange(classes) + 0.5) / classes
    log_size = np.interp(rank, REAL_RANKS, np.log(REAL_SIZES))
    sizes = np.maximum(1, np.rint(np.exp(log_size) * rows / classes / REAL_MEAN)).astype(np.int64)
    head = rank < HEAD
    share = np.arange(1, 1 + head.sum()) ** STEEP
    sizes[head] = np.maximum(1, share / share.sum() * (rows - sizes[~head].sum())) if head.any() else 1
    return evened(sizes, rows)


def wide_sizes(rows: int, leaves: list[Leaf], rng: np.random.Generator) -> np.ndarray:
    """`real_sizes` dealt so that most leaves directly below the root have one card and branches differ in size."""
    sizes = real_sizes(rows, len(leaves))
    branches = {branch: i for i, branch in enumerate(dict.fromkeys(leaf.path[0] for leaf in leaves))}
    weight = rng.normal(0, UNEVEN, len(branches))[[branches[leaf.path[0]] for leaf in leaves]]
    popular = weight + rng.normal(0, 2 * UNEVEN, len(leaves))
    at_root = np.array([len(leaf.path) == 1 for leaf in leaves])
    popular[at_root & (rng.random(len(leaves)) < SINGLE_AT_ROOT)] -= 100
    dealt = np.empty_like(sizes)
    dealt[np.argsort(-popular, kind="stable")] = sizes
    return dealt


def flat_sizes(rows: int, leaves: list[Leaf], rng: np.random.Generator) -> np.ndarray:
    """`real_sizes` dealt at random."""
    return rng.permutation(real_sizes(rows, len(leaves)))
