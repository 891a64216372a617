"""Networks over batches, and the parts that they share."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from goods.config.trainer import TrainerConfig

Weights = dict[str, torch.Tensor]


class Network(nn.Module, ABC):
    """A classifier over batches; `last` is its final linear layer."""

    last: nn.Linear

    @property
    def width(self) -> int:
        """d of `embed`"""
        return self.last.in_features

    @property
    def states_width(self) -> int:
        """d of `states`"""
        return self.width

    def states(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """float [b, t, d] parts of a card (tokens, patches) and bool [b, t] which of them are there."""
        whole = self.embed(batch).unsqueeze(1)
        return whole, torch.ones(whole.shape[:2], dtype=torch.bool, device=whole.device)

    @abstractmethod
    def embed(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """float [b, d]: what the last layer sees."""

    @abstractmethod
    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """float [b, C] logits."""

    def pretrained(self) -> list[list[nn.Parameter]]:
        """Parameters that get `encoder_lr`, layer by layer from the top (next to the head) down."""
        return []

    def loss(self, batch: dict[str, torch.Tensor], config: TrainerConfig) -> torch.Tensor:
        """Mean cross-entropy to the `target`, or to `shares` float [b, C] of the classes where a batch has them; with
        R-Drop (Liang et al. 2021, arXiv 2106.14448) of two passes that must agree."""
        logits, target = self(batch).float(), batch.get("shares", batch["target"])
        loss = F.cross_entropy(logits, target, label_smoothing=config.label_smoothing)
        if not config.rdrop:
            return loss
        again = self(batch).float()
        loss = (loss + F.cross_entropy(again, target, label_smoothing=config.label_smoothing)) / 2
        first, second = logits.log_softmax(1), again.log_softmax(1)
        apart = F.kl_div(first, second, reduction="batchmean", log_target=True)
        apart = apart + F.kl_div(second, first, reduction="batchmean", log_target=True)
        return loss + config.rdrop * apart / 2


class Standardise(nn.Module):
    """(x − mean) / deviation of each column, from train vectors: pre-trained ones hardly differ in direction."""

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, width: int, vectors: np.ndarray | None = None) -> None:
        super().__init__()
        mean, scale = np.zeros(width, np.float32), np.ones(width, np.float32)
        if vectors is not None:
            mean, scale = vectors.mean(0), 1 / (vectors.std(0) + 1e-3)
        self.register_buffer("mean", torch.from_numpy(mean))
        self.register_buffer("scale", torch.from_numpy(scale))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x - self.mean) * self.scale


def masked_mean(parts: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
    """[b, t, d] parts, bool [b, t] which are there → [b, d]; zeros where none is."""
    share = there.unsqueeze(2).to(parts.dtype)
    return (parts * share).sum(1) / share.sum(1).clamp_min(1)


class ByteDropout(nn.Module):
    """Dropout with a chance of so many 256ths, the nearest to `chance`: random bytes tell what is dropped, which a CPU
    draws in a small part of the time that torch's own takes."""

    def __init__(self, chance: float) -> None:
        super().__init__()
        self.dropped = min(255, round(256 * chance))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or not self.dropped:
            return x
        drawn = torch.empty(-(-x.numel() // 8), dtype=torch.int64, device=x.device).random_(-(2**63), None)
        kept = drawn.view(torch.uint8)[: x.numel()].view_as(x) >= self.dropped
        return x * kept * (256 / (256 - self.dropped))


def hidden_layers(width: int, hidden: int, dropout: float, fixed: bool = False) -> nn.Sequential:
    """[b, width] → [b, hidden]: what every family has below its last layer. `fixed`: nothing below is trained, so that
    without weights of the first norm, whose part the linear layer can take, no gradient needs to get there."""
    return nn.Sequential(
        nn.LayerNorm(width, elementwise_affine=not fixed),
        ByteDropout(dropout) if fixed else nn.Dropout(dropout),
        nn.Linear(width, hidden),
        nn.GELU(),
        nn.LayerNorm(hidden),
        nn.Dropout(dropout),
    )


def freeze_below(layers: list[list[nn.Parameter]], trained: int | None) -> None:
    """Leave only the `trained` top layers to the optimiser; None: all of them."""
    for layer in [] if trained is None else layers[trained:]:
        for parameter in layer:
            parameter.requires_grad_(False)


def unlisted(net: nn.Module, layers: list[list[nn.Parameter]]) -> list[nn.Parameter]:
    """Parameters of `net` that are in none of `layers`."""
    listed = {id(parameter) for layer in layers for parameter in layer}
    return [parameter for parameter in net.parameters() if id(parameter) not in listed]


def cpu_weights(net: nn.Module) -> Weights:
    """Parameters and buffers by name, contiguous and in main memory, as safetensors files want them."""
    return {name: value.detach().cpu().contiguous() for name, value in net.state_dict().items()}
