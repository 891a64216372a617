"""Two encoders whose vectors agree for a card and differ between cards, and their loss."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from goods.config.trainer import TrainerConfig
from goods.models.joint.text_image import SIDES, TextImageRows, both_by_depth, named_below
from goods.models.network import Network

MOST_SCALE = 100.0  # of the similarities, as in CLIP


class ChunkedRows:
    """Batches in chunks of `chunk` cards, arrays named <chunk>.<side>.<name>, and which cards are the same."""

    lengths: np.ndarray | None = None  # cards of like length in a batch would be easier to tell apart

    def __init__(self, cards: TextImageRows, same: np.ndarray, chunk: int) -> None:
        self.cards, self.same, self.chunk, self.target = cards, same, chunk, cards.target

    def batch(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        found = {"same": torch.from_numpy(self.same[rows])}
        for i, start in enumerate(range(0, len(rows), self.chunk)):
            part = self.cards.batch(rows[start : start + self.chunk])
            found |= {f"{i}.{name}": value for name, value in part.items()}
        return found


def contrastive_loss(
    text: torch.Tensor, image: torch.Tensor, scale: torch.Tensor, same: torch.Tensor
) -> torch.Tensor:
    """Symmetric cross-entropy of [b, d] unit vectors; cards of one number in `same` [b] are each other's too."""
    similar = scale * text @ image.T
    goal = (same[:, None] == same[None, :]).to(similar.dtype)
    goal = goal / goal.sum(1, keepdim=True)
    return (F.cross_entropy(similar, goal) + F.cross_entropy(similar.T, goal)) / 2


class TextImageNetwork(Network):
    """Both encoders, their ways into the common space and the scale of similarities.

    A batch's cards are encoded chunk by chunk; a chunk's activations are computed again when its gradient is due, so
    that memory grows with the chunk and not with the batch (as gradient caching does: Gao et al. 2021,
    arXiv 2101.06983).
    """

    caption_weight = 0.0

    def __init__(self, nets: dict[str, Network], width: int, temperature: float) -> None:
        super().__init__()
        self.sides = nn.ModuleDict(nets)
        self.project = nn.ModuleDict(
            {side: nn.Linear(net.width, width, bias=False) for side, net in nets.items()}
        )
        self.log_scale = nn.Parameter(torch.tensor(1 / temperature).log())
        self.space = width

    @property
    def width(self) -> int:
        return 2 * self.space

    @property
    def scale(self) -> torch.Tensor:
        return self.log_scale.exp().clamp(max=MOST_SCALE)

    def pretrained(self) -> list[list[nn.Parameter]]:
        text, image = (self.sides[side].pretrained() for side in SIDES)  # type: ignore[operator]
        return both_by_depth(text, image)

    def vector(self, side: str, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """float [b, width], of length 1"""
        return F.normalize(self.project[side](self.sides[side].embed(batch)).float(), dim=1)  # type: ignore[operator]

    def embed(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """float [b, 2 · width]: text, image; the image's part is zero where there is no photo."""
        text, image = (self.vector(side, named_below(batch, side)) for side in SIDES)
        return torch.cat([text, image * batch["image.has"][:, None]], 1)

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        raise TypeError("two encoders have no classes")

    def loss(self, batch: dict[str, torch.Tensor], config: TrainerConfig) -> torch.Tensor:
        chunks = len({name.partition(".")[0] for name in batch} - {"same", "target"})
        if chunks == 1:
            found = [self.look_at(named_below(batch, "0"))]
        else:
            found = [
                checkpoint(self.look_at, named_below(batch, str(i)), use_reentrant=False)
                for i in range(chunks)
            ]
        text, image = (torch.cat([part[j] for part in found]) for j in range(2))
        loss = contrastive_loss(text, image, self.scale, batch["same"])
        return loss + self.caption_weight * mean_caption_loss([part[2] for part in found])

    def look_at(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """text and image vectors [b, width]; the caption's summed loss and its tokens [2], zeros without captions"""
        text, image = (self.vector(side, named_below(batch, side)) for side in SIDES)
        return text, image, torch.zeros(2, device=text.device)


def mean_caption_loss(parts: list[torch.Tensor]) -> torch.Tensor:
    """Per token, of [2] sums and numbers of tokens."""
    summed, tokens = torch.stack(parts).sum(0)
    return summed / tokens.clamp_min(1)
