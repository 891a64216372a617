"""How the sides of text and photo meet."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from goods.models.joint.fusion import FusionConfig
from goods.models.joint.text_image import SIDES, both_by_depth, named_below
from goods.models.network import Network, hidden_layers, masked_mean, unlisted

HEADS = 4


class Kept(nn.Module):
    """A side whose vectors were computed beforehand."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = self.states_width = width

    def embed(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return batch["vectors"]

    def states(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        vectors = batch["vectors"].unsqueeze(1)
        return vectors, torch.ones(vectors.shape[:2], dtype=torch.bool, device=vectors.device)

    def pretrained(self) -> list[list[nn.Parameter]]:
        return []


class Side(nn.Module):
    """A side's network and its way to the common width; in training it is hidden on some cards."""

    def __init__(self, net: Network | Kept, width: int, whole: bool) -> None:
        super().__init__()
        self.net, self.whole = net, whole
        found = net.width if whole else net.states_width
        self.project = nn.Sequential(nn.LayerNorm(found), nn.Linear(found, width))
        self.hidden = nn.Parameter(torch.randn(width) * 0.02)

    def forward(
        self, batch: dict[str, torch.Tensor], shown: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """float [b, t, width] parts (t = 1 where the whole is taken) and bool [b, t] which are there"""
        if self.whole:
            found = self.net.embed(batch).unsqueeze(1)
            there = torch.ones(found.shape[:2], dtype=torch.bool, device=found.device)
        else:
            found, there = self.net.states(batch)
        parts = torch.where(shown[:, None, None], self.project(found), self.hidden)
        first = torch.zeros_like(there)
        first[:, 0] = True
        return parts, torch.where(shown[:, None], there, first)


class FusionNetwork(Network):
    def __init__(self, nets: dict[str, Network | Kept], config: FusionConfig, n_classes: int) -> None:
        super().__init__()
        width, self.join = config.width, config.join
        self.drop = {"text": config.text.drop, "image": config.image.drop}
        self.starts = {"text": config.text.start, "image": config.image.start}
        self.sides = nn.ModuleDict({side: Side(nets[side], width, self.join != "cross") for side in SIDES})
        if self.join == "gated":
            self.gate = nn.Linear(2 * width, width)
        if self.join == "cross":
            self.attend = nn.ModuleDict(
                {side: nn.MultiheadAttention(width, HEADS, batch_first=True) for side in SIDES}
            )
            self.norm = nn.ModuleDict({side: nn.LayerNorm(width) for side in SIDES})
        total = width if self.join == "gated" else 2 * width
        self.body = hidden_layers(total, config.hidden, config.dropout)
        self.last = nn.Linear(config.hidden, n_classes)

    def pretrained(self) -> list[list[nn.Parameter]]:
        """Layers of both sides, depth by depth; all of a side that starts from its fold is pre-trained."""
        sides = []
        for side in SIDES:
            net: Any = self.sides[side].net
            layers = net.pretrained()
            rest = unlisted(net, layers)
            if self.starts[side] == "fold" and rest:
                layers = [[*rest, *(layers[0] if layers else [])], *layers[1:]]
            sides.append(layers)
        return both_by_depth(*sides)

    def _shown(self, n: int, device: torch.device) -> dict[str, torch.Tensor]:
        """bool [n] per side; a card never loses both."""
        shown = {side: torch.ones(n, dtype=torch.bool, device=device) for side in SIDES}
        if self.training:
            chance = torch.rand(n, device=device)
            shown["text"] = chance >= self.drop["text"]
            shown["image"] = chance < 1 - self.drop["image"]
        return shown

    def embed(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        shown = self._shown(len(batch["rows"]), batch["rows"].device)
        text, text_there = self.sides["text"](named_below(batch, "text"), shown["text"])
        image, image_there = self.sides["image"](named_below(batch, "image"), shown["image"])
        if self.join == "concatenate":
            return self.body(torch.cat([text[:, 0], image[:, 0]], 1))
        if self.join == "gated":
            text, image = text[:, 0], image[:, 0]
            gate = torch.sigmoid(self.gate(torch.cat([text, image], 1)))
            return self.body(gate * text.tanh() + (1 - gate) * image.tanh())
        return self.body(
            torch.cat(
                [
                    self._looked("text", text, text_there, image, image_there),
                    self._looked("image", image, image_there, text, text_there),
                ],
                1,
            )
        )

    def _looked(
        self,
        side: str,
        own: torch.Tensor,
        own_there: torch.Tensor,
        other: torch.Tensor,
        other_there: torch.Tensor,
    ) -> torch.Tensor:
        """float [b, width]: mean of the own parts after each has looked at the other side's."""
        seen, _ = self.attend[side](own, other, other, key_padding_mask=~other_there, need_weights=False)
        return masked_mean(self.norm[side](own + seen), own_there)

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.last(self.embed(batch))
