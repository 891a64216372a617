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
from goods.core.errors import GoodsError
from goods.models.base import Context
from goods.models.text.byte_margins import ByteMargins, fit_margins
from goods.models.text.classtree import class_tree
from goods.models.text.hashed_terms import WeighedTerms
from goods.models.text.student import StudentConfig
from goods.models.text.student_terms import StudentTerms
from goods.models.text.tree_margins import best_temperature, fit_tree_margins, path_log_proba

ARRAYS = ("offsets", "classes", "values", "scales", "bias")


class StudentModel:
    def __init__(self, config: StudentConfig, context: Context) -> None:
        self.config, self.context = config, context
        self.temperature = 1.0
        self.tree = None if config.structure == "flat" else class_tree(context.labels, flat=False)
        self.terms = StudentTerms(config)
        self.margins: ByteMargins | None = None

    def warm(self, cards: pd.DataFrame) -> None:
        """Nothing to cache: terms are counted faster than they are read."""

    def fit(self, train: pd.DataFrame, valid: pd.DataFrame | None) -> None:
        """Terms and their idf are of both, for they know no classes; `valid` is fitted on once it has calibrated."""
        known = train if valid is None else pd.concat([train, valid], ignore_index=True)
        cards, target, n = self.terms.of(known, fit=True), known.target.to_numpy(), len(train)
        if n < len(known):
            self._fit_margins(part_of(cards, 0, n), target[:n])
            assert self.margins is not None
            left = self.margins.of(part_of(cards, n, len(known)))
            self.temperature = self._best_temperature(left, target[n:])
        self._fit_margins(cards, target)

    def _fit_margins(self, cards: WeighedTerms, target: np.ndarray) -> None:
        n_terms, n_classes, context = len(self.terms), self.context.labels.n_classes, self.context
        given = (self.config.C, context.seed, context.threads)
        if self.tree is None:
            self.margins = fit_margins(cards, target, n_terms, n_classes, *given)
        else:
            self.margins = fit_tree_margins(cards, target, n_terms, self.tree, *given)

    def _best_temperature(self, margins: np.ndarray, target: np.ndarray) -> float:
        if self.tree is None:
            return fit_temperature(margins, target)
        return best_temperature(margins, target, self.tree)

    def predict(self, cards: pd.DataFrame) -> np.ndarray:
        assert self.margins is not None
        margins = self.margins.of(self.terms.of(cards))
        if self.tree is None:
            return to_proba(margins, self.temperature)
        return to_proba(path_log_proba(margins, self.tree, self.temperature), 1.0)

    def save(self, folder: Path) -> None:
        arrays = {**self.terms.arrays(), **vars(self.margins)}
        arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        save_file(arrays, folder / "student.safetensors")
        write_json(folder / "student.json", {"temperature": self.temperature})

    def load(self, folder: Path) -> None:
        self.temperature = read_json(folder / "student.json")["temperature"]
        path = folder / "student.safetensors"
        try:
            arrays = load_file(path)
            self.terms.load(arrays)
            self.margins = ByteMargins(*(arrays[name] for name in ARRAYS))
        except (SafetensorError, OSError, KeyError) as error:
            raise GoodsError(f"{path}: not readable ({error}); train this fold again") from None


def part_of(cards: WeighedTerms, first: int, last: int) -> WeighedTerms:
    begin, end = cards.offsets[first], cards.offsets[last]
    return WeighedTerms(
        cards.offsets[first : last + 1] - begin, cards.terms[begin:end], cards.weights[begin:end]
    )
