"""Tokens and lemmas of product texts."""

from __future__ import annotations

import random

import pytest
from razdel import tokenize

from goods.cards.atoms import tokens
from goods.cards.lemmas import lemmatize, words


def test_words_are_lower_case_without_punctuation():
    assert words("Молоко «Ёлочка», 3,2% — 950мл!") == ["молоко", "елочка", "3,2", "950", "мл"]


def test_inflected_forms_share_a_lemma():
    first, second = lemmatize(["красные платья", "красное платье"])
    assert first == second == ["красный", "платье"]


def test_latin_words_and_unknown_slang_pass():
    assert lemmatize(["iPhone 13 Pro"]) == [["iphone", "13", "pro"]]
    assert len(lemmatize(["свитшот лонгслив"])[0]) == 2


def test_empty_and_wordless_texts_give_no_words():
    assert lemmatize(["", "  ", "!!! — …"]) == [[], [], []]
    assert lemmatize(["", "!!!"], "natasha") == [[], []]


def test_none_keeps_the_tokens():
    assert lemmatize(["Красные платья"], "none") == [["красные", "платья"]]


def test_natasha_runs_with_pymorphy3_in_place_of_pymorphy2():
    assert lemmatize(["Красные платья для девочек"], "natasha") == [["красный", "платье", "для", "девочка"]]


def test_an_unknown_lemmatizer_is_an_error():
    with pytest.raises(ValueError, match="porter"):
        lemmatize(["x"], "porter")


def test_tokens_are_those_of_razdel():
    parts = ["молоко", "ёж", "usb", "3", "12", "yahoo", "ΔP", "σ", "한", "☺", "\u0301", "\u200d", "ſ", "K"]
    parts += [
        *"\\/!#$%&*+,.:;<=>?@^_`|~№…‑–—−-«“‘»”’\"„'([}])",
        "--",
        "...",
        ":-)",
        "=((",
        " ",
        " ",
        " ",
        "\n",
        "\u00a0",
    ]
    random.seed(0)
    for _ in range(5_000):
        text = "".join(random.choices(parts, k=random.randint(0, 9)))
        assert tokens(text) == [token.text for token in tokenize(text)], text


def test_tokens_of_card_texts_are_those_of_razdel():
    texts = [
        "Молоко «Ёлочка», 3,2% — 950мл!",
        "Кабель USB-C/Lightning 2.0, 1/2 м -белый-",
        "a -b- c _d",
        "т.е. 10х15х20см",
    ]
    assert [tokens(text) for text in texts] == [[token.text for token in tokenize(text)] for text in texts]
