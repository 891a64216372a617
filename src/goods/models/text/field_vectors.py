"""TF-IDF of several text fields side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from goods.core.kept import Kept
from goods.models.text.field_vectorizer import FieldVectorizer
from goods.models.text.linear import FieldFeatures


class FieldVectors:
    """`fields` are the settings of each field; what is `kept` is shared as FieldVectorizer says."""

    def __init__(self, fields: dict[str, FieldFeatures], char_min_df: int, kept: Kept | None = None) -> None:
        self.fields, self.char_min_df, self.kept = fields, char_min_df, kept
        self.vectorizers = self._new()

    def _new(self) -> dict[str, FieldVectorizer]:
        return {f: FieldVectorizer(c, self.char_min_df, self.kept) for f, c in self.fields.items()}

    def vectors(self, cards: pd.DataFrame, fit: bool = False) -> sp.csr_matrix:
        """float32 [n, terms]; with `fit` the terms are those of the cards."""
        if fit:
            self.vectorizers = self._new()
        blocks = [
            (v.fit_transform(cards[f]) if fit else v.transform(cards[f])) for f, v in self.vectorizers.items()
        ]
        return sp.hstack(blocks, format="csr", dtype=np.float32)

    def save(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """The terms of each field, for JSON, and the float32 weights of the terms."""
        vocabularies: dict[str, Any] = {}
        arrays: dict[str, np.ndarray] = {}
        for field, vectorizer in self.vectorizers.items():
            vocabularies[field], idf = vectorizer.save()
            arrays |= {f"idf.{field}.{i}": weights for i, weights in enumerate(idf)}
        return vocabularies, arrays

    def load(self, vocabularies: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """What `save` gave; there may be other arrays among them."""
        for field, terms in vocabularies.items():
            self.vectorizers[field].load(terms, [arrays[f"idf.{field}.{i}"] for i in range(len(terms))])
