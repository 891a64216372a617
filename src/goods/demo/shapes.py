"""What a made-up contest looks like: its tree, the sizes of its classes, its texts and shops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from goods.demo import sizes, tree
from goods.demo.copywriter import Copywriter
from goods.demo.kinds import Kind, Leaf
from goods.demo.terse import TerseCopywriter


@dataclass(frozen=True, slots=True)
class Shape:
    """`arrange` hangs grown leaves into the tree, `sizes` deals train cards to them (int64 [classes], all positive)."""

    arrange: Callable[[list[Kind], list[Leaf], np.random.Generator], list[Leaf]]
    sizes: Callable[[int, list[Leaf], np.random.Generator], np.ndarray]
    copywriter: type[Copywriter] = Copywriter
    cards_per_shop: int = 50
    without_shop: float = 0.0  # share of the cards


REAL_TEXTS: dict = {"copywriter": TerseCopywriter, "cards_per_shop": 15, "without_shop": 0.21}

SHAPES = {
    "narrow": Shape(tree.narrow, sizes.zipf_sizes),
    "wide": Shape(tree.wide, sizes.wide_sizes, **REAL_TEXTS),
    "flat": Shape(tree.flat, sizes.flat_sizes, **REAL_TEXTS),
}
