"""Candidate pairs of a catalogue: which two cards are worth comparing at all, out of n(n-1)/2.

reads:  a table with product_id int64, title str and, if there, attributes str; or vectors of the caller's own
Three sources, united: nearest neighbours among title vectors, words and model codes that only a few cards share, and
two words that only a few cards have together, where the vectors do not contradict.
Everything goes in blocks: memory grows with cards and pairs, never with their square.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np
import pandas as pd
import xxhash
from joblib import Parallel, delayed
from pydantic import Field
from tqdm import tqdm

from goods.config.base import Strict
from goods.core.errors import GoodsError
from goods.core.execution import cores
from goods.matching.neighbours import (
    LARGE,
    SAMPLE,
    TitleEncoder,
    build_index,
    copies,
    cosines,
    nearest,
    ring,
    unit,
)
from goods.matching.sharing import combinations, shared
from goods.matching.spelling import keys, plain

NEIGHBOUR, TOKEN, COMBINED = 1, 2, 4  # bits of `source`
SOURCES = {"neighbours": NEIGHBOUR, "tokens": TOKEN, "combined": COMBINED}
NOTHING = (np.empty(0, np.int64), np.empty(0, np.int64))


class BlockingConfig(Strict):
    neighbours: int = Field(default=12, ge=0, le=1000, description="of each card by title vector; 0: none")
    min_similarity: float = Field(default=0.4, gt=0, le=1, description="least cosine of a neighbour")
    max_frequency: int = Field(
        default=30, ge=0, description="most cards that share a word, a code or two words to be pairs; 0: none"
    )
    combined: int = Field(
        default=10, ge=0, le=16, description="rarest further words of a card taken two by two; 0: none"
    )
    min_combined: float = Field(
        default=0.2, ge=-1, le=1, description="least cosine of cards that only share two words"
    )
    dimensions: int = Field(default=256, ge=2, description="of the title vectors made here")
    exact_up_to: int = Field(
        default=100_000, ge=0, description="cards searched exactly; inverted lists beyond"
    )
    probes: int = Field(default=16, ge=1, description="lists looked into, of 4·√n")
    block_rows: int = Field(
        default=20_000, ge=1, description="cards at a time; changes memory, never the result"
    )
    threads: int | None = Field(default=None, ge=1, description="null: all cores")
    seed: int = 42


@dataclass(frozen=True)
class CandidatePairs:
    """Unordered pairs of row numbers, each once, in order of (left, right).

    left, right int32 [m], left < right · cosine float32 [m] of their vectors · source uint8 [m]: bits of NEIGHBOUR,
    TOKEN and COMBINED · vectors float32 [n, d], unit rows · report: pairs, reduction, pairs_per_card, seconds and, if
    identities are known, recall
    """

    left: np.ndarray
    right: np.ndarray
    cosine: np.ndarray
    source: np.ndarray
    vectors: np.ndarray
    report: dict[str, Any]


def block(
    cards: pd.DataFrame,
    config: BlockingConfig | None = None,
    embeddings: np.ndarray | None = None,
    identity: np.ndarray | None = None,
) -> CandidatePairs:
    """Candidate pairs of `cards`; `embeddings` float32 [n, d] replace the title vectors, `identity` [n] (null: unknown)
    is only reported on. Raises GoodsError for a missing column, a product_id twice or embeddings of another length.

    Cards without any word share no token and, unless `embeddings` say so, have no neighbours.
    """
    config = config or BlockingConfig()
    check_cards(cards)
    if embeddings is not None and (embeddings.ndim != 2 or len(embeddings) != len(cards)):
        raise GoodsError(
            f"embeddings have shape {embeddings.shape}, expected ({len(cards)}, d): a row per card"
        )
    n, threads, clock = len(cards), config.threads or cores(), Clock()
    with clock("read"):
        attributes = cards.attributes.fillna("").to_numpy(object) if "attributes" in cards else None
        vectors, token_rows, tokens = read_titles(cards, attributes, config, threads, embeddings is None)
        vectors = unit(np.nan_to_num(embeddings)) if embeddings is not None else vectors
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(threads)
    near, alone, together = NOTHING, NOTHING, NOTHING
    if config.neighbours and n > 1:
        near = neighbours(vectors, attributes, config, clock)
    faiss.omp_set_num_threads(before)
    most = config.max_frequency
    with clock("tokens"):
        if most > 1:
            alone = shared(token_rows, tokens, most)
            together = shared(*combinations(token_rows, tokens, most, config.combined), most)
    del token_rows, tokens
    with clock("unite"):
        left, right, source = unite(n, {NEIGHBOUR: near, TOKEN: alone, COMBINED: together})
    del near, alone, together
    with clock("cosine"):
        cosine = cosines(vectors, left, right)
        kept = (source != COMBINED) | (cosine >= config.min_combined)
        left, right, cosine, source = left[kept], right[kept], cosine[kept], source[kept]
    report = {
        "cards": n,
        "pairs": len(left),
        "pairs_per_card": round(len(left) / n, 2),
        "reduction": 1 - len(left) / max(1, n * (n - 1) // 2),
        "seconds": clock.seconds,
    }
    if identity is not None:
        report["recall"] = recall(left, right, source, identity)
    return CandidatePairs(left, right, cosine, source, vectors, report)


def neighbours(
    vectors: np.ndarray, attributes: np.ndarray | None, config: BlockingConfig, clock: Clock
) -> tuple[np.ndarray, np.ndarray]:
    """(left, right) int64 [m]: each card with its nearest; `attributes` str objects [n].

    Where more than `neighbours` cards have one vector they would be each other's only neighbours: the first of them
    stands for all, and among themselves they are paired with those of like attributes.
    """
    k, searched = config.neighbours, np.ones(len(vectors), bool)
    with clock("copies"):
        rings = [NOTHING]
        for rows in copies(vectors, k):
            searched[rows[1:]] = False
            told = rows if attributes is None else rows[np.argsort(attributes[rows], kind="stable")]
            rings.append(ring(told, k))
    rows = np.flatnonzero(searched)
    with clock("index"):
        index = build_index(vectors, rows, len(rows) <= config.exact_up_to, config.probes, config.seed)
    with clock("search"):
        found = [nearest(index, vectors, rows, k, config.min_similarity), *rings]
    return np.concatenate([left for left, _ in found]), np.concatenate([right for _, right in found])


def check_cards(cards: pd.DataFrame) -> None:
    for column in ("product_id", "title"):
        if column not in cards:
            raise GoodsError(
                f"cards: column {column!r} is missing (they have {', '.join(map(str, cards))}); add it"
            )
    if cards.empty:
        raise GoodsError("cards: there are none; a catalogue needs at least one")
    if not cards.product_id.is_unique:
        twice = cards.product_id[cards.product_id.duplicated()].iloc[0]
        raise GoodsError(f"cards: product_id {twice} occurs more than once; drop the duplicate rows")


class Clock:
    """Seconds of each named step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[step] = round(time.perf_counter() - started, 2)


