"""Tables of vectors of which a batch reads few rows."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F


def pooled(
    table: torch.Tensor, numbers: torch.Tensor, offsets: torch.Tensor, weights: torch.Tensor | None = None
) -> torch.Tensor:
    """table [n, width], numbers int64 [t] of rows, offsets int64 [b + 1] → [b, width], the mean of each list's rows or,
    with `weights` float32 [t], their weighted sum; zeros for a list without any."""
    mode = "mean" if weights is None else "sum"
    return F.embedding_bag(
        numbers, table, offsets, mode=mode, include_last_offset=True, per_sample_weights=weights
    )


class Table(nn.EmbeddingBag):
    """Means or weighted sums of rows. `reads` is how it is read in a training that moves only rows which were read;
    where they are `still`, others stay there in place of being moved by their moments."""

    reads: Callable[..., torch.Tensor] | None = None

    def __init__(self, rows: int, width: int, still: bool = False) -> None:
        super().__init__(rows, width, mode="mean", include_last_offset=True)
        self.still = still

    def forward(  # type: ignore[override]
        self, numbers: torch.Tensor, offsets: torch.Tensor, weights: torch.Tensor | None = None
    ) -> torch.Tensor:
        """As `pooled`; nothing is learned of the weights."""
        if self.reads is not None and torch.is_grad_enabled():
            return self.reads(numbers, offsets, weights)
        return pooled(self.weight, numbers, offsets, weights)
