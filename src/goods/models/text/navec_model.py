"""Lemmas with Navec vectors: the words of cards, and the network over them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from goods.cards.cooccurrence import WordVectors
from goods.cards.texthash import joined_texts
from goods.cards.tokens import encode_fields
from goods.cards.wordvectors import load_vectors, look_up
from goods.core.hashing import content_of
from goods.models.base import Context
from goods.models.inference import run_network
from goods.models.neural import NeuralModel
from goods.models.rows import VectorRows
from goods.models.sharing import made_once
from goods.models.text.navec import NavecConfig
from goods.models.text.navec_network import NavecNetwork, NavecRows
from goods.models.text.own_vectors import FILE, learn, learned


class NavecModel(NeuralModel):
    config: NavecConfig

    def __init__(self, config: NavecConfig, context: Context) -> None:
        super().__init__(config, context)
        self.vocabulary: dict[str, int] = {}  # word → row of the tuned table; row 0 is nobody's
        self.own: WordVectors | None = None
        self.content: str | None = None  # hash of the files it was loaded from

    def warm(self, cards: pd.DataFrame) -> None:
        self.config.warm_tokens(self.context, cards)
        if self.config.own_vectors:
            self.own = learn(cards, self.config, self.context)

    def prepare(self, train: pd.DataFrame) -> None:
        if self.config.own_vectors and self.own is None:
            self.own = learned(self.config, self.context)
        self.vocabulary = {}
        if self.config.tune_vectors:
            _, words = encode_fields(train, self.config.fields, self.config.lemmatizer, self.context.cache)
            rows, _ = look_up(self.config.vectors, words)
            known = [word for word, row in zip(words, rows, strict=True) if row]
            self.vocabulary = {word: i for i, word in enumerate(known, start=1)}

    def encode(self, cards: pd.DataFrame) -> NavecRows:
        return NavecRows(cards, self.config, self.context, self.vocabulary, self.own)

    def embed(self, cards: pd.DataFrame) -> np.ndarray:
        """As any network's; of one that was loaded it is kept, for neighbours are looked for in it too."""
        if self.content is None:
            return super().embed(cards)
        return made_once(
            self.context.kept,
            ("hidden", self.content),
            joined_texts(cards, list(self.config.fields)),
            lambda: super(NavecModel, self).embed(cards),
            lambda made: made.nbytes,
        )

    def _logits(self, cards: pd.DataFrame) -> np.ndarray:
        if self.content is None or self.context.kept is None:
            return super()._logits(cards)
        rows = VectorRows(self.embed(cards), cards.target.to_numpy(np.int64))
        return run_network(self._fitted(), rows, self.context, self.predict_batch, "of_embedded")

    def build(self, restore: bool = False) -> NavecNetwork:
        width_in = int(load_vectors(self.config.vectors).pq.dim)
        n_tuned = len(self.vocabulary) + 1 if self.vocabulary else 0
        net = NavecNetwork(self.config, width_in, n_tuned, self.context.labels.n_classes)
        if net.tuned is not None and not restore:
            _, table = look_up(self.config.vectors, list(self.vocabulary))
            net.tuned.weight.data.copy_(torch.from_numpy(table))
        return net

    def settings(self) -> dict[str, Any]:
        return {"vocabulary": list(self.vocabulary)}

    def save_parts(self, folder: Path) -> None:
        if self.own is not None:  # new cards are read with what the network was trained on
            self.own.save(folder / FILE)

    def load_parts(self, folder: Path, settings: dict[str, Any]) -> None:
        self.content = content_of(folder)
        self.own = WordVectors.load(folder / FILE) if self.config.own_vectors else None
        self.vocabulary = {word: i for i, word in enumerate(settings["vocabulary"], start=1)}
