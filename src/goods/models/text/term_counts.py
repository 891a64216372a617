"""Terms of texts counted once for all vocabularies."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable
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
    def of(texts: Iterable[str], part: TfidfVectorizer) -> TermCounts:
        """Terms that `part` finds. Runs of characters within words are found once for each distinct word."""
        number: defaultdict[str, int] = defaultdict()
        number.default_factory = number.__len__
        analyse, found, offsets = part.build_analyzer(), array("i"), [0]
        prepare = part.build_preprocessor() if part.analyzer == "char_wb" else None
        of_word: dict[str, array] = {}
        for text in texts:
            if prepare is None:
                found.extend([number[term] for term in analyse(text)])
            else:
                for word in prepare(text).split():
                    known = of_word.get(word)
                    if known is None:
                        known = of_word[word] = array("i", [number[term] for term in analyse(word)])
                    found.extend(known)
            offsets.append(len(found))
        shape = (len(offsets) - 1, len(number))
        given = (np.ones(len(found), np.float32), np.array(found, np.int32), np.array(offsets, np.int64))
        counts = sp.csr_matrix(given, shape)
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
        lambda: TermCounts.of(texts, part),
        lambda made: made.nbytes,
    )
    return weighed(part, found)


def weighed(part: TfidfVectorizer, found: TermCounts) -> sp.csr_matrix:
    """What `part.transform` makes of the texts whose terms it has `found`."""
    return part._tfidf.transform(found.of_vocabulary(part.vocabulary_), copy=False)
