"""The networks over tokens and over frozen vectors."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from goods.models.network import Network, Standardise, freeze_below, hidden_layers, masked_mean
from goods.models.text.encoder import encoder_layers
from goods.models.text.transformer import TransformerConfig


class TransformerNetwork(Network):
    """tokens int64 [b, t], mask bool [b, t] → mean-pooled [b, d] → logits [b, C]

    `sample` float32 [m, d]: pooled vectors before training, by which they are standardised.
    """

    def __init__(
        self,
        encoder: nn.Module,
        n_classes: int,
        dropout: float,
        pretrained: bool,
        train_layers: int | None = None,
        sample: np.ndarray | None = None,
    ) -> None:
        super().__init__()
        if pretrained:
            freeze_below(encoder_layers(encoder), train_layers)
        self.encoder, self.is_pretrained = encoder, pretrained
        width = int(encoder.config.hidden_size)  # type: ignore[union-attr,arg-type]
        self.standardise = Standardise(width, sample)
        self.dropout = nn.Dropout(dropout)
        self.last = nn.Linear(width, n_classes)

    def pretrained(self) -> list[list[nn.Parameter]]:
        return encoder_layers(self.encoder) if self.is_pretrained else []

    def states(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        mask = batch["mask"]
        return self.encoder(input_ids=batch["tokens"], attention_mask=mask.long()).last_hidden_state, mask

    def embed(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.standardise(masked_mean(*self.states(batch)))

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.last(self.dropout(self.embed(batch)))


class VectorNetwork(Network):
    """A small head over standardised frozen vectors."""

    def __init__(
        self, width: int, n_classes: int, config: TransformerConfig, sample: np.ndarray | None
    ) -> None:
        super().__init__()
        self.standardise = Standardise(width, sample)
        self.body = hidden_layers(width, config.hidden, config.dropout)
        self.last = nn.Linear(config.hidden, n_classes)

    def embed(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.body(self.standardise(batch["vectors"]))

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.last(self.embed(batch))
