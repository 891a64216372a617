"""The encoders of text and photo with a caption's loss beside the contrastive one (CoCa)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from goods.models.joint.caption import CaptionConfig
from goods.models.joint.caption_network import Captioner, CaptionNetwork
from goods.models.joint.contrastive_network import TextImageNetwork
from goods.models.joint.text_image import named_below
from goods.models.network import Network


class CocaNetwork(TextImageNetwork):
    """Two encoders of which the text's predicts the text, too, looking at the photo."""

    def __init__(
        self, nets: dict[str, Network], width: int, temperature: float, config: CaptionConfig
    ) -> None:
        super().__init__(nets, width, temperature)
        text, image = nets["text"], nets["image"]
        assert isinstance(text, CaptionNetwork)
        self.caption = Captioner(config, image.states_width, text.table.num_embeddings)
        self.project["image"] = nn.Linear(config.width, width, bias=False)
        self.caption_weight = config.weight

    def vector(self, side: str, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        if side == "text":
            return super().vector(side, batch)
        return self._pooled(batch)[1]

    def _pooled(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        states, there = self.sides["image"].states(batch)  # type: ignore[operator]
        parts, one = self.caption.pool(states.float(), there)
        return parts, F.normalize(self.project["image"](one).float(), dim=1)

    def look_at(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        tokens = named_below(batch, "text")
        states, whole = self.sides["text"].read(tokens)  # type: ignore[operator]
        parts, image = self._pooled(named_below(batch, "image"))
        text = F.normalize(self.project["text"](whole).float(), dim=1)
        return text, image, self.caption.loss(states, tokens["tokens"], parts)

    def caption_loss(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """float [b, 2]: what `run_network` can ask of every batch; the same in each row but for the sum"""
        found = self.look_at(batch)[2]
        return (found / len(batch["rows"])).expand(len(batch["rows"]), 2)
