"""An encoder after its masked-LM warm-up on the texts of all cards, trained once for all folds.

writes: `context.cache`/mlm-<hash>/: encoder, tokenizer and DONE, under a key of texts and code
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from goods.cards.texthash import text_keys_of
from goods.config.base import SCRATCH
from goods.core.code import code_hash
from goods.core.done import begin, is_done, mark_done
from goods.core.hashing import content_hash
from goods.core.locks import one_at_a_time
from goods.models.base import Context
from goods.models.inference import scratch_folder, threads
from goods.models.rows import TokenRows
from goods.models.text.card_tokens import encoder_from_cards, tokenize
from goods.models.text.encoder import Encoder, load_encoder
from goods.models.text.transformer import TransformerConfig

FOLD = frozenset({"frozen", "train_layers", "hidden", "dropout", "trainer"})  # settings of what a fold trains


def adapted_folder(config: TransformerConfig, context: Context) -> Path | None:
    """Where the encoder is kept; None where nothing is."""
    if config.mlm is None or context.cache is None:
        return None
    return context.cache / f"mlm-{content_hash(config.described(FOLD), context.seed)}"


def adapt(cards: pd.DataFrame, config: TransformerConfig, context: Context) -> Encoder | None:
    """Warm the encoder up on the texts of `cards`; None where the cache has it already."""
    folder = adapted_folder(config, context)
    key = content_hash(text_keys_of(cards, config.fields), code_hash(__name__))
    with one_at_a_time(folder) if folder is not None else nullcontext():
        return _adapted(cards, config, context, folder, key)


def _adapted(
    cards: pd.DataFrame, config: TransformerConfig, context: Context, folder: Path | None, key: str
) -> Encoder | None:
    from goods.models.text.mlm import warm_up  # lightning takes seconds to import

    assert config.mlm is not None
    if folder is not None:
        if is_done(folder, key):
            return None
        begin(folder, key)
    with threads(context), scratch_folder(replace(context, scratch=folder)) as scratch:
        torch.manual_seed(context.seed)
        new = config.weights == SCRATCH
        encoder = (
            encoder_from_cards(cards, config) if new else load_encoder(config.weights, config.max_tokens)
        )
        rows = TokenRows(tokenize(encoder, cards, config), encoder.pad, np.zeros(len(cards), np.int64))
        warm_up(encoder, rows, config.mlm, context, scratch)
    if folder is not None:
        encoder.save(folder, with_weights=True)
        mark_done(folder, key)
    return encoder
