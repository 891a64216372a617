"""Cards as token numbers of an encoder."""

from __future__ import annotations

import pandas as pd

from goods.cards.ragged import Ragged
from goods.models.text.encoder import Encoder, token_numbers
from goods.models.text.scratch_encoder import scratch_encoder
from goods.models.text.transformer import TransformerConfig

TOKENIZE_BLOCK = 10_000


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
