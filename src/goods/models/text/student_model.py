"""Hashed TF-IDF of a card's fields, linear SVMs over all classes or at each node of the category tree; what is not a
train card has its teacher's class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from goods.core.artifacts import read_json, write_json
from goods.core.calibration import fit_temperature, to_proba
from goods.core.compiled import compiled
from goods.core.errors import GoodsError
from goods.core.predictions import BLOCK
from goods.models.base import Context
from goods.models.text.byte_margins import ByteMargins, fit_margins
from goods.models.text.classtree import class_tree
from goods.models.text.hashed_terms import Block, Terms, WeighedTerms, count_terms
from goods.models.text.student import StudentConfig
from goods.models.text.tree_margins import best_temperature, fit_tree_margins, path_log_proba

ARRAYS = ("offsets", "classes", "values", "scales", "bias")


class StudentModel:
    def __init__(self, config: StudentConfig, context: Context) -> None:
        self.config, self.context = config, context
        self.temperature = 1.0
        self.tree = class_tree(context.labels, flat=False) if config.structure == "tree" else None
        self.blocks, weights = blocks_of(config)
        self.weights = np.array(weights, np.float32)
        self.margins: ByteMargins | None = None
        self.numbers, self.idf = np.empty(0, np.int32), np.empty(0, np.float32)
        self.row_of = np.empty(0, np.int32)

    def warm(self, cards: pd.DataFrame) -> None:
        """Nothing to cache: terms are counted faster than they are read."""

    def fit(self, train: pd.DataFrame, valid: pd.DataFrame | None) -> None:
        """Terms and their idf are of both, for they know no classes; `valid` is fitted on once it has calibrated."""
        known = train if valid is None else pd.concat([train, valid], ignore_index=True)
        counted, target = self._counted(known), known.target.to_numpy()
        self._choose(counted)
        cards, n = self._weighed(counted), len(train)
        if n < len(known):
            self._fit_margins(part_of(cards, 0, n), target[:n])
            assert self.margins is not None
            left = self.margins.of(part_of(cards, n, len(known)))
            self.temperature = self._best_temperature(left, target[n:])
        self._fit_margins(cards, target)

    def _fit_margins(self, cards: WeighedTerms, target: np.ndarray) -> None:
        n_terms, n_classes, context = len(self.idf), self.context.labels.n_classes, self.context
        given = (self.config.C, context.seed, context.threads)
        if self.tree is None:
            self.margins = fit_margins(cards, target, n_terms, n_classes, *given)
        else:
            self.margins = fit_tree_margins(cards, target, n_terms, self.tree, *given)

    def _best_temperature(self, margins: np.ndarray, target: np.ndarray) -> float:
        if self.tree is None:
            return fit_temperature(margins, target)
        return best_temperature(margins, target, self.tree)

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
        """Keep the terms that enough cards have, and their smoothed inverse document frequency."""
        n = (len(counted.offsets) - 1) // len(self.blocks)
        cards = np.bincount(counted.numbers, minlength=1 << self.config.bits)
        self.numbers = np.flatnonzero(cards >= self.config.min_df).astype(np.int32)
        self.idf = (np.log((1 + n) / (1 + cards[self.numbers])) + 1).astype(np.float32)
        self._index()

    def _index(self) -> None:
        self.row_of = np.full(1 << self.config.bits, -1, np.int32)
        self.row_of[self.numbers] = np.arange(len(self.numbers), dtype=np.int32)

    def _weighed(self, counted: Terms) -> WeighedTerms:
        terms, weights = np.empty_like(counted.numbers), np.empty_like(counted.counts)
        offsets = np.zeros((len(counted.offsets) - 1) // len(self.blocks) + 1, np.int64)
        kept = _weigh(
            counted.offsets, counted.numbers, counted.counts, self.row_of, self.idf, self.weights,
            offsets, terms, weights,
        )  # fmt: skip
        return WeighedTerms(offsets, terms[:kept], weights[:kept])

    def predict(self, cards: pd.DataFrame) -> np.ndarray:
        assert self.margins is not None
        margins = self.margins.of(self._weighed(self._counted(cards)))
        if self.tree is None:
            return to_proba(margins, self.temperature)
        return to_proba(path_log_proba(margins, self.tree, self.temperature), 1.0)

    def save(self, folder: Path) -> None:
        arrays = {"numbers": self.numbers, "idf": self.idf, **vars(self.margins)}
        arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        save_file(arrays, folder / "student.safetensors")
        write_json(folder / "student.json", {"temperature": self.temperature})

    def load(self, folder: Path) -> None:
        self.temperature = read_json(folder / "student.json")["temperature"]
        path = folder / "student.safetensors"
        try:
            arrays = load_file(path)
            self.numbers, self.idf = arrays["numbers"], arrays["idf"]
            self.margins = ByteMargins(*(arrays[name] for name in ARRAYS))
        except (SafetensorError, OSError, KeyError) as error:
            raise GoodsError(f"{path}: not readable ({error}); train this fold again") from None
        self._index()


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


def part_of(cards: WeighedTerms, first: int, last: int) -> WeighedTerms:
    begin, end = cards.offsets[first], cards.offsets[last]
    return WeighedTerms(
        cards.offsets[first : last + 1] - begin, cards.terms[begin:end], cards.weights[begin:end]
    )


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
