"""What both families of text and photo share: batches of both sides, and the layers of two encoders."""

from __future__ import annotations

from itertools import zip_longest

import numpy as np
import torch
from torch import nn

from goods.models.rows import Rows

SIDES = ("text", "image")


class TextImageRows:
    """Both sides of each card; a side's arrays are named <side>.<name>."""

    def __init__(self, sides: dict[str, Rows], target: np.ndarray) -> None:
        self.sides, self.target = sides, target
        self.lengths = sides["text"].lengths

    def batch(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        parts = {
            f"{side}.{name}": value
            for side, found in self.sides.items()
            for name, value in found.batch(rows).items()
        }
        return parts | {"rows": torch.from_numpy(rows)}


def named_below(batch: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """The arrays named <prefix>.<name>, by name."""
    return {name[len(prefix) + 1 :]: v for name, v in batch.items() if name.startswith(f"{prefix}.")}


def both_by_depth(
    text: list[list[nn.Parameter]], image: list[list[nn.Parameter]]
) -> list[list[nn.Parameter]]:
    """Layers of two encoders as those of one, from the top down."""
    none: list[nn.Parameter] = []
    return [[*a, *b] for a, b in zip_longest(text, image, fillvalue=none)]
