"""Card texts as integer arrays: one list of distinct words, per field a ragged array of word numbers.

writes: `context.cache`/tokens-<lemmatizer>-<field>-<hash of the code>.npz. Its rows are keyed by the hash of the text,
so any later set of cards finds what it shares with earlier ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import delayed

from goods.cards.keyed import Keyed
from goods.cards.lemmas import lemmatize
from goods.cards.ragged import Ragged
from goods.cards.texthash import text_keys
from goods.core.artifacts import cached_npz, write_npz
from goods.core.code import code_hash
from goods.core.processes import in_processes
from goods.core.progress import track

MAX_CHARS = 20_000  # of one field; what a scrape leaves behind that is not worth reading

CHUNK = 2_000  # texts per job


@dataclass(frozen=True)
class Tokenized:
    """Words of known texts, which are rows of numbers into `words`."""

    known: Keyed[Ragged]
    words: list[str]

    def save(self, path: Path) -> None:
        blob = np.frombuffer("\n".join(self.words).encode(), np.uint8)
        rows = self.known.rows
        write_npz(path, keys=self.known.keys, values=rows.values, offsets=rows.offsets, words=blob)

    @staticmethod
    def load(path: Path) -> Tokenized | None:
        """None where there is no usable cache."""
        z = cached_npz(path, "keys", "values", "offsets", "words")
        if z is None:
            return None
        words = z["words"].tobytes().decode().split("\n") if z["words"].size else []
        return Tokenized(Keyed(z["keys"], Ragged(z["values"], z["offsets"])), words)


def _jobs(texts: list[str], lemmatizer: str, workers: int, progress: bool) -> Iterator[list[list[str]]]:
    chunks = [texts[i : i + CHUNK] for i in range(0, len(texts), CHUNK)]
    shown = track(chunks, f"lemmas ({lemmatizer})", unit="chunks", hidden=not progress or len(chunks) < 5)
    if workers == 1 or len(chunks) < 5:
        yield from (lemmatize(chunk, lemmatizer) for chunk in shown)
        return
    yield from in_processes((delayed(lemmatize)(chunk, lemmatizer) for chunk in shown), workers)


def tokenized(
    texts: Sequence[str],
    field: str,
    lemmatizer: str,
    cache: Path | None,
    store: bool = False,
    workers: int = 1,
    progress: bool = False,
) -> tuple[Ragged, list[str]]:
    """Word numbers of each text and the words; reads the cache, and with `store` adds to it what it lacks."""
    texts = [text[:MAX_CHARS] for text in texts]
    path = None if cache is None else cache / f"tokens-{lemmatizer}-{field}-{code_hash(__name__)}.npz"
    found = Tokenized.load(path) if path is not None else None
    known, words = (found.known, found.words) if found else (Keyed(np.empty(0, np.uint64), Ragged.of([])), [])
    keys = text_keys(texts)
    new, places = known.unknown(keys)
    if places.size:
        number = {word: i for i, word in enumerate(words)}
        added = Ragged.of(
            [
                [number.setdefault(word, len(number)) for word in row]
                for rows in _jobs([texts[i] for i in places], lemmatizer, workers, progress)
                for row in rows
            ]
        )
        known, words = known.with_rows(new, added), list(number)
        if store and path is not None:
            Tokenized(known, words).save(path)
    return known.of(keys), words


def encode_fields(
    cards: pd.DataFrame, fields: dict[str, int], lemmatizer: str, cache: Path | None
) -> tuple[dict[str, Ragged], list[str]]:
    """field → word numbers (at most fields[field] per card) into one list of the words that occur, sorted."""
    found = {name: tokenized(cards[name].tolist(), name, lemmatizer, cache) for name in fields}
    kept = {name: rows.head(fields[name]) for name, (rows, _) in found.items()}
    used = {name: np.unique(kept[name].values) for name in fields}
    words = sorted({found[name][1][i] for name in fields for i in used[name]})
    number = {word: i for i, word in enumerate(words)}
    encoded = {}
    for name, rows in kept.items():
        table = np.zeros(len(found[name][1]) + 1, np.int32)
        table[used[name]] = [number[found[name][1][i]] for i in used[name]]
        encoded[name] = Ragged(table[rows.values], rows.offsets)
    return encoded, words
