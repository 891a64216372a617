"""Batches of cards with their candidates, and the network that scores them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from goods.cards.ragged import Ragged
from goods.models.rows import padded_batch
from goods.models.text.transformer_network import TransformerNetwork

FLOOR = 1e-6  # of a candidate's probability


@dataclass(frozen=True)
class Lists:
    """The candidates of n cards, best first: classes int [n, k] and their probabilities float32 [n, k]."""

    classes: np.ndarray
    proba: np.ndarray

    def take(self, rows: np.ndarray) -> Lists:
        return Lists(self.classes[rows], self.proba[rows])

    def place_of(self, target: np.ndarray) -> np.ndarray:
        """int64 [n]: where each card's class stands in its list, -1 where it does not."""
        found = self.classes == target[:, None]
        return np.where(found.any(1), found.argmax(1), -1)


class ListRows:
    """[start] card [separator] path [separator] of each card and each of its candidates; `target` is a place in the
    list."""

    def __init__(
        self, cards: Ragged, paths: list[list[int]], lists: Lists, target: np.ndarray, pad: int
    ) -> None:
        self.cards, self.paths, self.lists, self.target, self.pad = cards, paths, lists, target, pad
        self.lengths: np.ndarray | None = cards.lengths

    def batch(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        """tokens int64 and mask bool [b, k, t], prior float32 [b, k]"""
        values, offsets, lists = self.cards.values, self.cards.offsets, self.lists.take(rows)
        joined = [
            [*card, *self.paths[c]]
            for row, classes in zip(rows, lists.classes.tolist(), strict=True)
            for card in [values[offsets[row] : offsets[row + 1]].tolist()]
            for c in classes
        ]
        flat = padded_batch(Ragged.of(joined), self.pad)
        shaped = {name: value.view(*lists.classes.shape, -1) for name, value in flat.items()}
        return shaped | {"prior": torch.from_numpy(np.log(lists.proba.clip(FLOOR)))}


class RerankerNetwork(TransformerNetwork):
    """Logits [b, k] of a card's candidates: the log of what is said of them, and one number from the encoder each."""

    def __init__(
        self,
        encoder: nn.Module,
        dropout: float,
        pretrained: bool,
        train_layers: int | None = None,
        sample: np.ndarray | None = None,
    ) -> None:
        super().__init__(encoder, 1, dropout, pretrained, train_layers, sample)
        nn.init.zeros_(self.last.weight)  # training begins with the order as it is said
        nn.init.zeros_(self.last.bias)

    def embed(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """float [b · k, d]"""
        return super().embed({name: batch[name].flatten(0, 1) for name in ("tokens", "mask")})

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return batch["prior"] + super().forward(batch).view(batch["prior"].shape)
