"""What work takes is measured, of each piece by itself, and told with what it made."""

from __future__ import annotations

from goods.core import taken as module
from goods.core.taken import highest_mb, measured, taken_in


def test_a_peak_is_that_of_the_block_and_of_all_around_it(monkeypatch):
    peaks = iter([500, 100, 300, 120, 90, 130])  # each time a block is entered or left, since the last time
    monkeypatch.setattr(module, "_peak_mb", lambda: next(peaks))
    monkeypatch.setattr(module, "_forget_peak", lambda: None)
    monkeypatch.setattr(module, "_highest", 0)
    with measured() as before:
        pass
    with measured() as outer, measured() as inner:
        pass
    assert before.memory_mb == 100 and outer.memory_mb == 130 and inner.memory_mb == 90
    assert module._highest == 500


def test_a_large_block_of_memory_is_seen_and_forgotten():
    with measured() as large:
        block = bytearray(200 * 2**20)
    del block
    with measured() as small:
        pass
    assert large.memory_mb > 150 and large.seconds > 0
    assert small.memory_mb <= large.memory_mb <= highest_mb()


def test_what_nobody_noted_is_not_made_up(tmp_path):
    assert taken_in(tmp_path) is None
    with measured() as taken:
        pass
    taken.note(tmp_path)
    assert taken_in(tmp_path).memory_mb == taken.memory_mb
