"""Texts → words: razdel tokens, lower case, lemmas; every distinct word is lemmatised once.

natasha imports pymorphy2, which does not run on Python 3.11; pymorphy3 has the same interface and is
registered under that name here, the one place natasha is imported from.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from goods.cards.atoms import tokens

WORD = re.compile(r"\w")


@lru_cache(maxsize=1)
def _pymorphy() -> Any:
    import pymorphy3

    return pymorphy3.MorphAnalyzer()


@lru_cache(maxsize=1)
def _natasha() -> tuple[Any, Any, Any]:
    """natasha's segmenter, tagger and vocabulary."""
    import pymorphy3

    sys.modules.setdefault("pymorphy2", pymorphy3)
    from natasha import MorphVocab, NewsEmbedding, NewsMorphTagger, Segmenter

    return Segmenter(), NewsMorphTagger(NewsEmbedding()), MorphVocab()


def words(text: str) -> list[str]:
    """Lower-case tokens with at least one letter or digit; ё is written е."""
    return [token.replace("ё", "е") for token in tokens(text.lower()) if WORD.search(token)]


@lru_cache(maxsize=1_000_000)
def _pymorphy_lemma(word: str) -> str:
    # nothing to inflect without a Cyrillic letter
    if not any("а" <= c <= "я" for c in word):
        return word
    return _pymorphy().parse(word)[0].normal_form.replace("ё", "е")


def _natasha_words(text: str) -> list[str]:
    """Lemmas chosen in context by natasha's own pipeline: about 50 titles per second."""
    from natasha import Doc

    segmenter, tagger, vocabulary = _natasha()
    doc = Doc(text)
    doc.segment(segmenter)
    if not doc.tokens:
        return []
    doc.tag_morph(tagger)
    lemmas = []
    for token in doc.tokens:
        if WORD.search(token.text):
            token.lemmatize(vocabulary)
            lemmas.append((token.lemma or token.text).lower().replace("ё", "е"))
    return lemmas


def lemmatize(texts: Iterable[str], lemmatizer: str = "pymorphy3") -> list[list[str]]:
    """Words of each text; `lemmatizer` is 'pymorphy3', 'natasha' or 'none' (tokens as they are)."""
    if lemmatizer == "natasha":
        _natasha()
        return [_natasha_words(text) for text in texts]
    if lemmatizer == "none":
        return [words(text) for text in texts]
    if lemmatizer != "pymorphy3":
        raise ValueError(f"unknown lemmatizer {lemmatizer!r}")
    return [[_pymorphy_lemma(word) for word in words(text)] for text in texts]
