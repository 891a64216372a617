"""TF-IDF of one text field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfVectorizer

from goods.core.hashing import content_hash
from goods.core.kept import Kept
from goods.models.text.linear import FieldFeatures
from goods.models.text.term_counts import transformed

# fitted analysers, float32 [n, terms] without the field's weight
Terms = tuple[list[TfidfVectorizer], sp.csr_matrix]

TOKEN = r"(?u)\b\w+\b"

# how scikit-learn's errors begin where no card has the field, none shares a term with another, or there are fewer
# cards than a term has to be in
NO_TERMS = (
    "empty vocabulary",
    "After pruning, no terms remain",
    "max_df corresponds to < documents than min_df",
)


class FieldVectorizer:
    """Word and character TF-IDF of one field, each L2-normalised and scaled by the field's weight."""

    def __init__(self, config: FieldFeatures, char_min_df: int, kept: Kept | None = None) -> None:
        common = {"sublinear_tf": True, "dtype": np.float32, "max_features": config.max_features}
        self.weight, self.kept = config.weight, kept
        self.key = content_hash(config.model_dump(mode="json", exclude={"weight"}), char_min_df)
        self.loaded = False
        self.parts: list[TfidfVectorizer] = []
        if config.words:
            self.parts.append(TfidfVectorizer(ngram_range=config.words, token_pattern=TOKEN, **common))
        if config.chars:
            self.parts.append(
                TfidfVectorizer(analyzer="char_wb", ngram_range=config.chars, min_df=char_min_df, **common)
            )

    def fit_transform(self, texts: pd.Series) -> sp.csr_matrix:
        def fitted() -> Terms:
            blocks, parts = [], []
            for part in self.parts:
                try:
                    blocks.append(part.fit_transform(texts))
                    parts.append(part)
                except ValueError as error:
                    if not str(error).startswith(NO_TERMS):
                        raise
            return parts, joined(blocks, len(texts))

        self.key = self._key(texts)
        self.parts, block = self._looked_up(self.key, fitted)
        return self._weighted(block)

    def transform(self, texts: pd.Series) -> sp.csr_matrix:
        def block() -> Terms:
            return self.parts, joined([transformed(p, texts, self.kept) for p in self.parts], len(texts))

        # one that was loaded is asked of a text but once
        return self._weighted((block() if self.loaded else self._looked_up(self._key(texts), block))[1])

    def _key(self, texts: pd.Series) -> str:
        return content_hash(self.key, "\0".join(texts).encode()) if self.kept is not None else self.key

    def _looked_up(self, key: str, make: Callable[[], Terms]) -> Terms:
        return make() if self.kept is None else self.kept.get(key, make, lambda made: made[1].nnz * 8)

    def _weighted(self, block: sp.csr_matrix) -> sp.csr_matrix:
        """A block of its own: the one that is kept has no weight."""
        return sp.csr_matrix((block.data * np.float32(self.weight), block.indices, block.indptr), block.shape)

    def save(self) -> tuple[list[dict[str, Any]], list[np.ndarray]]:
        """Of each analyser that has terms: its name and terms, and their float32 idf."""
        terms = [{"analyzer": p.analyzer, "terms": p.get_feature_names_out().tolist()} for p in self.parts]
        return terms, [part.idf_.astype(np.float32) for part in self.parts]

    def load(self, terms: list[dict[str, Any]], idf: list[np.ndarray]) -> None:
        """What `save` gave."""
        self.loaded = True
        by_analyzer = {part.analyzer: part for part in self.parts}
        self.parts = [by_analyzer[saved["analyzer"]] for saved in terms]
        for part, saved, weights in zip(self.parts, terms, idf, strict=True):
            part.vocabulary_ = {term: j for j, term in enumerate(saved["terms"])}
            part.idf_ = weights


def joined(blocks: list[sp.csr_matrix], n: int) -> sp.csr_matrix:
    """Side by side; no columns where there is no block."""
    if not blocks:
        return sp.csr_matrix((n, 0), dtype=np.float32)
    return sp.hstack(blocks, format="csr", dtype=np.float32)
