"""Text cleaning as a scikit-learn transformer, for pipelines of one's own and for the cleaned fastText variant."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

WORD = re.compile(r"\w+(?:[.,]\d+)?")

_SIZES = re.compile(
    r"\d+(?:[.,]\d+)?\s*[xх×*]\s*\d+(?:[.,]\d+)?(?:\s*[xх×*]\s*\d+(?:[.,]\d+)?)?", re.IGNORECASE
)

_MEASURE = re.compile(r"^\d+(?:[.,]\d+)?\w{0,3}$")

_UNITS = "мг г гр кг мл л мм см м км шт штук уп mg g kg ml l mm cm m km pcs"

UNITS = frozenset(_UNITS.split())

# without "для" and "не", which tell products apart
_COMMON = (
    "и в во на с со из к ко по от до за о об у а но или что как это все же бы ли при над под "
    "the a an of and in on with for to by is are"
)

STOP_WORDS = frozenset(_COMMON.split())


def telling_words(words: Iterable[str]) -> list[str]:
    """The words but for stop words and numbers, with or without a unit."""
    return [word for word in words if word not in STOP_WORDS and not _MEASURE.match(word)]


class TextCleaner(TransformerMixin, BaseEstimator):
    """Lower-case words without sizes ("10 x 15"), numbers, units, stop words and overlong words, at most `max_words`.

    "не" and "для" stay: they tell products apart. The contest's caps are 60 words for titles, 300 for descriptions.
    Nothing is learned; a Series keeps its index.
    """

    def __init__(self, max_words: int = 300, max_word_length: int = 25) -> None:
        self.max_words, self.max_word_length = max_words, max_word_length

    def fit(self, texts: Iterable[str], y: object = None) -> TextCleaner:
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def transform(self, texts: Iterable[str]) -> pd.Series | list[str]:
        """Cleaned texts, in order; what is no text (null) becomes empty."""
        cleaned = [self.clean(text) if isinstance(text, str) else "" for text in texts]
        return pd.Series(cleaned, index=texts.index, dtype="str") if isinstance(texts, pd.Series) else cleaned

    def clean(self, text: str) -> str:
        words = telling_words(WORD.findall(_SIZES.sub(" ", text.lower())))
        kept = [word for word in words if word not in UNITS and len(word) <= self.max_word_length]
        return " ".join(kept[: self.max_words])
