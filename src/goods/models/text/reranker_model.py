"""The reranker's candidates, its fit on unsure cards, and its answer over all classes."""

from __future__ import annotations

import copy
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from goods.config.base import SCRATCH
from goods.core.artifacts import read_json, write_json
from goods.core.calibration import to_proba
from goods.core.errors import GoodsError
from goods.core.predictions import best_classes, mean_of
from goods.models.inference import run_network
from goods.models.neural import NeuralModel
from goods.models.text.card_tokens import tokenize
from goods.models.text.encoder import Encoder, encoder_from_files, load_encoder, token_numbers
from goods.models.text.reranker import RerankerConfig
from goods.models.text.reranker_network import ListRows, Lists, RerankerNetwork
from goods.models.text.scratch_encoder import scratch_encoder
from goods.models.upstream import check_upstream, upstream_keys, upstream_model

SAMPLE = 200  # train cards whose vectors tell how to standardise them


class RerankerModel(NeuralModel):
    config: RerankerConfig
    predict_batch = 64
    encoder: Encoder | None = None
    _sample: np.ndarray | None = None

    @property
    def _scratch(self) -> bool:
        return self.config.weights == SCRATCH

    @cached_property
    def _below(self) -> list[Any]:
        """This fold's models of the experiments."""
        known = self.context.upstream
        for name in self.config.experiments:
            missing = set(known[name].config.upstream) - set(known) if name in known else set()
            if missing:
                raise GoodsError(
                    f"reranker: {name} builds on {min(missing)}; name that in model.experiments too"
                )
        return [upstream_model(self.context, name) for name in self.config.experiments]

    def said(self, cards: pd.DataFrame) -> np.ndarray:
        """float32 [n, C]: the mean of what this fold's models of the experiments say."""
        return np.stack([model.predict(cards) for model in self._below]).mean(0, dtype=np.float32)

    def out_of_fold(self, cards: pd.DataFrame) -> Lists:
        """Candidates of train cards by models that have not seen them."""
        ids = cards.product_id.to_numpy()
        mean = mean_of([self.context.scores[name].aligned(ids) for name in self.config.experiments])
        return Lists(mean.classes[:, : self.config.candidates], mean.proba[:, : self.config.candidates])

    def learned(self, cards: pd.DataFrame) -> pd.DataFrame:
        """Those of train cards that there is something to learn from: unsure, their class among the candidates."""
        for name in self.config.experiments:
            if name not in self.context.scores:
                raise GoodsError(f"experiment {name} is not trained; train it first")
            cards = cards[cards.product_id.isin(self.context.scores[name].product_id)]
        if cards.empty:
            return cards
        lists = self.out_of_fold(cards)
        unsure = lists.proba[:, 0] < self.config.learn_below
        return cards[unsure & (lists.place_of(cards.target.to_numpy()) >= 0)].reset_index(drop=True)

    def fit(self, train: pd.DataFrame, valid: pd.DataFrame | None) -> None:
        """Where no train card is unsure nothing is fitted, and the experiments' mean is the answer."""
        train, valid = self.learned(train), None if valid is None else self.learned(valid)
        if not train.empty:
            super().fit(train, valid)

    def prepare(self, train: pd.DataFrame) -> None:
        config = self.config
        if self._scratch:
            texts = [text for name in config.fields for text in train[name].tolist() if text]
            self.encoder = scratch_encoder([*texts, *self._path_texts], config)
            return
        self.encoder = load_encoder(config.weights, config.max_tokens)
        net = RerankerNetwork(self.encoder.net, 0.0, True)
        rows = np.sort(np.random.default_rng(self.context.seed).permutation(len(train))[:SAMPLE])
        some = train.iloc[rows]
        lists = self.out_of_fold(some)
        first = Lists(lists.classes[:, :1], lists.proba[:, :1])
        self._sample = run_network(net, self.rows(some, first), self.context, self.predict_batch, "embed")
        net.cpu()

    @property
    def _path_texts(self) -> list[str]:
        return [" > ".join(path) for path in self.context.labels.paths]

    def rows(self, cards: pd.DataFrame, lists: Lists, target: np.ndarray | None = None) -> ListRows:
        assert self.encoder is not None
        room = self.config.path_tokens
        paths = [
            [*tokens[: room - 1], self.encoder.separator]
            for tokens in token_numbers(self.encoder.tokenizer, self._path_texts)
        ]
        own = self.config.model_copy(update={"max_tokens": self.config.max_tokens - room})
        target = np.zeros(len(cards), np.int64) if target is None else target
        return ListRows(tokenize(self.encoder, cards, own), paths, lists, target, self.encoder.pad)

    def encode(self, cards: pd.DataFrame) -> ListRows:
        lists = self.out_of_fold(cards)
        return self.rows(cards, lists, lists.place_of(cards.target.to_numpy(np.int64)))

    def build(self, restore: bool = False) -> RerankerNetwork:
        assert self.encoder is not None
        net = self.encoder.net if restore else copy.deepcopy(self.encoder.net)
        config, sample = self.config, None if restore else self._sample
        return RerankerNetwork(net, config.dropout, not self._scratch, config.train_layers, sample)

    def predict(self, cards: pd.DataFrame) -> np.ndarray:
        if cards.empty:
            return np.empty((0, self.context.labels.n_classes), np.float32)
        proba = self.said(cards)
        classes, values = best_classes(proba, self.config.candidates)
        unsure = np.flatnonzero(values[:, 0] < self.config.threshold)
        if self.net is not None and len(unsure):
            lists = Lists(classes[unsure], values[unsure])
            logits = run_network(
                self.net, self.rows(cards.iloc[unsure], lists), self.context, self.predict_batch
            )
            together = lists.proba.sum(1, keepdims=True)
            proba[unsure[:, None], lists.classes] = to_proba(logits, self.temperature) * together
        return proba / proba.sum(1, keepdims=True)

    def embed(self, cards: pd.DataFrame) -> np.ndarray:
        raise GoodsError("reranker: it has no vector of a card alone; name another experiment")

    def settings(self) -> dict[str, Any]:
        return {"upstream": upstream_keys(self.context)}

    def save(self, folder: Path) -> None:
        if self.net is not None:
            super().save(folder)
            return
        nothing = {"family": self.config.family, "temperature": 1.0, "epochs": 0}
        write_json(folder / "model.json", nothing | self.settings())

    def save_parts(self, folder: Path) -> None:
        assert self.encoder is not None
        self.encoder.save(folder / "encoder", with_weights=False)

    def load(self, folder: Path) -> None:
        settings = read_json(folder / "model.json")
        check_upstream(self.context, folder, settings["upstream"])
        if settings["epochs"]:
            super().load(folder)

    def load_parts(self, folder: Path, settings: dict[str, Any]) -> None:
        self.encoder = encoder_from_files(folder / "encoder", with_weights=False)
