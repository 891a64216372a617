"""Mean-pooled states of an encoder that is not trained.

writes: `context.cache`/sentences-<hash>.npz: vectors keyed by the texts' hashes, derived from weights, texts and code
alone
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from goods.cards.texthash import text_keys_of
from goods.core.code import code_hash
from goods.core.done import done_key
from goods.core.hashing import content_hash
from goods.core.progress import bar
from goods.models.base import Context
from goods.models.inference import run_network
from goods.models.rowcache import VectorCache, vector_cache
from goods.models.rows import TokenRows
from goods.models.text.adaptation import adapted_folder
from goods.models.text.card_tokens import CardTokens
from goods.models.text.encoder import Encoder
from goods.models.text.transformer import TransformerConfig
from goods.models.text.transformer_network import TransformerNetwork

BLOCK = 512  # cards between two steps of the bar


class Sentences:
    """`encoder` is asked for only where a vector is not in the cache."""

    def __init__(self, config: TransformerConfig, context: Context, encoder: Callable[[], Encoder]) -> None:
        self.config, self.context, self.encoder = config, context, encoder
        self.tokens = CardTokens(config, context)
        self._cache: VectorCache | None = None

    def rows(self, cards: pd.DataFrame, store: bool = False) -> np.ndarray:
        """float32 [n, d], from the cache where it has them; `store` adds to it what it lacks."""
        if self._cache is None:
            self._cache = vector_cache(self.context, f"sentences-{self._name()}")
        keys = text_keys_of(cards, self.config.fields)
        return self._cache.get(keys, lambda rows: [self.compute(cards.iloc[rows])], store)

    def _name(self) -> str:
        config, folder = self.config, adapted_folder(self.config, self.context)
        weights = config.described()["weights"] if folder is None else (folder.name, done_key(folder))
        return content_hash(code_hash(__name__), weights, config.prefix, config.fields, config.max_tokens)

    def compute(self, cards: pd.DataFrame) -> np.ndarray:
        """float32 [n, d], asked of the encoder."""
        encoder = self.encoder()
        net = TransformerNetwork(encoder.net, 1, 0.0, True)
        tokens = self.tokens.rows(encoder, cards)
        # by length, so that the bar's blocks hold like texts; back in order at the end
        order = np.argsort(tokens.lengths, kind="stable")
        parts = []
        quiet = not self.context.progress or len(order) < 2_000
        with bar(f"embeddings ({Path(self.config.weights).name})", len(order), "cards", quiet) as shown:
            for start in range(0, len(order), BLOCK):
                part = order[start : start + BLOCK]
                rows = TokenRows(tokens.take(part), encoder.pad, np.zeros(len(part), np.int64))
                parts.append(run_network(net, rows, self.context, 64, "embed"))
                shown.update(len(part))
        net.cpu()  # a copy of it may be about to be trained on the device
        result = np.empty((len(order), parts[0].shape[1]), np.float32)
        result[order] = np.concatenate(parts)
        return result
