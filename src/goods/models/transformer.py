"""Hugging Face encoders: mean pooling, dropout, one linear layer; fine-tuned, frozen or trained from scratch.

writes: `context.cache`/sentences-<hash>.npz (frozen only): embeddings keyed by the texts' hashes, derived
from weights and texts alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn
from tqdm import tqdm

from goods.artifacts import content_hash
from goods.config import SCRATCH, TransformerConfig
from goods.models.base import Context
from goods.models.encoder import Encoder, encoder_from_files, load_encoder, scratch_encoder, weights_key
from goods.models.neural import Network, NeuralModel, run_network
from goods.models.rowcache import RowCache
from goods.models.tokens import Ragged, text_keys

TOKENIZE_BLOCK = 10_000
UNIT = "\x1f"  # between fields where a card's fields are hashed


class TokenRows:
    """Token numbers of each card, special tokens included, never longer than max_tokens."""

    def __init__(self, tokens: Ragged, pad: int, target: np.ndarray) -> None:
        self.tokens, self.pad, self.target = tokens, pad, target
        self.lengths: np.ndarray | None = tokens.lengths

    def batch(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        taken = self.tokens.take(rows)
        mask = np.arange(taken.lengths.max()) < taken.lengths[:, None]  # (b, t)
        numbers = np.full(mask.shape, self.pad, np.int64)
        numbers[mask] = taken.values
        return {"tokens": torch.from_numpy(numbers), "mask": torch.from_numpy(mask)}


class VectorRows:
    lengths: np.ndarray | None = None

    def __init__(self, vectors: np.ndarray, target: np.ndarray) -> None:
        self.vectors, self.target = vectors, target

    def batch(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        return {"vectors": torch.from_numpy(self.vectors[rows])}


class TransformerNetwork(Network):
    """tokens int64 [b, t], mask bool [b, t] → mean-pooled [b, d] → logits [b, C]"""

    def __init__(self, encoder: nn.Module, n_classes: int, dropout: float, pretrained: bool) -> None:
        super().__init__()
        self.encoder, self.is_pretrained = encoder, pretrained
        self.dropout = nn.Dropout(dropout)
        self.last = nn.Linear(encoder.config.hidden_size, n_classes)  # type: ignore[union-attr,arg-type]

    def pretrained(self) -> list[nn.Parameter]:
        return list(self.encoder.parameters()) if self.is_pretrained else []

    def embed(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        mask = batch["mask"]
        states = self.encoder(input_ids=batch["tokens"], attention_mask=mask.long()).last_hidden_state
        share = mask.unsqueeze(2).to(states.dtype)
        return (states * share).sum(1) / share.sum(1).clamp_min(1)

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.last(self.dropout(self.embed(batch)))


class VectorNetwork(Network):
    """A small head over standardised frozen vectors."""

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, width: int, n_classes: int, config: TransformerConfig) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        hidden = config.hidden
        self.body = nn.Sequential(
            nn.Dropout(config.dropout),
            nn.Linear(width, hidden),
            nn.GELU(),
            nn.LayerNorm(hidden),
            nn.Dropout(config.dropout),
        )
        self.last = nn.Linear(hidden, n_classes)

    def embed(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.body((batch["vectors"] - self.mean) * self.scale)

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.last(self.embed(batch))


class TransformerModel(NeuralModel):
    config: TransformerConfig
    predict_batch = 128

    def __init__(self, config: TransformerConfig, context: Context) -> None:
        super().__init__(config, context)
        self.encoder: Encoder | None = None
        self._vectors: RowCache | None = None
        self._mean = self._scale = np.zeros(0, np.float32)
        self._width = 0

    @property
    def _frozen(self) -> bool:
        return self.config.frozen and self.config.weights != SCRATCH

    def warm(self, cards: pd.DataFrame) -> None:
        if self._frozen:
            self.vectors(cards, store=True)

    def _pretrained(self) -> Encoder:
        if self.encoder is None:
            self.encoder = load_encoder(self.config.weights)
        return self.encoder

    def _tokenize(self, cards: pd.DataFrame) -> Ragged:
        """Fields in order, joined by the separator; what is beyond max_tokens is cut from the end."""
        assert self.encoder is not None
        fast, room = self.encoder.tokenizer, self.config.max_tokens - 2
        start, separator = self.encoder.start, self.encoder.separator
        rows: list[list[int]] = []
        for block in range(0, len(cards), TOKENIZE_BLOCK):
            part = cards.iloc[block : block + TOKENIZE_BLOCK]
            merged: list[list[int]] = [[] for _ in range(len(part))]
            for i, name in enumerate(self.config.fields):
                # six characters a token and more are rare: what is cut here would not fit
                texts = [text[: 12 * room] for text in part[name]]
                if i == 0 and self.config.prefix:
                    texts = [self.config.prefix + text for text in texts]
                found = fast(texts, add_special_tokens=False, return_attention_mask=False, verbose=False)
                for row, tokens in zip(merged, found["input_ids"], strict=True):
                    if tokens and len(row) < room:
                        row += ([separator] if row else []) + tokens
            rows += [[start, *row[:room], separator] for row in merged]
        return Ragged.of(rows)

    def vectors(self, cards: pd.DataFrame, store: bool = False) -> np.ndarray:
        """float32 [n, d] mean-pooled states of the frozen encoder, from the cache where it has them."""
        config, cache = self.config, self.context.cache
        if self._vectors is None:
            name = content_hash(weights_key(config.weights), config.prefix, config.fields, config.max_tokens)
            self._vectors = RowCache(None if cache is None else cache / f"sentences-{name}.npz")
        texts = [UNIT.join(row) for row in zip(*(cards[f].tolist() for f in config.fields), strict=True)]
        return self._vectors.get(text_keys(texts), lambda rows: self._compute(cards.iloc[rows]), store)

    def _compute(self, cards: pd.DataFrame) -> np.ndarray:
        net = TransformerNetwork(self._pretrained().net, 1, 0.0, True)
        pad = self._pretrained().pad
        tokens = self._tokenize(cards)
        # by length, so that the bar's blocks hold like texts; back in order at the end
        order = np.argsort(tokens.lengths, kind="stable")
        parts = []
        quiet = not self.context.progress or len(order) < 2_000
        with tqdm(
            total=len(order), desc=f"embeddings ({Path(self.config.weights).name})", disable=quiet
        ) as bar:
            for start in range(0, len(order), 512):
                part = order[start : start + 512]
                rows = TokenRows(tokens.take(part), pad, np.zeros(len(part), np.int64))
                parts.append(run_network(net, rows, self.context, 64, "embed"))
                bar.update(len(part))
        result = np.empty((len(order), parts[0].shape[1]), np.float32)
        result[order] = np.concatenate(parts)
        return result

    def prepare(self, train: pd.DataFrame) -> None:
        if self._frozen:
            vectors = self.vectors(train)
            self._width = vectors.shape[1]
            self._mean, self._scale = vectors.mean(0), 1 / (vectors.std(0) + 1e-4)
        elif self.config.weights == SCRATCH:
            texts = [text for name in self.config.fields for text in train[name].tolist() if text]
            self.encoder = scratch_encoder(texts, self.config)
        else:
            self.encoder = load_encoder(self.config.weights)

    def encode(self, cards: pd.DataFrame) -> TokenRows | VectorRows:
        target = cards.target.to_numpy(np.int64)
        if self._frozen:
            return VectorRows(self.vectors(cards), target)
        assert self.encoder is not None
        return TokenRows(self._tokenize(cards), self.encoder.pad, target)

    def build(self, restore: bool = False) -> Network:
        n_classes = self.context.labels.n_classes
        if self._frozen:
            net = VectorNetwork(self._width, n_classes, self.config)
            if not restore:
                net.mean.copy_(torch.from_numpy(self._mean))  # type: ignore[operator]
                net.scale.copy_(torch.from_numpy(self._scale))  # type: ignore[operator]
            return net
        assert self.encoder is not None
        pretrained = self.config.weights != SCRATCH
        return TransformerNetwork(self.encoder.net, n_classes, self.config.dropout, pretrained)

    def settings(self) -> dict[str, Any]:
        return {"width": self._width, "frozen": self._frozen}

    def save_parts(self, folder: Path) -> None:
        # a frozen encoder is kept too: its head is useless without it, and the hub may be out of reach
        encoder = self._pretrained() if self._frozen else self.encoder
        assert encoder is not None
        encoder.save(folder / "encoder", with_weights=self._frozen)

    def load_parts(self, folder: Path, settings: dict[str, Any]) -> None:
        self._width = int(settings["width"])
        self.encoder = encoder_from_files(folder / "encoder", with_weights=self._frozen)
