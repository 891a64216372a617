"""TF-IDF of a card: of its text fields, and of terms that are read off it besides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from goods.core.kept import Kept
from goods.models.text.field_vectors import FieldVectors
from goods.models.text.linear import LinearConfig
from goods.models.text.read_terms import EndVectors, NumberVectors, ReadTerms

KINDS: dict[str, type[ReadTerms]] = {"numbers": NumberVectors, "ends": EndVectors}


class CardVectors:
    """What of it is `kept` is shared as FieldVectorizer says."""

    def __init__(self, config: LinearConfig, kept: Kept | None = None) -> None:
        self.fields = FieldVectors(config.fields, config.char_min_df, kept)
        weights = {"numbers": config.numbers, "ends": config.ends}
        self.read = {kind: KINDS[kind](weight) for kind, weight in weights.items() if weight}

    def vectors(self, cards: pd.DataFrame, fit: bool = False) -> sp.csr_matrix:
        """float32 [n, terms]; with `fit` the terms are those of the cards."""
        blocks = [
            self.fields.vectors(cards, fit),
            *(terms.vectors(cards, fit) for terms in self.read.values()),
        ]
        return blocks[0] if len(blocks) == 1 else sp.hstack(blocks, format="csr", dtype=np.float32)

    def save(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """The terms of each field and of each kind read besides, for JSON, and the float32 weights of the terms."""
        vocabularies, arrays = self.fields.save()
        for kind, terms in self.read.items():
            vocabularies[kind], arrays[f"idf.{kind}"] = terms.save()
        return vocabularies, arrays

    def load(self, vocabularies: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """What `save` gave; there may be other arrays among them."""
        self.fields.load({name: v for name, v in vocabularies.items() if name not in self.read}, arrays)
        for kind, terms in self.read.items():
            terms.load(vocabularies[kind], arrays[f"idf.{kind}"])
