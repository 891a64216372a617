"""The heads over the common space of text and photo."""

from __future__ import annotations

import torch
from torch import nn

from goods.models.joint.contrastive import ContrastiveConfig
from goods.models.joint.contrastive_network import TextImageNetwork
from goods.models.network import Network, hidden_layers, unlisted


class JointHead(Network):
    """Text, image and their product, [b, 3 · width] → hidden → logits."""

    def __init__(self, width: int, config: ContrastiveConfig, n_classes: int) -> None:
        super().__init__()
        self.space = width
        self.body = hidden_layers(3 * width, config.hidden, config.dropout)
        self.last = nn.Linear(config.hidden, n_classes)

    def joint(self, vectors: torch.Tensor) -> torch.Tensor:
        text, image = vectors[:, : self.space], vectors[:, self.space :]
        return self.body(torch.cat([text, image, text * image], 1))

    def embed(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.joint(batch["vectors"])

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.last(self.embed(batch))


class TunedTextImage(JointHead):
    """The head with both encoders below it."""

    def __init__(self, encoders: TextImageNetwork, config: ContrastiveConfig, n_classes: int) -> None:
        super().__init__(encoders.space, config, n_classes)
        self.pair = encoders  # saved weights name it so

    def pretrained(self) -> list[list[nn.Parameter]]:
        layers = self.pair.pretrained()
        return [unlisted(self.pair, layers), *layers]

    def embed(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.joint(self.pair.embed(batch))
