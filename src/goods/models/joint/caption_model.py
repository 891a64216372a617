"""CoCa's text side: tokens from subwords, or from lemmas with Navec vectors, for the networks of `caption_network.py`.

It is trained with a photo's encoder, as part of a contrastive experiment.
"""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from transformers import AutoTokenizer

from goods.cards.ragged import Ragged
from goods.cards.tokens import tokenized
from goods.cards.wordvectors import look_up
from goods.config.base import PACKAGED
from goods.models.base import Context
from goods.models.joint.caption import CaptionConfig
from goods.models.joint.caption_network import PAD, CaptionNetwork
from goods.models.neural import NeuralModel
from goods.models.rows import TokenRows
from goods.models.text.encoder import token_numbers
from goods.models.text.scratch_encoder import SPECIAL, scratch_tokenizer

START, END, UNKNOWN = range(1, 4)  # after PAD, as in SPECIAL

WORD_WIDTH = 300  # of Navec vectors


class CaptionModel(NeuralModel):
    """The text side: its tokens, from subwords or from lemmas with Navec vectors."""

    config: CaptionConfig

    def __init__(self, config: CaptionConfig, context: Context) -> None:
        super().__init__(config, context)
        self.tokenizer: Any = None
        self.words: dict[str, int] = {}

    @property
    def vocabulary(self) -> int:
        return len(self.words) + len(SPECIAL) if self.config.tokens == "navec" else len(self.tokenizer)

    def warm(self, cards: pd.DataFrame) -> None:
        if self.config.tokens == "navec":
            for name in self.config.fields:
                self._lemmas(cards, name, store=True)

    def _lemmas(self, cards: pd.DataFrame, name: str, store: bool = False) -> tuple[Ragged, list[str]]:
        context, lemmatizer = self.context, self.config.lemmatizer
        texts = cards[name].tolist()
        return tokenized(
            texts,
            name,
            lemmatizer,
            context.cache,
            store=store,
            workers=context.threads,
            progress=context.progress,
        )

    def prepare(self, train: pd.DataFrame) -> None:
        if self.config.tokens == "subword":
            texts = [text for name in self.config.fields for text in train[name].tolist() if text]
            self.tokenizer = scratch_tokenizer(texts, self.config.vocabulary)
            return
        counts: dict[str, int] = {}
        for name in self.config.fields:
            rows, words = self._lemmas(train, name)
            for i, n in enumerate(np.bincount(rows.values, minlength=len(words)).tolist()):
                if n:
                    counts[words[i]] = counts.get(words[i], 0) + n
        order = sorted(counts, key=lambda word: (-counts[word], word))[
            : self.config.vocabulary - len(SPECIAL)
        ]
        self.words = {word: i for i, word in enumerate(order, start=len(SPECIAL))}

    def _numbers(self, cards: pd.DataFrame, name: str) -> list[list[int]]:
        if self.config.tokens == "subword":
            texts = [text[: 12 * self.config.max_tokens] for text in cards[name]]
            return token_numbers(self.tokenizer, texts)
        rows, words = self._lemmas(cards, name)
        table = np.array([self.words.get(word, UNKNOWN) for word in words], np.int64)
        return [row.tolist() for row in np.split(table[rows.values], rows.offsets[1:-1])]

    def encode(self, cards: pd.DataFrame) -> TokenRows:
        room = self.config.max_tokens - 2
        merged = [
            list(chain(*parts))[:room]
            for parts in zip(*(self._numbers(cards, f) for f in self.config.fields), strict=True)
        ]
        tokens = Ragged.of([[START, *row, END] for row in merged])
        return TokenRows(tokens, PAD, cards.target.to_numpy(np.int64))

    def build(self, restore: bool = False) -> CaptionNetwork:
        words = None
        if self.config.tokens == "navec":
            words = np.random.default_rng(self.context.seed).normal(0, 0.02, (self.vocabulary, WORD_WIDTH))
            words = words.astype(np.float32)
            if not restore:
                rows, table = look_up(PACKAGED, list(self.words))
                known = np.flatnonzero(rows)
                words[len(SPECIAL) + known] = table[rows[known]]
        return CaptionNetwork(self.config, self.vocabulary, self.context.labels.n_classes, words)

    def settings(self) -> dict[str, Any]:
        return {"words": list(self.words)}

    def save_parts(self, folder: Path) -> None:
        if self.tokenizer is not None:
            self.tokenizer.save_pretrained(folder / "tokenizer")

    def load_parts(self, folder: Path, settings: dict[str, Any]) -> None:
        self.words = {word: i for i, word in enumerate(settings["words"], start=len(SPECIAL))}
        if self.config.tokens == "subword":
            self.tokenizer = AutoTokenizer.from_pretrained(
                folder / "tokenizer", local_files_only=True, trust_remote_code=False
            )
