"""Navec files: 250,000 Russian words as 300 quantised numbers each, packaged with natasha or given as a path."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from goods.config.base import PACKAGED
from goods.core.errors import GoodsError

WORD = re.compile(r"[^\W\d_]+")

PACKAGED_FILE = "data/emb/navec_news_v1_1B_250K_300d_100q.tar"


def vectors_path(vectors: str) -> Path:
    if vectors != PACKAGED:
        return Path(vectors)
    spec = find_spec("natasha")
    if spec is None or spec.origin is None:
        raise GoodsError(
            "package natasha is not installed, with which Navec vectors 'packaged' come; install it, or "
            "name a file as model.vectors"
        )
    return Path(spec.origin).parent / PACKAGED_FILE


@lru_cache(maxsize=2)
def load_vectors(vectors: str) -> Any:
    """The Navec file, kept for the process; GoodsError where it is missing or broken."""
    from navec import Navec

    path = vectors_path(vectors)
    try:
        return Navec.load(str(path))
    except Exception as error:  # a broken tar fails in many ways
        raise GoodsError(f"{path}: not a Navec .tar ({error}); set model.vectors to 'packaged'") from None


def look_up(vectors: str, words: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Row of each word in the table, int64 [n], row 0 where Navec lacks it; float32 table, row 0 zero."""
    navec = load_vectors(vectors)
    ids = np.array([navec.vocab.word_ids.get(word, -1) for word in words], np.int64)
    has = np.flatnonzero(ids >= 0)
    table = np.zeros((len(has) + 1, navec.pq.dim), np.float32)
    parts = navec.pq.codes[navec.pq.qdims, navec.pq.indexes[ids[has]]]
    table[1:] = parts.reshape(len(has), navec.pq.dim)
    rows = np.zeros(len(words), np.int64)
    rows[has] = np.arange(1, len(has) + 1)
    return rows, table


def word_vectors(texts: list[str]) -> np.ndarray:
    """float32 [n, 300] unit mean of the words' packaged Navec vectors; zeros where none is known."""
    from scipy import sparse

    words = [WORD.findall(text.lower()) for text in texts]
    known = sorted({word for row in words for word in row})
    position = {word: i for i, word in enumerate(known)}
    rows, table = look_up(PACKAGED, known)
    lengths = [len(row) for row in words]
    at = np.array([rows[position[word]] for row in words for word in row], np.int64)
    matrix = sparse.csr_matrix(
        (np.ones(len(at), np.float32), at, np.concatenate([[0], np.cumsum(lengths)])),
        shape=(len(texts), len(table)),
    )
    sums = matrix @ table
    return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
