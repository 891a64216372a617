"""Rows that are computed once: how many are kept, and which are computed together."""

from __future__ import annotations

import numpy as np

from goods.models.rowcache import VectorCache


def test_vectors_kept_in_memory_alone_are_bounded(monkeypatch):
    monkeypatch.setattr("goods.models.rowcache.MOST_BYTES", 100)
    cache, computed = VectorCache(None), []

    def compute(rows):
        computed.append(len(rows))
        return [np.ones((len(rows), 8), "f4")]

    for start in range(0, 100, 10):
        keys = np.arange(start, start + 10, dtype=np.uint64)
        assert (cache.get(keys, compute) == 1).all()
    assert len(cache.cache.known.keys) == 10
    cache.get(np.arange(85, 105, dtype=np.uint64), compute)  # the ten rows of the last block are still there
    assert computed == [10] * 11


def test_rows_are_computed_in_the_order_they_are_asked_for_whatever_their_keys():
    cache, asked = VectorCache(None), []

    def compute(places):
        asked.append(places.tolist())
        return [places[:, None].astype("f4")]

    keys = np.array([70, 10, 90, 10, 50, 30], np.uint64)
    assert cache.get(keys, compute).ravel().tolist() == [0, 1, 2, 1, 4, 5]
    assert cache.get(np.array([95, 10, 5, 70], np.uint64), compute).ravel().tolist() == [0, 1, 2, 0]
    assert asked == [[0, 1, 2, 4, 5], [0, 2]]
