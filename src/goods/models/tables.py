"""Tables of vectors of which a batch reads few rows."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F


def row_means(table: torch.Tensor, numbers: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
    """table [n, width], numbers int64 [t] of rows, offsets int64 [b + 1] → [b, width], zeros for a list without any."""
    return F.embedding_bag(numbers, table, offsets, mode="mean", include_last_offset=True)


class Table(nn.EmbeddingBag):
    """Means of rows. `reads` is how it is read in a training that moves only rows which were read."""

    reads: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None

    def __init__(self, rows: int, width: int) -> None:
        super().__init__(rows, width, mode="mean", include_last_offset=True)

    def forward(self, numbers: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        """As `row_means`."""
        if self.reads is not None and torch.is_grad_enabled():
            return self.reads(numbers, offsets)
        return row_means(self.weight, numbers, offsets)
