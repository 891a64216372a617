"""Cards as token numbers of an encoder, made once for all folds that have the same tokenizer.

writes: `context.cache`/card-tokens-<hash>.npz: keys uint64 [n] sorted, values, offsets: tokens by the hash of a card's
texts, from tokenizer, texts and code alone
"""

from __future__ import annotations

import pandas as pd

from goods.cards.ragged import Ragged
from goods.cards.texthash import joined_texts, text_keys
from goods.core.code import code_hash
from goods.core.hashing import content_hash
from goods.models.base import Context
from goods.models.rowcache import RowCache
from goods.models.sharing import made_once
from goods.models.text.encoder import Encoder, token_numbers
from goods.models.text.scratch_encoder import scratch_encoder
from goods.models.text.transformer import TransformerConfig

TOKENIZE_BLOCK = 10_000


class CardTokens:
    """Tokens of cards: from the cache of the context, or from what models of the context have kept, where they are."""

    def __init__(self, config: TransformerConfig, context: Context) -> None:
        self.config, self.context = config, context
        self._cache: RowCache[Ragged] | None = None

    def rows(self, encoder: Encoder, cards: pd.DataFrame, store: bool = False) -> Ragged:
        """As `tokenize`; with `store` the cache gets what it lacks."""
        name = self._name(encoder)
        if name is None:
            return tokenize(encoder, cards, self.config)
        texts = joined_texts(cards, self.config.fields)
        if self.context.cache is not None:
            path = self.context.cache / f"card-tokens-{name}.npz"
            if self._cache is None or self._cache.path != path:
                self._cache = RowCache(path, Ragged.of([]))
            return self._cache.get(
                text_keys(texts), lambda places: [tokenize(encoder, cards.iloc[places], self.config)], store
            )
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
