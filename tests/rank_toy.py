"""A network that notes what each of several processes does with it; by itself, as each of them imports this file."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from goods.models.network import Network


class Toy(Network):
    """Leaves which rows each rank sees, and a sum of its weights, in `folder`; `dies_at` a step once."""

    def __init__(self, folder: Path, dies_at: int | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body, self.last = nn.Linear(6, 8), nn.Linear(8, 3)
        self.unused = nn.Linear(2, 2)
        self.folder, self.dies_at, self.steps = folder, dies_at, 0

    def embed(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.body(batch["vectors"][:, :6]).tanh()

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.last(self.embed(batch))

    def loss(self, batch, config):
        self.steps += 1
        if self.dies_at == self.steps:
            raise KeyError("killed")
        rank = torch.distributed.get_rank()
        weights = float(self.body.weight.detach().double().sum())
        rows = batch["vectors"][:, 6].int().tolist()
        with (self.folder / f"rank-{rank}").open("a") as file:
            file.write(f"{weights!r} {','.join(map(str, rows))}\n")
        return super().loss(batch, config)
