"""Names of products as sets of words, numbers, model codes, amounts and brands; string distances and TF-IDF."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from rapidfuzz import fuzz, process
from rapidfuzz.distance import Jaro, LCSseq, Levenshtein, Prefix
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer

from goods.matching.codes import codes
from goods.matching.measures import amounts
from goods.matching.sets import Columns, Sets, by_size, overlap, ratio, row_dot

_LANGUAGE = re.compile(r'"?@[a-z]{2}(?:-[a-z]{2})?\b', re.IGNORECASE)  # of texts taken from RDF
_WORD = re.compile(r"[^\W_]+(?:[.,]\d+)?")
_NUMBER = re.compile(r"(?<![^\W_])\d+(?:[.,]\d+)?(?![^\W_])")
MAX_CHARS = 500  # of a name: the longest of honest ones; string distances of longer ones take seconds a pair
OFTEN_FIRST, LEAST_NAMES = (
    0.3,
    5,
)  # a brand stands first in that share of the names it is in, and is in so many
STRINGS: dict[str, Callable[..., float]] = {
    "levenshtein": Levenshtein.normalized_similarity,
    "jaro": Jaro.normalized_similarity,
    "lcs": LCSseq.normalized_similarity,
    "prefix": Prefix.normalized_similarity,
    "token_sort": fuzz.token_sort_ratio,
    "token_set": fuzz.token_set_ratio,
    "partial": fuzz.partial_ratio,
    "partial_token_sort": fuzz.partial_token_sort_ratio,
}
ONE_WAY = (
    "jaro",
    "partial",
    "partial_token_sort",
)  # which string comes first may matter: both orders are averaged


def normal(name: str) -> str:
    """Lower case, ё as е, no language tags, the first MAX_CHARS signs."""
    return " ".join(_LANGUAGE.sub(" ", name[:MAX_CHARS]).lower().replace("ё", "е").split())


def words(name: str) -> list[str]:
    return _WORD.findall(name)


def numbers(name: str) -> list[str]:
    """Numbers that stand alone, with a decimal point."""
    return [n.replace(",", ".") for n in _NUMBER.findall(name)]


def leading_words(listed: Sequence[list[str]]) -> set[str]:
    """Words that often begin a name: mostly brands."""
    first = Counter(row[0] for row in listed if row)
    anywhere = Counter(word for row in listed for word in set(row))
    return {
        word
        for word, n in first.items()
        if word.isalpha() and anywhere[word] >= LEAST_NAMES and n >= OFTEN_FIRST * anywhere[word]
    }


def string_features(names: Sequence[str], left: np.ndarray, right: np.ndarray, threads: int) -> Columns:
    """Distances of the strings themselves, 0 … 1, 1 for equal ones; not a number where a name is empty."""
    first, second = [names[i] for i in left], [names[i] for i in right]
    lengths = np.array([len(name) for name in names], np.float32)
    found: Columns = {}
    for name, scorer in STRINGS.items():
        value = process.cpdist(first, second, scorer=scorer, dtype=np.float32, workers=threads)
        if name in ONE_WAY:
            value = (
                value + process.cpdist(second, first, scorer=scorer, dtype=np.float32, workers=threads)
            ) / 2
        found[f"name_{name}"] = value / (100 if scorer.__module__.startswith("rapidfuzz.fuzz") else 1)
    empty = (lengths[left] == 0) | (lengths[right] == 0)
    for column in found.values():
        column[empty] = np.nan
    shorter, longer = np.minimum(lengths[left], lengths[right]), np.maximum(lengths[left], lengths[right])
    return found | {"name_length": longer, "name_length_ratio": ratio(shorter, longer)}


class Names:
    """The normalised names of all products as sets of words, numbers, codes, amounts and brands."""

    def __init__(self, names: Sequence[str], brands: Sequence[str]) -> None:
        """`brands` is what the attributes say, "" where they do not."""
        self.names, listed = names, [words(name) for name in names]
        known = leading_words(listed) | {brand for brand in brands if brand}
        branded = [
            [word for word in row if word in known] + [brand] * bool(brand)
            for row, brand in zip(listed, brands, strict=True)
        ]
        self.sets = {
            "words": Sets.of(listed),
            "numbers": Sets.of([numbers(name) for name in names]),
            "codes": Sets.of([codes(name) for name in names]),
            "amounts": Sets.of([amounts(name) for name in names]),
            "brand": Sets.of(branded),
        }
        largest = [max(map(float, numbers(name)), default=np.nan) for name in names]
        self.largest = np.array(largest, np.float32)

    def features(self, left: np.ndarray, right: np.ndarray, threads: int) -> Columns:
        columns = string_features(self.names, left, right, threads)
        for kind, sets in self.sets.items():
            columns |= overlap(sets, left, right, kind)
        return columns | by_size(self.largest[left], self.largest[right], "largest_number")


def tfidf(names: Sequence[str]) -> dict[str, csr_matrix]:
    """Rows of length 1. Document frequencies are counted over all products, train and test, without labels."""
    made = {
        "words": TfidfVectorizer(
            token_pattern=r"[^\W_]+", ngram_range=(1, 2), sublinear_tf=True, dtype=np.float32
        ),
        "chars": TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, dtype=np.float32),
    }
    rows = {}
    for name, vectorizer in made.items():
        try:
            rows[name] = vectorizer.fit_transform(names)
        except ValueError:  # not one word in any name
            rows[name] = csr_matrix((len(names), 1), dtype=np.float32)
    return rows


def tfidf_features(rows: dict[str, csr_matrix], left: np.ndarray, right: np.ndarray) -> Columns:
    """float32 [n] cosines of the `rows` [products, terms] of products `left` and `right` int [n]."""
    return {f"tfidf_{name}": row_dot(matrix, matrix, left, right) for name, matrix in rows.items()}
