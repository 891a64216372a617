"""CoCa's networks (Yu et al. 2022, arXiv 2205.01917): a text decoder with a class token at its end, a photo pooled by
attention, and a decoder that predicts the text word by word while it looks at the photo.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from goods.models.joint.caption import CaptionConfig
from goods.models.network import Network

PAD = 0  # token that fills a row up


def block(config: CaptionConfig, cross: bool) -> nn.Module:
    kind = nn.TransformerDecoderLayer if cross else nn.TransformerEncoderLayer
    return kind(
        config.width,
        config.heads,
        4 * config.width,
        config.dropout,
        activation="gelu",
        batch_first=True,
        norm_first=True,
    )


def causal(length: int, device: torch.device) -> torch.Tensor:
    """bool [t, t], true where a token may not look: at those after it."""
    return torch.ones(length, length, dtype=torch.bool, device=device).triu(1)


class CaptionNetwork(Network):
    """Text alone: every token sees those before it, the class token at the end sees all.

    `words` float32 [V, d]: vectors the token table begins with.
    """

    def __init__(
        self, config: CaptionConfig, vocabulary: int, n_classes: int, words: np.ndarray | None
    ) -> None:
        super().__init__()
        self.table = nn.Embedding(vocabulary, config.width if words is None else words.shape[1], PAD)
        nn.init.normal_(self.table.weight, std=0.02)
        if words is not None:
            self.table.weight.data.copy_(torch.from_numpy(words))
        self.lift = nn.Identity() if words is None else nn.Linear(words.shape[1], config.width)
        # of positions; saved weights name it so
        self.places = nn.Parameter(torch.randn(config.max_tokens, config.width) * 0.02)
        self.whole = nn.Parameter(torch.randn(config.width) * 0.02)  # the class token
        self.blocks = nn.ModuleList(block(config, cross=False) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.last = nn.Linear(config.width, n_classes)

    def read(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """(states float [b, t, d] of the tokens, vector float [b, d] of the class token)"""
        tokens, mask = batch["tokens"], batch["mask"]
        x = self.lift(self.table(tokens)) + self.places[: tokens.shape[1]]
        x = torch.cat([x, self.whole.expand(len(x), 1, -1)], 1)
        hidden = F.pad(~mask, (0, 1), value=False)
        for layer in self.blocks:
            x = layer(x, src_mask=causal(x.shape[1], x.device), src_key_padding_mask=hidden)
        return x[:, :-1], self.norm(x[:, -1])

    def embed(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.read(batch)[1]

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.last(self.embed(batch))


class Captioner(nn.Module):
    """The photo pooled into a few vectors, one of them for the common space, and the text predicted from them."""

    def __init__(self, config: CaptionConfig, photo_width: int, vocabulary: int) -> None:
        super().__init__()
        width = config.width
        self.lift = nn.Sequential(nn.LayerNorm(photo_width), nn.Linear(photo_width, width))
        self.queries = nn.Parameter(torch.randn(config.queries, width) * 0.02)
        self.query = nn.Parameter(torch.randn(1, width) * 0.02)
        self.look = nn.MultiheadAttention(width, config.heads, batch_first=True)
        self.look_again = nn.MultiheadAttention(width, config.heads, batch_first=True)
        self.norm, self.norm_again = nn.LayerNorm(width), nn.LayerNorm(width)
        self.blocks = nn.ModuleList(block(config, cross=True) for _ in range(config.joint_layers))
        self.out = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, vocabulary))

    def pool(self, states: torch.Tensor, there: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """([b, q, d] vectors for the caption, [b, d] one for the common space, pooled from them)"""
        states = self.lift(states)
        queries = self.queries.expand(len(states), -1, -1)
        parts, _ = self.look(queries, states, states, key_padding_mask=~there, need_weights=False)
        parts = self.norm(parts)
        one, _ = self.look_again(self.query.expand(len(parts), -1, -1), parts, parts, need_weights=False)
        return parts, self.norm_again(one[:, 0])

    def loss(self, text: torch.Tensor, tokens: torch.Tensor, parts: torch.Tensor) -> torch.Tensor:
        """float [2]: the sum of -log p of every token after the first, and how many there are"""
        mask = tokens != PAD
        x, hidden = text[:, :-1], ~mask[:, :-1]
        for layer in self.blocks:
            x = layer(x, parts, tgt_mask=causal(x.shape[1], x.device), tgt_key_padding_mask=hidden)
        following = tokens[:, 1:]
        there = following != PAD
        logits = self.out(x[there]).float()
        summed = F.cross_entropy(logits, following[there], reduction="sum")
        return torch.stack([summed, there.sum().to(summed.dtype)])
