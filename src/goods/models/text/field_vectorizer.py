"""TF-IDF of one text field."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfVectorizer

from goods.models.text.linear import FieldFeatures

TOKEN = r"(?u)\b\w+\b"

# how scikit-learn's errors begin where no card has the field, or none shares a term with another
NO_TERMS = ("empty vocabulary", "After pruning, no terms remain")


class FieldVectorizer:
    """Word and character TF-IDF of one field, each L2-normalised and scaled by the field's weight."""

    def __init__(self, config: FieldFeatures, char_min_df: int) -> None:
        common = {"sublinear_tf": True, "dtype": np.float32, "max_features": config.max_features}
        self.weight = config.weight
        self.parts: list[TfidfVectorizer] = []
        if config.words:
            self.parts.append(TfidfVectorizer(ngram_range=config.words, token_pattern=TOKEN, **common))
        if config.chars:
            self.parts.append(
                TfidfVectorizer(analyzer="char_wb", ngram_range=config.chars, min_df=char_min_df, **common)
            )

    def fit_transform(self, texts: pd.Series) -> sp.csr_matrix:
        blocks, kept = [], []
        for part in self.parts:
            try:
                blocks.append(part.fit_transform(texts))
                kept.append(part)
            except ValueError as error:
                if not str(error).startswith(NO_TERMS):
                    raise
        self.parts = kept
        return self._joined(blocks, len(texts))

    def transform(self, texts: pd.Series) -> sp.csr_matrix:
        return self._joined([part.transform(texts) for part in self.parts], len(texts))

    def save(self) -> tuple[list[dict[str, Any]], list[np.ndarray]]:
        """Of each analyser that has terms: its name and terms, and their float32 idf."""
        terms = [{"analyzer": p.analyzer, "terms": p.get_feature_names_out().tolist()} for p in self.parts]
        return terms, [part.idf_.astype(np.float32) for part in self.parts]

    def load(self, terms: list[dict[str, Any]], idf: list[np.ndarray]) -> None:
        """What `save` gave."""
        by_analyzer = {part.analyzer: part for part in self.parts}
        self.parts = [by_analyzer[saved["analyzer"]] for saved in terms]
        for part, saved, weights in zip(self.parts, terms, idf, strict=True):
            part.vocabulary_ = {term: j for j, term in enumerate(saved["terms"])}
            part.idf_ = weights

    def _joined(self, blocks: list[sp.csr_matrix], n: int) -> sp.csr_matrix:
        if not blocks:
            return sp.csr_matrix((n, 0), dtype=np.float32)
        joined = sp.hstack(blocks, format="csr", dtype=np.float32)
        joined.data *= np.float32(self.weight)
        return joined
