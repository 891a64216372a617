"""Random draws of the demo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


class Dice:
    """Cheap scalar draws from a seeded generator, made in bulk."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.pool: list[float] = []

    def __call__(self) -> float:
        if not self.pool:
            self.pool = self.rng.random(1 << 15).tolist()
        return self.pool.pop()

    def below(self, n: int) -> int:
        return int(self() * n)

    def pick(self, options: Sequence[T]) -> T:
        return options[int(self() * len(options))]
