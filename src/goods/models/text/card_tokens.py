"""Cards as token numbers of an encoder, made once for all folds that have the same tokenizer.

writes: `context.cache`/card-tokens-<hash>.npz: keys uint64 [n] sorted, values, offsets: tokens by the hash of a card's
texts, from tokenizer, texts and code alone
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from goods.cards.ragged import Ragged
from goods.cards.texthash import joined_texts, text_keys
from goods.core.artifacts import cached_npz, write_npz
from goods.core.code import code_hash
from goods.core.hashing import content_hash
from goods.models.base import Context
from goods.models.sharing import made_once
from goods.models.text.encoder import Encoder, token_numbers
from goods.models.text.scratch_encoder import scratch_encoder
from goods.models.text.transformer import TransformerConfig

TOKENIZE_BLOCK = 10_000


class CardTokens:
    """Tokens of cards: from the cache of the context, or from what models of the context have kept, where they are."""

    def __init__(self, config: TransformerConfig, context: Context) -> None:
        self.config, self.context = config, context
        self._known: tuple[Path, np.ndarray, Ragged] | None = None

    def rows(self, encoder: Encoder, cards: pd.DataFrame, store: bool = False) -> Ragged:
        """As `tokenize`; with `store` the cache gets what it lacks."""
        name = self._name(encoder)
        if name is None:
            return tokenize(encoder, cards, self.config)
        texts = joined_texts(cards, self.config.fields)
        if self.context.cache is not None:
            path = self.context.cache / f"card-tokens-{name}.npz"
            return self._cached(path, encoder, cards, text_keys(texts), store)
        return made_once(
            self.context.kept,
            ("card tokens", name),
            texts,
            lambda: tokenize(encoder, cards, self.config),
            lambda made: made.values.nbytes + made.offsets.nbytes,
        )

    def _name(self, encoder: Encoder) -> str | None:
        """Hash of what tokens depend on but for texts; None where that is not known."""
        tokenizer, config = encoder.tokenizer_key, self.config
        if tokenizer is None:
            return None
        return content_hash(code_hash(__name__), tokenizer, config.prefix, config.fields, config.max_tokens)

    def _cached(
        self, path: Path, encoder: Encoder, cards: pd.DataFrame, keys: np.ndarray, store: bool
    ) -> Ragged:
        known, rows = self._read(path)
        unknown = np.flatnonzero(~np.isin(keys, known))
        if unknown.size:
            new, first = np.unique(keys[unknown], return_index=True)
            made = tokenize(encoder, cards.iloc[unknown[first]], self.config)
            known = np.concatenate([known, new])
            order = np.argsort(known)
            known, rows = known[order], rows.followed_by(made).take(order)
            if store:
                write_npz(path, keys=known, values=rows.values, offsets=rows.offsets)
                self._known = path, known, rows
        return rows.take(np.searchsorted(known, keys))

    def _read(self, path: Path) -> tuple[np.ndarray, Ragged]:
        if self._known is None or self._known[0] != path:
            held = cached_npz(path, "keys", "values", "offsets")
            if held is None:
                return np.empty(0, np.uint64), Ragged.of([])
            self._known = path, held["keys"], Ragged(held["values"], held["offsets"])
        return self._known[1:]


def tokenize(encoder: Encoder, cards: pd.DataFrame, config: TransformerConfig) -> Ragged:
    """Fields in order, joined by the separator; what is beyond max_tokens is cut from the end."""
    room, start, separator = config.max_tokens - 2, encoder.start, encoder.separator
    rows: list[list[int]] = []
    for block in range(0, len(cards), TOKENIZE_BLOCK):
        part = cards.iloc[block : block + TOKENIZE_BLOCK]
        merged: list[list[int]] = [[] for _ in range(len(part))]
        for i, name in enumerate(config.fields):
            # six characters a token and more are rare: what is cut here would not fit
            texts = [text[: 12 * room] for text in part[name]]
            if i == 0 and config.prefix:
                texts = [config.prefix + text for text in texts]
            for row, tokens in zip(merged, token_numbers(encoder.tokenizer, texts), strict=True):
                if tokens and len(row) < room:
                    row += ([separator] if row else []) + tokens
        rows += [[start, *row[:room], separator] for row in merged]
    return Ragged.of(rows)


def encoder_from_cards(cards: pd.DataFrame, config: TransformerConfig) -> Encoder:
    """A new encoder whose tokenizer knows the texts of `cards`."""
    return scratch_encoder([text for name in config.fields for text in cards[name].tolist() if text], config)
