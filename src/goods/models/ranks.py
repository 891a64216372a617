"""Which of several processes that train one network together this one is, and what they agree on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import distributed


@dataclass(frozen=True)
class Rank:
    """One of the `of` processes of a training; the first, 0, speaks and writes for all."""

    number: int = 0
    of: int = 1

    def first_says(self, value: float, device: torch.device) -> float:
        """`value` on rank 0, so that all decide alike."""
        if self.of == 1:
            return value
        told = torch.tensor(value, dtype=torch.float64, device=device)
        distributed.broadcast(told, 0)
        return float(told)

    def sum_of_all(self, value: torch.Tensor) -> torch.Tensor:
        """The sum of all ranks' values."""
        if self.of == 1:
            return value
        value = value.clone()
        distributed.all_reduce(value)
        return value


ALONE = Rank()
