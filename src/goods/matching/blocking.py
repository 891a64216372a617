"""Candidate pairs of a catalogue: which two cards are worth comparing at all, out of n(n-1)/2.

reads:  a table with product_id int64 or str, title str and, if there, attributes str; or vectors of the caller's own
Three sources, united: nearest neighbours among title vectors, words and model codes that only a few cards share, and
two words that only a few cards have together, where the vectors do not contradict.
Everything goes in blocks: memory grows with cards and pairs, never with their square.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd
from pydantic import Field

from goods.config.base import Strict
from goods.core.errors import GoodsError
from goods.core.execution import cores
from goods.matching.candidates import COMBINED, NEIGHBOUR, TOKEN, CandidatePairs, recall, unite
from goods.matching.index import Lists, build_index
from goods.matching.neighbours import copies, cosines, nearest, ring, unit
from goods.matching.sharing import combinations, shared
from goods.matching.titles import read_titles

Ends = tuple[np.ndarray, np.ndarray]  # row numbers int64 [m] of the left and of the right cards of pairs
NOTHING: Ends = (np.empty(0, np.int64), np.empty(0, np.int64))
LISTS = Lists(per_root=4, sample=40, passes=6)


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
    n, clock = len(cards), Clock()
    with clock("read"):
        told = read_titles(
            cards, config.dimensions, config.block_rows, config.threads, config.seed, embeddings is None
        )
        vectors = unit(np.nan_to_num(embeddings)) if embeddings is not None else told.vectors
    found = {NEIGHBOUR: neighbours(vectors, told.attributes, config, clock)}
    with clock("tokens"):
        found |= sharing(told.rows, told.tokens, config)
    del told
    with clock("unite"):
        left, right, source = unite(n, found)
    del found
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


def sharing(rows: np.ndarray, tokens: np.ndarray, config: BlockingConfig) -> dict[int, Ends]:
    """By source, cards that share a telling token, or two frequent ones; of each token (rows, tokens) of each card."""
    most = config.max_frequency
    if most < 2:
        return {TOKEN: NOTHING, COMBINED: NOTHING}
    together = combinations(rows, tokens, most, config.combined)
    return {TOKEN: shared(rows, tokens, most), COMBINED: shared(*together, most)}


def neighbours(
    vectors: np.ndarray, attributes: np.ndarray | None, config: BlockingConfig, clock: Clock
) -> Ends:
    """(left, right) int64 [m]: each card with its nearest, on as many threads as blocking has; `attributes` str
    objects [n].

    Where more than `neighbours` cards have one vector they would be each other's only neighbours: the first of them
    stands for all, and among themselves they are paired with those of like attributes.
    """
    k, searched = config.neighbours, np.ones(len(vectors), bool)
    if not k or len(vectors) < 2:
        return NOTHING
    with clock("copies"):
        rings = [NOTHING]
        for rows in copies(vectors, k):
            searched[rows[1:]] = False
            told = rows if attributes is None else rows[np.argsort(attributes[rows], kind="stable")]
            rings.append(ring(told, k))
    rows = np.flatnonzero(searched)
    with clock("index"):
        index = build_index(
            vectors, rows, None if len(rows) <= config.exact_up_to else LISTS, config.probes, config.seed
        )
    with clock("search"):
        threads = config.threads or cores()
        found = [nearest(index, vectors, rows, k, config.min_similarity, threads), *rings]
    return np.concatenate([left for left, _ in found]), np.concatenate([right for _, right in found])


def check_cards(cards: pd.DataFrame) -> None:
    for column in ("product_id", "title"):
        if column not in cards:
            raise GoodsError(
                f"cards: column {column!r} is missing (they have {', '.join(map(str, cards))}); add it"
            )
    if cards.empty:
        raise GoodsError("cards: there are none; give at least one")
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
