"""Masked-LM warm-up of an encoder on the competition's own texts (Gururangan et al. 2020, arXiv 2004.10964).

No label is used, so train and test cards may both be read.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from goods.config.trainer import TrainerConfig
from goods.core.hashing import content_hash
from goods.models.base import Context
from goods.models.loop import train_network
from goods.models.network import Network
from goods.models.rows import Rows
from goods.models.text.encoder import Encoder, encoder_layers
from goods.models.text.transformer import MlmConfig
from goods.models.training import Training

KEPT, RANDOM = 0.1, 0.1  # of the chosen tokens: left as they are, replaced by any token (as in BERT)


class MaskedNetwork(Network):
    """Encoder and BERT's prediction head, its last layer tied to the token embeddings.

    Every pass chooses the tokens anew; special tokens (the first of a row, separators, padding) are never chosen.
    """

    special: torch.Tensor

    def __init__(self, encoder: Encoder, share: float) -> None:
        super().__init__()
        self.encoder, self.share = encoder.net, share
        self.mask_token = encoder.mask
        self.register_buffer("special", torch.tensor(sorted({encoder.start, encoder.separator, encoder.pad})))
        embeddings = encoder.net.get_input_embeddings()  # type: ignore[operator]
        vocabulary, width = embeddings.weight.shape
        self.body = nn.Sequential(
            nn.Linear(encoder.net.config.hidden_size, width),  # type: ignore[union-attr,arg-type]
            nn.GELU(),
            nn.LayerNorm(width),
        )
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def pretrained(self) -> list[list[nn.Parameter]]:
        return encoder_layers(self.encoder)

    def embed(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        raise TypeError("a masked language model has no card vector")

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self._predict(batch)[0]

    def loss(self, batch: dict[str, torch.Tensor], config: TrainerConfig) -> torch.Tensor:
        logits, target = self._predict(batch)
        return F.cross_entropy(logits.float(), target) if len(target) else logits.sum() * 0

    def _predict(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """float [m, V] logits of the chosen tokens and int64 [m] what they were."""
        tokens, mask = batch["tokens"], batch["mask"]
        weight = self.encoder.get_input_embeddings().weight  # type: ignore[operator]
        allowed = mask & ~torch.isin(tokens, self.special)
        chosen = allowed & (torch.rand(tokens.shape, device=tokens.device) < self.share)
        fate = torch.rand(tokens.shape, device=tokens.device)
        shown = torch.where(chosen & (fate >= KEPT + RANDOM), self.mask_token, tokens)
        anything = torch.randint(len(weight), tokens.shape, device=tokens.device)
        shown = torch.where(chosen & (fate < RANDOM), anything, shown)
        states = self.encoder(input_ids=shown, attention_mask=mask.long()).last_hidden_state
        return self.body(states[chosen]) @ weight.T + self.bias, tokens[chosen]


def warm_up(encoder: Encoder, rows: Rows, config: MlmConfig, context: Context, scratch: Path) -> None:
    """Train `encoder` in place on token rows; resumes after a kill like any other training."""
    torch.manual_seed(context.seed)
    net = MaskedNetwork(encoder, config.mask_share)
    shared = config.model_dump(include={"epochs", "batch_size", "lr", "precision"})
    trainer = TrainerConfig.model_validate(shared)
    key = content_hash(config.described(), context.seed, np.asarray(rows.lengths))
    training = Training(key, "transformer", "model.mlm")
    train_network(net, rows, None, trainer, context, scratch, training)
    encoder.net.cpu().eval()
