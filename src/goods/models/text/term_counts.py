"""Terms of texts counted once for all vocabularies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfVectorizer

from goods.core.kept import Kept
from goods.models.sharing import made_once

TERM_BYTES = 100  # about, of a term in memory


@dataclass(frozen=True)
class TermCounts:
    """counts float32 [n, t] of the distinct `terms` [t]"""

    counts: sp.csr_matrix
    terms: list[str]

    @staticmethod
    def of(texts: Iterable[str], analyse: Callable[[str], Iterable[str]]) -> TermCounts:
        number: defaultdict[str, int] = defaultdict()
        number.default_factory = number.__len__
        found: list[int] = []
        offsets = [0]
        for text in texts:
            found += [number[term] for term in analyse(text)]
            offsets.append(len(found))
        ones = np.ones(len(found), np.float32)
        shape = (len(offsets) - 1, len(number))
        counts = sp.csr_matrix((ones, np.array(found, np.int32), np.array(offsets, np.int64)), shape)
        counts.sum_duplicates()
        return TermCounts(counts, list(number))

    def of_vocabulary(self, vocabulary: dict[str, int]) -> sp.csr_matrix:
        """float32 [n, len(vocabulary)]: the counts of the terms that it has."""
        columns = np.fromiter((vocabulary.get(term, -1) for term in self.terms), np.int32, len(self.terms))
        columns = columns[self.counts.indices]
        there = columns >= 0
        offsets = np.concatenate([[0], np.cumsum(there)])[self.counts.indptr]
        shape = (self.counts.shape[0], len(vocabulary))
        found = sp.csr_matrix((self.counts.data[there], columns[there], offsets), shape)
        found.sort_indices()
        return found

    @property
    def nbytes(self) -> int:
        return self.counts.nnz * 8 + len(self.terms) * TERM_BYTES


def transformed(part: TfidfVectorizer, texts: pd.Series, kept: Kept | None) -> sp.csr_matrix:
    """As `part.transform`; what vectorizers of other vocabularies count alike is counted once where it is `kept`."""
    if kept is None:
        return part.transform(texts)
    settings = ("term counts", part.analyzer, part.ngram_range, part.token_pattern)
    found = made_once(
        kept,
        settings,
        texts,
        lambda: TermCounts.of(texts, part.build_analyzer()),
        lambda made: made.nbytes,
    )
    return part._tfidf.transform(found.of_vocabulary(part.vocabulary_), copy=False)
