"""Rows that are kept in memory alone."""

from __future__ import annotations

import numpy as np

from goods.models.rowcache import VectorCache


def test_vectors_kept_in_memory_alone_are_bounded(monkeypatch):
    monkeypatch.setattr("goods.models.rowcache.MOST_BYTES", 100)
    cache, computed = VectorCache(None), []

    def compute(rows):
        computed.append(len(rows))
        return np.ones((len(rows), 8), "f4")

    for start in range(0, 100, 10):
        keys = np.arange(start, start + 10, dtype=np.uint64)
        assert (cache.get(keys, compute) == 1).all()
    assert len(cache.cache.known.keys) <= 20
    cache.get(np.arange(85, 105, dtype=np.uint64), compute)  # five rows of the last block are still there
    assert computed[-1] in (10, 15)
