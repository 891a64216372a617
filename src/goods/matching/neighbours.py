"""Title vectors and the nearest neighbours among them, with bounded memory.

Character n-grams and words are hashed (no vocabulary to hold), weighted by TF-IDF and projected at random, which keeps
cosines up to about 1/√dimensions (Achlioptas 2003, doi 10.1016/S0022-0000(03)00025-4) and, unlike the leading singular
vectors, keeps rare names as well as common words.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xxhash
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

from goods.core.progress import track
from goods.matching.index import search
from goods.matching.spelling import keys

SAMPLE = 100_000  # cards that IDF weights come from
GRAM_BITS = WORD_BITS = 17
BLOCK = 8192  # looked for at once
LARGE = 100_000  # cards: progress is shown


class TitleEncoder:
    """`plain` titles → float32 [n, dimensions] unit vectors; zeros for an empty title."""

    def __init__(self, sample: list[str], dimensions: int, seed: int) -> None:
        self.dimensions = dimensions
        self.parts: list[tuple[HashingVectorizer, TfidfTransformer, np.ndarray]] = []
        grams = {"analyzer": "char_wb", "ngram_range": (3, 4), "n_features": 1 << GRAM_BITS}
        words = {"analyzer": keys, "n_features": 1 << WORD_BITS}
        for options, projection in zip((grams, words), projections(dimensions, seed), strict=True):
            hashing = HashingVectorizer(alternate_sign=False, norm=None, dtype=np.float32, **options)
            weights = TfidfTransformer(sublinear_tf=True).fit(hashing.transform(sample))
            self.parts.append((hashing, weights, projection))

    def encode(self, titles: list[str]) -> np.ndarray:
        vectors = np.zeros((len(titles), self.dimensions), np.float32)
        for hashing, weights, projection in self.parts:
            weighted: csr_matrix = weights.transform(hashing.transform(titles)).astype(np.float32)
            vectors += weighted @ projection
        return unit(vectors)


def projections(dimensions: int, seed: int) -> list[np.ndarray]:
    """float32 [hashed terms, dimensions] for runs of characters, and for words."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((1 << bits, dimensions), np.float32) for bits in (GRAM_BITS, WORD_BITS)]


def unit(vectors: np.ndarray) -> np.ndarray:
    """float32 [n, d] rows of length 1; zero rows stay."""
    return (vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)).astype(np.float32)


def nearest(
    index: Any, vectors: np.ndarray, rows: np.ndarray, k: int, least: float, threads: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """(left, right) int64 [m], left < right: of each of the `rows` (ascending) that the index holds, the k nearest
    others with a cosine of at least `least`; pairs found from both sides come twice."""
    n = len(rows)
    left, right = [], []
    for start in track(range(0, n, BLOCK), "neighbours", unit="blocks", hidden=n < LARGE):
        similarity, found = search(index, vectors, rows[start : start + BLOCK], min(k + 1, n), threads)
        own = np.arange(start, start + len(found))[:, None]
        good = (similarity >= least) & (found != own)  # where none was found stands the least similarity
        good &= np.cumsum(good, axis=1) <= k  # a card with many copies may miss itself among them
        own, found = rows[np.broadcast_to(own, found.shape)[good]], rows[found[good]]
        left.append(np.minimum(own, found))
        right.append(np.maximum(own, found))
    return np.concatenate(left), np.concatenate(right)


def copies(vectors: np.ndarray, most: int) -> list[np.ndarray]:
    """Rows int64, ascending, of each vector other than zeros that more than `most` rows share."""
    hashes = np.fromiter((xxhash.xxh3_64_intdigest(row.data) for row in vectors), np.uint64, len(vectors))
    _, number, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    frequent = np.flatnonzero((counts > most)[number] & vectors.any(axis=1))
    order = frequent[np.argsort(number[frequent], kind="stable")]
    return np.split(order, np.flatnonzero(np.diff(number[order])) + 1) if len(order) else []


def ring(rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """(left, right), left < right: each of the `rows` with the k / 2 after it and before it, round the end."""
    after = [np.roll(rows, -step) for step in range(1, (k + 1) // 2 + 1)]
    left, right = np.tile(rows, len(after)), np.concatenate(after)
    return np.minimum(left, right), np.maximum(left, right)


def cosines(vectors: np.ndarray, left: np.ndarray, right: np.ndarray, rows: int = 100_000) -> np.ndarray:
    """float32 [m] dot products of unit rows, `rows` pairs at a time."""
    result = np.empty(len(left), np.float32)
    for start in range(0, len(left), rows):
        block = slice(start, start + rows)
        result[block] = np.einsum("ij,ij->i", vectors[left[block]], vectors[right[block]])
    return np.clip(result, -1, 1)
