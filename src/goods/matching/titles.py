"""Titles of a catalogue → their vectors, and the tokens of every card."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xxhash
from joblib import delayed

from goods.core.execution import cores
from goods.core.processes import in_processes
from goods.core.progress import track
from goods.matching.neighbours import LARGE, SAMPLE, TitleEncoder
from goods.matching.spelling import keys, plain


@dataclass(frozen=True)
class ReadTitles:
    """vectors float32 [n, d], [n, 0] where none were asked for · rows int32 [t] ascending and tokens uint64 [t]: a row
    number for each token of each card · attributes: str objects [n], None where the cards have none"""

    vectors: np.ndarray
    rows: np.ndarray
    tokens: np.ndarray
    attributes: np.ndarray | None


def read_titles(
    cards: pd.DataFrame, dimensions: int, block_rows: int, threads: int | None, seed: int, encode: bool
) -> ReadTitles:
    """Tokens come from titles and attributes, vectors from titles alone, of `dimensions` if they are to `encode`."""
    n, threads = len(cards), threads or cores()
    titles = cards.title.fillna("")
    attributes = cards.attributes.fillna("").to_numpy(object) if "attributes" in cards else None
    encoder = None
    if encode:
        chosen = np.sort(np.random.default_rng(seed).permutation(n)[:SAMPLE])
        encoder = TitleEncoder([plain(t) for t in titles.iloc[chosen]], dimensions, seed)
    vectors = np.zeros((n, dimensions if encode else 0), np.float32)
    starts = range(0, n, block_rows)
    jobs = (
        delayed(_read_block)(
            titles.iloc[start : start + block_rows].tolist(),
            None if attributes is None else attributes[start : start + block_rows].tolist(),
            encoder,
        )
        for start in starts
    )
    rows, tokens = [np.empty(0, np.int32)], [np.empty(0, np.uint64)]
    done = in_processes(jobs, min(threads, len(starts)))
    for start, (made, counts, found) in zip(
        starts, track(done, "titles", len(starts), "blocks", hidden=n < LARGE), strict=True
    ):
        vectors[start : start + len(counts)] = made
        rows.append(np.repeat(np.arange(start, start + len(counts), dtype=np.int32), counts))
        tokens.append(found)
    return ReadTitles(vectors, np.concatenate(rows), np.concatenate(tokens), attributes)


def _read_block(
    titles: list[str], attributes: list[str] | None, encoder: TitleEncoder | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(vectors [b, d], number of tokens of each card [b], their hashes uint64)."""
    texts = [plain(title) for title in titles]
    found = [keys(text) for text in texts]
    if attributes is not None:
        found = [
            list(dict.fromkeys([*own, *keys(plain(extra))]))
            for own, extra in zip(found, attributes, strict=True)
        ]
    hashes = [xxhash.xxh3_64_intdigest(token.encode()) for own in found for token in own]
    made = encoder.encode(texts) if encoder else np.zeros((len(texts), 0), np.float32)
    return made, np.array([len(own) for own in found], np.int64), np.array(hashes, np.uint64)
