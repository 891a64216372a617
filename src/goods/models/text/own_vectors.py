"""Vectors of a competition's own words, learned once for all folds from the texts of all its cards, train and test.

writes: `context.cache`/words-<hash>/: vectors.npz and DONE, under a key of texts and code
"""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pandas as pd

from goods.cards.cooccurrence import WordVectors, word_vectors_of
from goods.cards.texthash import text_keys_of
from goods.cards.tokens import encode_fields
from goods.core.code import code_hash
from goods.core.done import begin, done_key, is_done, mark_done
from goods.core.errors import GoodsError
from goods.core.hashing import content_hash
from goods.core.locks import one_at_a_time
from goods.models.base import Context
from goods.models.text.navec import NavecConfig

FILE = "vectors.npz"


def own_folder(config: NavecConfig, context: Context) -> Path | None:
    """Where they are kept; None where nothing is."""
    if context.cache is None:
        return None
    return context.cache / f"words-{content_hash(config.fields, config.lemmatizer, config.own_vectors)}"


def learn(cards: pd.DataFrame, config: NavecConfig, context: Context) -> WordVectors:
    """From the texts of `cards`, or from the cache where it has them of the same texts."""
    folder = own_folder(config, context)
    key = content_hash(text_keys_of(cards, list(config.fields)), code_hash(__name__))
    with one_at_a_time(folder) if folder is not None else nullcontext():
        if folder is not None:
            if is_done(folder, key):
                return WordVectors.load(folder / FILE)
            begin(folder, key)
        fields, words = encode_fields(cards, config.fields, config.lemmatizer, context.cache)
        made = word_vectors_of(list(fields.values()), words, config.own_vectors)
        if folder is not None:
            made.save(folder / FILE)
            mark_done(folder, key)
    return made


def learned(config: NavecConfig, context: Context) -> WordVectors:
    """What `learn` has left in the cache."""
    folder = own_folder(config, context)
    if folder is None or done_key(folder) is None:
        raise GoodsError(
            "navec: model.own_vectors are not made yet; call warm with the texts of all cards first"
        )
    return WordVectors.load(folder / FILE)
