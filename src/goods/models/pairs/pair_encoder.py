"""What transformers over pairs of products share: an encoder cut to its lowest layers, tokens per product."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from goods.cards.ragged import Ragged
from goods.config.base import SCRATCH
from goods.core.errors import GoodsError
from goods.matching.names import normal
from goods.models.base import Context, products_of
from goods.models.neural import NeuralModel
from goods.models.pairs.bi_encoder import BiEncoderConfig
from goods.models.pairs.cross_encoder import CrossEncoderConfig
from goods.models.text.encoder import Encoder, encoder_from_files, load_encoder, token_numbers
from goods.models.text.scratch_encoder import scratch_encoder

CUT = 12  # characters a token at most: what is cut there would not fit


class PairEncoder(NeuralModel):
    """What both have: an encoder cut to its lowest layers, tokens per product."""

    config: Any
    predict_batch = 128

    def __init__(self, config: CrossEncoderConfig | BiEncoderConfig, context: Context) -> None:
        super().__init__(config, context)
        self.products = products_of(config.family, context)
        self.encoder: Encoder | None = None
        self._tokens: Ragged | None = None

    @property
    def _scratch(self) -> bool:
        return self.config.weights == SCRATCH

    @property
    def room(self) -> int:
        """Tokens of one product."""
        return self.config.max_tokens - 2

    def texts(self) -> list[str]:
        """Name and colours of every product."""
        cards = self.products.cards
        colours = [", ".join(json.loads(text)) for text in cards.colours]
        return [
            self.config.prefix + normal(title) + (f" ; {colour}" if colour else "")
            for title, colour in zip(cards.title, colours, strict=True)
        ]

    def prepare(self, train: pd.DataFrame) -> None:
        if self._scratch:
            left, right = self.products.ends(train)
            seen = np.unique(np.concatenate([left, right]))
            texts = self.texts()
            self.encoder = cut(scratch_encoder([texts[i] for i in seen], self.config), self.config.layers)
        else:
            encoder = load_encoder(self.config.weights, self.config.max_tokens)
            self.encoder = cut(encoder, self.config.layers)
        self._tokens = None

    def tokenize(self, texts: list[str], most: int) -> list[list[int]]:
        assert self.encoder is not None
        short = [text[: CUT * most] for text in texts]
        return [row[:most] for row in token_numbers(self.encoder.tokenizer, short)]

    def save_parts(self, folder: Path) -> None:
        assert self.encoder is not None
        self.encoder.save(folder / "encoder", with_weights=False)

    def load_parts(self, folder: Path, settings: dict[str, Any]) -> None:
        self.encoder, self._tokens = encoder_from_files(folder / "encoder", with_weights=False), None


def cut(encoder: Encoder, layers: int | None) -> Encoder:
    """The encoder's lowest layers alone."""
    if layers is None:
        return encoder
    config: Any = encoder.net.config
    stacks = (m for m in encoder.net.modules() if isinstance(m, nn.ModuleList))
    blocks = next((m for m in stacks if len(m) == config.num_hidden_layers), None)
    if blocks is None or layers > len(blocks):
        raise GoodsError(
            f"model.layers: {layers} layers cannot be taken of this encoder; lower it or set null"
        )
    del blocks[layers:]
    config.num_hidden_layers = layers
    if getattr(config, "layer_types", None) is not None:
        config.layer_types = list(config.layer_types)[:layers]
    return encoder