def read_titles(
    cards: pd.DataFrame, attributes: np.ndarray | None, config: BlockingConfig, threads: int, encode: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(vectors float32 [n, d], rows int32 [t], tokens uint64 [t]): a row number for each token of each card.

    Tokens come from titles and attributes, vectors from titles alone; [n, 0] unless `encode`.
    """
    n = len(cards)
    titles = cards.title.fillna("")
    encoder = None
    if encode:
        chosen = np.sort(np.random.default_rng(config.seed).permutation(n)[:SAMPLE])
        encoder = TitleEncoder([plain(t) for t in titles.iloc[chosen]], config.dimensions, config.seed)
    vectors = np.zeros((n, config.dimensions if encode else 0), np.float32)
    starts = range(0, n, config.block_rows)
    jobs = (
        delayed(_read_block)(
            titles.iloc[start : start + config.block_rows].tolist(),
            None if attributes is None else attributes[start : start + config.block_rows].tolist(),
            encoder,
        )
        for start in starts
    )
    rows, tokens = [np.empty(0, np.int32)], [np.empty(0, np.uint64)]
    done = Parallel(n_jobs=min(threads, len(starts)), return_as="generator")(jobs)
    for start, (made, counts, found) in zip(
        starts, tqdm(done, total=len(starts), disable=n < LARGE), strict=True
    ):
        vectors[start : start + len(counts)] = made
        rows.append(np.repeat(np.arange(start, start + len(counts), dtype=np.int32), counts))
        tokens.append(found)
    return vectors, np.concatenate(rows), np.concatenate(tokens)


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


def unite(
    n: int, found: dict[int, tuple[np.ndarray, np.ndarray]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(left, right int32, source uint8), sorted and unique; the bits of all sources that found a pair."""
    coded = [distinct(left * n + right) for left, right in found.values()]
    pairs = distinct(np.concatenate(coded))
    source = np.zeros(len(pairs), np.uint8)
    for bit, own in zip(found, coded, strict=True):
        source[np.searchsorted(pairs, own)] |= bit
    left, right = np.divmod(pairs, n)
    return left.astype(np.int32), right.astype(np.int32), source


def distinct(values: np.ndarray) -> np.ndarray:
    """Sorted and unique; on tens of millions of pairs np.unique's hash table takes ten times as long."""
    values = np.sort(values)
    return values[np.r_[True, values[1:] != values[:-1]][: len(values)]]


def recall(
    left: np.ndarray, right: np.ndarray, source: np.ndarray, identity: np.ndarray
) -> dict[str, float | int]:
    """Share of the pairs of one identity that are candidates, in total and by source; null without any such pair."""
    code = pd.factorize(np.asarray(identity))[0]  # -1 where unknown
    sizes = np.bincount(code[code >= 0]).astype(np.int64)
    true = int((sizes * (sizes - 1) // 2).sum())
    same = (code[left] == code[right]) & (code[left] >= 0)
    shares = {
        "total": same.sum(),
        **{name: (same & (source & bit > 0)).sum() for name, bit in SOURCES.items()},
    }
    return {
        "true_pairs": true,
        **{name: float(count / true) if true else 0.0 for name, count in shares.items()},
    }
