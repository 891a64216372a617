"""Words and runs of characters of card texts as numbers, without a vocabulary: compiled, a few microseconds a card.

A term is hashed into one of 2^bits numbers, each field and kind of term with a salt of its own. Two terms of one
number share what is learned of them, which few do (Weinberger et al. 2009).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from goods.core.compiled import compiled

PLANE = 1 << 16  # signs beyond are taken for letters

SALT = 0x9E3779B97F4A7C15
BASIS = np.uint64(0xCBF29CE484222325)  # FNV-1a
PRIME = np.uint64(0x100000001B3)
FIRST, SECOND = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)  # finalizer of MurmurHash3
SHIFT = np.uint64(33)
BLANK = np.uint64(32)


@dataclass(frozen=True)
class Block:
    """Terms of one kind of one field: runs of up to `words` words, or of `shortest` to `longest` characters."""

    field: int
    words: int
    shortest: int
    longest: int

    @property
    def salt(self) -> np.uint64:
        return np.uint64((2 * self.field + (self.longest > 0) + 1) * SALT % 2**64)


@dataclass(frozen=True)
class Terms:
    """Of each card, block after block: numbers int32 [m] of its distinct terms and 1 + log of how often each occurs,
    float32 [m]; those of block b of card i lie in offsets[i * blocks + b] up to the next, int64 [n * blocks + 1]."""

    offsets: np.ndarray
    numbers: np.ndarray
    counts: np.ndarray


@cache
def letters() -> np.ndarray:
    """bool [PLANE]: which signs words consist of."""
    return np.array([chr(sign).isalnum() or chr(sign) == "_" for sign in range(PLANE)])


def count_terms(texts: list[list[str]], blocks: list[Block], bits: int, max_chars: int) -> Terms:
    """Terms of n cards; `texts` holds one list [n] per field."""
    whole = [[text.lower()[:max_chars] for text in column] for column in texts]
    joined = "".join("".join(row) for row in zip(*whole, strict=True))
    signs = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
    lengths = np.array([[len(text) for text in column] for column in whole], np.int64)  # [fields, n]
    ends = lengths.T.ravel().cumsum()
    begins, n = ends - lengths.T.ravel(), lengths.shape[1]
    each = [block.words or 2 * (block.longest - block.shortest + 1) for block in blocks]
    most = sum(k * (lengths[b.field].sum() + 2 * n) for k, b in zip(each, blocks, strict=True))
    longest = int(max(each, default=0) * (lengths.max(initial=0) + 2))
    offsets = np.zeros(n * len(blocks) + 1, np.int64)
    numbers, counts = np.empty(most, np.int32), np.empty(most, np.float32)
    shapes = np.array([(b.field, b.words, b.shortest, b.longest) for b in blocks], np.int64).reshape(-1, 4)
    salts = np.array([b.salt for b in blocks], np.uint64)
    fields = len(texts)
    _count(signs, begins, ends, fields, letters(), shapes, salts, bits, longest, offsets, numbers, counts)
    return Terms(offsets, numbers[: offsets[-1]].copy(), counts[: offsets[-1]].copy())


@dataclass(frozen=True)
class WeighedTerms:
    """Weighted terms of n cards, as those of a sparse matrix: offsets int64 [n + 1], terms int32 [m], weights float32
    [m]."""

    offsets: np.ndarray
    terms: np.ndarray
    weights: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1


@compiled()
def _count(
    signs, begins, ends, fields, letters, shapes, salts, bits, longest, offsets, numbers, counts
):  # fmt: skip  # pragma: no cover
    times, found = np.zeros(1 << bits, np.int32), np.empty(longest, np.int32)
    mask, here = np.uint64((1 << bits) - 1), 0
    for card in range(len(begins) // fields):
        for b in range(len(shapes)):
            field, words, shortest, longest_run = shapes[b]
            text = card * fields + field
            begin, end = begins[text], ends[text]
            n = _terms(signs, begin, end, letters, words, shortest, longest_run, salts[b], mask, found)
            start = here
            for k in range(n):
                if times[found[k]] == 0:
                    numbers[here] = found[k]
                    here += 1
                times[found[k]] += 1
            for k in range(start, here):
                counts[k] = 1 + np.log(np.float32(times[numbers[k]]))
                times[numbers[k]] = 0
            offsets[card * len(shapes) + b + 1] = here


@compiled()
def _terms(
    signs, begin, end, letters, words, shortest, longest, salt, mask, found
):  # fmt: skip  # pragma: no cover
    """Write the numbers of a text's terms to `found`; how many there are."""
    n, here = 0, begin
    last, last_but_one, known = np.uint64(0), np.uint64(0), 0
    while here < end:
        if not (signs[here] >= PLANE or letters[signs[here]]):
            here += 1
            continue
        stop, word = here, BASIS ^ salt
        while stop < end and (signs[stop] >= PLANE or letters[signs[stop]]):
            word = (word ^ np.uint64(signs[stop])) * PRIME
            stop += 1
        if words > 0:
            found[n] = _mixed(word) & mask
            n += 1
        if words > 1 and known > 0:
            found[n] = _mixed(last * PRIME ^ word) & mask
            n += 1
        if words > 2 and known > 1:
            found[n] = _mixed((last_but_one * PRIME ^ last) * PRIME ^ word) & mask
            n += 1
        last_but_one, last, known = last, word, known + 1
        if longest > 0:
            for first in range(here - 1, stop):
                run = BASIS ^ salt
                for k in range(min(longest, stop + 1 - first)):
                    place = first + k
                    inside = here <= place < stop
                    run = (run ^ (np.uint64(signs[place]) if inside else BLANK)) * PRIME
                    if k + 1 >= shortest:
                        found[n] = _mixed(run) & mask
                        n += 1
        here = stop
    return n


@compiled()
def _mixed(hashed):  # pragma: no cover
    hashed ^= hashed >> SHIFT
    hashed *= FIRST
    hashed ^= hashed >> SHIFT
    hashed *= SECOND
    return hashed ^ (hashed >> SHIFT)
