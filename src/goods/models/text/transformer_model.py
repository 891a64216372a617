"""Hugging Face encoders: mean pooling, dropout, one linear layer; fine-tuned, frozen or trained from scratch.

writes: `context.cache`/sentences-<hash>.npz (frozen only): embeddings keyed by the texts' hashes, derived
from weights and texts alone; mlm-<hash>/ (with `mlm`): the encoder after its warm-up on the texts of all cards.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from goods.cards.tokens import Ragged, joined_texts, text_keys
from goods.config.base import SCRATCH
from goods.core.artifacts import begin, done_key, is_done, mark_done
from goods.core.errors import GoodsError
from goods.core.hashing import content_hash
from goods.models.base import Context
from goods.models.inference import run_network, scratch_folder, threads
from goods.models.network import Network
from goods.models.neural import NeuralModel
from goods.models.rowcache import RowCache
from goods.models.rows import VectorRows
from goods.models.text.encoder import (
    Encoder,
    encoder_from_files,
    load_encoder,
    scratch_encoder,
    weights_key,
)
from goods.models.text.transformer import TransformerConfig
from goods.models.text.transformer_network import TokenRows, TransformerNetwork, VectorNetwork

TOKENIZE_BLOCK = 10_000

SAMPLE = 1_000  # train cards whose vectors tell how to standardise them


class TransformerModel(NeuralModel):
    config: TransformerConfig
    predict_batch = 128

    def __init__(self, config: TransformerConfig, context: Context) -> None:
        super().__init__(config, context)
        self.encoder: Encoder | None = None
        self._vectors: RowCache | None = None
        self._sample: np.ndarray | None = None  # vectors of train cards before training
        self._width = 0

    @property
    def _frozen(self) -> bool:
        return self.config.frozen and not self._scratch

    @property
    def _scratch(self) -> bool:
        """Nothing is known before the fold's train cards are seen."""
        return self.config.weights == SCRATCH and self.config.mlm is None

    def warm(self, cards: pd.DataFrame) -> None:
        if self.config.mlm is not None:
            self._adapt(cards)
        if self._frozen:
            self.vectors(cards, store=True)

    def _adapted(self) -> Path | None:
        """The folder of the encoder after its masked-LM warm-up."""
        config, cache = self.config, self.context.cache
        if config.mlm is None or cache is None:
            return None
        settings = config.model_dump(
            mode="json", exclude={"frozen", "train_layers", "hidden", "dropout", "trainer"}
        )
        weights = SCRATCH if config.weights == SCRATCH else weights_key(config.weights)
        return cache / f"mlm-{content_hash(settings, weights, self.context.seed)}"

    def _adapt(self, cards: pd.DataFrame) -> None:
        """Masked-LM warm-up on the texts of `cards`, kept in the cache until they change."""
        from goods.models.text.mlm import warm_up  # lightning takes seconds to import

        config, folder = self.config, self._adapted()
        assert config.mlm is not None
        texts = content_hash(text_keys(self._texts(cards)))
        if folder is not None and is_done(folder, texts):
            return
        if folder is not None:
            begin(folder, texts)
        with threads(self.context), scratch_folder(replace(self.context, scratch=folder)) as scratch:
            torch.manual_seed(self.context.seed)
            new = config.weights == SCRATCH
            self.encoder = self._from_scratch(cards) if new else load_encoder(config.weights)
            rows = TokenRows(self._tokenize(cards), self.encoder.pad, np.zeros(len(cards), np.int64))
            warm_up(self.encoder, rows, config.mlm, self.context, scratch)
        if folder is not None:
            self.encoder.save(folder, with_weights=True)
            mark_done(folder, texts)

    def _from_scratch(self, cards: pd.DataFrame) -> Encoder:
        texts = [text for name in self.config.fields for text in cards[name].tolist() if text]
        return scratch_encoder(texts, self.config)

    def _pretrained(self) -> Encoder:
        if self.encoder is None:
            if self.config.mlm is None:
                self.encoder = load_encoder(self.config.weights)
            else:
                folder = self._adapted()
                if folder is None or done_key(folder) is None:
                    raise GoodsError("transformer: model.mlm needs `warm` with the texts of all cards first")
                self.encoder = encoder_from_files(folder, with_weights=True)
        return self.encoder

    def _texts(self, cards: pd.DataFrame) -> list[str]:
        """A card's fields joined, to be hashed."""
        return joined_texts(cards, self.config.fields)

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
            folder = self._adapted()
            weights = weights_key(config.weights) if folder is None else (folder.name, done_key(folder))
            name = content_hash(weights, config.prefix, config.fields, config.max_tokens)
            self._vectors = RowCache(None if cache is None else cache / f"sentences-{name}.npz")
        return self._vectors.get(
            text_keys(self._texts(cards)), lambda rows: self._compute(cards.iloc[rows]), store
        )

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
        net.cpu()  # a copy of it may be about to be trained on the device
        result = np.empty((len(order), parts[0].shape[1]), np.float32)
        result[order] = np.concatenate(parts)
        return result

    def pretrained_vectors(self, cards: pd.DataFrame) -> np.ndarray:
        return self.vectors(cards) if self._frozen else super().pretrained_vectors(cards)

    def prepare(self, train: pd.DataFrame) -> None:
        if self._frozen:
            self._sample = self.vectors(train)
            self._width = self._sample.shape[1]
            return
        self.encoder = self._from_scratch(train) if self._scratch else self._pretrained()
        if not self._scratch:
            rows = np.random.default_rng(self.context.seed).permutation(len(train))[:SAMPLE]
            self._sample = self._compute(train.iloc[np.sort(rows)])

    def encode(self, cards: pd.DataFrame) -> TokenRows | VectorRows:
        target = cards.target.to_numpy(np.int64)
        if self._frozen:
            return VectorRows(self.vectors(cards), target)
        assert self.encoder is not None
        return TokenRows(self._tokenize(cards), self.encoder.pad, target)

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
