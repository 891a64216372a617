"""Hugging Face encoders: mean pooling, dropout, one linear layer; fine-tuned, frozen or trained from scratch."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from goods.config.base import SCRATCH
from goods.core.done import done_key
from goods.core.errors import GoodsError
from goods.models.base import Context
from goods.models.network import Network
from goods.models.neural import NeuralModel
from goods.models.rows import TokenRows, VectorRows
from goods.models.text.adaptation import adapt, adapted_folder
from goods.models.text.card_tokens import encoder_from_cards
from goods.models.text.encoder import Encoder, encoder_from_files, load_encoder
from goods.models.text.sentences import Sentences
from goods.models.text.transformer import TransformerConfig
from goods.models.text.transformer_network import TransformerNetwork, VectorNetwork

SAMPLE = 1_000  # train cards whose vectors tell how to standardise them


class TransformerModel(NeuralModel):
    config: TransformerConfig
    predict_batch = 128
    encoder: Encoder | None = None
    _sample: np.ndarray | None = None  # vectors of train cards before training
    _width = 0

    def __init__(self, config: TransformerConfig, context: Context) -> None:
        super().__init__(config, context)
        self.sentences = Sentences(config, context, self._pretrained)

    @property
    def _frozen(self) -> bool:
        return self.config.frozen and not self._scratch

    @property
    def _scratch(self) -> bool:
        """Nothing is known before the fold's train cards are seen."""
        return self.config.weights == SCRATCH and self.config.mlm is None

    def warm(self, cards: pd.DataFrame) -> None:
        if self.config.mlm is not None:
            self.encoder = adapt(cards, self.config, self.context) or self.encoder
        if self._frozen:
            self.vectors(cards, store=True)
        elif not self._scratch and self.context.cache is not None:
            self.sentences.tokens.rows(self._pretrained(), cards, store=True)

    def _pretrained(self) -> Encoder:
        if self.encoder is None:
            if self.config.mlm is None:
                self.encoder = load_encoder(self.config.weights, self.config.max_tokens)
            else:
                folder = adapted_folder(self.config, self.context)
                if folder is None or done_key(folder) is None:
                    raise GoodsError(
                        "transformer: model.mlm has no adapted encoder; call warm with the texts of all "
                        "cards first"
                    )
                self.encoder = encoder_from_files(folder, with_weights=True)
        return self.encoder

    def vectors(self, cards: pd.DataFrame, store: bool = False) -> np.ndarray:
        """float32 [n, d] mean-pooled states of the frozen encoder, from the cache where it has them."""
        return self.sentences.rows(cards, store)

    def pretrained_vectors(self, cards: pd.DataFrame) -> np.ndarray:
        return self.vectors(cards) if self._frozen else super().pretrained_vectors(cards)

    def prepare(self, train: pd.DataFrame) -> None:
        if self._frozen:
            self._sample = self.vectors(train)
            self._width = self._sample.shape[1]
            return
        self.encoder = encoder_from_cards(train, self.config) if self._scratch else self._pretrained()
        if not self._scratch:
            rows = np.random.default_rng(self.context.seed).permutation(len(train))[:SAMPLE]
            self._sample = self.sentences.compute(train.iloc[np.sort(rows)])

    def encode(self, cards: pd.DataFrame) -> TokenRows | VectorRows:
        target = cards.target.to_numpy(np.int64)
        if self._frozen:
            return VectorRows(self.vectors(cards), target)
        assert self.encoder is not None
        return TokenRows(self.sentences.tokens.rows(self.encoder, cards), self.encoder.pad, target)

    def build(self, restore: bool = False) -> Network:
        n_classes = self.context.labels.n_classes
        if self._frozen:
            return VectorNetwork(self._width, n_classes, self.config, None if restore else self._sample)
        assert self.encoder is not None
        config = self.config
        # a copy is trained: the encoder stays what it was, for another fit
        net = self.encoder.net if restore else copy.deepcopy(self.encoder.net)
        sample = None if restore else self._sample
        return TransformerNetwork(
            net, n_classes, config.dropout, not self._scratch, config.train_layers, sample
        )

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
