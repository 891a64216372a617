"""Hashed TF-IDF of a card's fields: what every student sees."""

from __future__ import annotations

import numpy as np
import pandas as pd

from goods.core.compiled import compiled
from goods.core.predictions import BLOCK
from goods.models.text.hashed_terms import Block, Terms, WeighedTerms, count_terms
from goods.models.text.student import StudentConfig


class StudentTerms:
    """The terms that enough cards of a fit have, and their smoothed inverse document frequency."""

    def __init__(self, config: StudentConfig) -> None:
        self.config = config
        self.blocks, weights = blocks_of(config)
        self.weights = np.array(weights, np.float32)
        self.numbers, self.idf = np.empty(0, np.int32), np.empty(0, np.float32)
        self.row_of = np.empty(0, np.int32)

    def __len__(self) -> int:
        return len(self.numbers)

    def of(self, cards: pd.DataFrame, fit: bool = False) -> WeighedTerms:
        """What cards have of the known terms, numbered from 0; with `fit` these are the cards' own."""
        counted = self._counted(cards)
        if fit:
            self._choose(counted)
        return self._weighed(counted)

    def _counted(self, cards: pd.DataFrame) -> Terms:
        config, parts = self.config, []
        for start in range(0, max(1, len(cards)), BLOCK):
            texts = [cards[name].iloc[start : start + BLOCK].tolist() for name in config.fields]
            parts.append(count_terms(texts, self.blocks, config.bits, config.max_chars))
        if len(parts) == 1:
            return parts[0]
        sizes = np.concatenate([[0], *(np.diff(part.offsets) for part in parts)])
        numbers, counts = (
            np.concatenate([getattr(p, name) for p in parts]) for name in ("numbers", "counts")
        )
        return Terms(np.cumsum(sizes), numbers, counts)

    def _choose(self, counted: Terms) -> None:
        n = (len(counted.offsets) - 1) // len(self.blocks)
        cards = np.bincount(counted.numbers, minlength=1 << self.config.bits)
        numbers = np.flatnonzero(cards >= self.config.min_df).astype(np.int32)
        self._know(numbers, (np.log((1 + n) / (1 + cards[numbers])) + 1).astype(np.float32))

    def _know(self, numbers: np.ndarray, idf: np.ndarray) -> None:
        self.numbers, self.idf = numbers, idf
        self.row_of = np.full(1 << self.config.bits, -1, np.int32)
        self.row_of[numbers] = np.arange(len(numbers), dtype=np.int32)

    def _weighed(self, counted: Terms) -> WeighedTerms:
        terms, weights = np.empty_like(counted.numbers), np.empty_like(counted.counts)
        offsets = np.zeros((len(counted.offsets) - 1) // len(self.blocks) + 1, np.int64)
        kept = _weigh(
            counted.offsets, counted.numbers, counted.counts, self.row_of, self.idf, self.weights,
            offsets, terms, weights,
        )  # fmt: skip
        return WeighedTerms(offsets, terms[:kept], weights[:kept])

    def arrays(self) -> dict[str, np.ndarray]:
        """As safetensors files want them."""
        return {"numbers": self.numbers, "idf": self.idf}

    def load(self, arrays: dict[str, np.ndarray]) -> None:
        """What `arrays` gave, KeyError where it is not there; there may be other arrays among them."""
        self._know(arrays["numbers"], arrays["idf"])


def blocks_of(config: StudentConfig) -> tuple[list[Block], list[float]]:
    """What is counted of each field, and what it weighs."""
    blocks, weights = [], []
    for number, field in enumerate(config.fields.values()):
        if field.words:
            blocks.append(Block(number, field.words, 0, 0))
            weights.append(field.weight)
        if field.chars:
            blocks.append(Block(number, 0, *field.chars))
            weights.append(field.weight)
    return blocks, weights


@compiled()
def _weigh(offsets, numbers, counts, row_of, idf, weights, out_offsets, terms, values):  # pragma: no cover
    """TF-IDF of known terms, of each block of a card of the length of its weight; how many there are."""
    here, blocks = 0, len(weights)
    for card in range(len(out_offsets) - 1):
        for b in range(blocks):
            start, squares = here, np.float32(0)
            for k in range(offsets[card * blocks + b], offsets[card * blocks + b + 1]):
                row = row_of[numbers[k]]
                if row >= 0:
                    value = counts[k] * idf[row]
                    terms[here], values[here] = row, value
                    squares += value * value
                    here += 1
            if squares > 0:
                scale = weights[b] / np.sqrt(squares)
                for k in range(start, here):
                    values[k] *= scale
        out_offsets[card + 1] = here
    return here
