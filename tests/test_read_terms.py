"""Terms that the linear model reads off a card besides its texts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from toy_models import toy_cards, toy_context

from goods.models.text.linear import FieldFeatures, LinearConfig
from goods.models.text.linear_model import LinearModel
from goods.models.text.read_terms import NumberVectors, ends_of


@pytest.fixture(autouse=True)
def few_cards(monkeypatch):
    monkeypatch.setattr("goods.cards.number_terms.RARE_NUMBERS", 2)


def config(**weights: float) -> LinearConfig:
    return LinearConfig(family="linear", fields={"title": FieldFeatures()}, **weights)


def cards_told_by(column: str, seed: int = 0) -> pd.DataFrame:
    """Cards of two classes that their words alone do not tell apart: `attributes`, fat is little or much; `title`, the
    two nouns come in either order."""
    cards, random = toy_cards(160, seed), np.random.default_rng(seed)
    cards["target"] = (np.arange(160) % 2).astype(np.int32)
    cards["title"] = "творог домашний"
    if column == "attributes":
        fat = random.uniform(0, 10, 160) + 10 * cards.target
        cards["attributes"] = [f"Жиры: {f:.4f} г" for f in fat]
    else:
        cards["title"] = [["сыр как творог", "творог как сыр"][t] for t in cards.target]
    return cards


def share_right(model: LinearModel, cards: pd.DataFrame) -> float:
    return float((model.predict(cards).argmax(1) == cards.target).mean())


@pytest.mark.parametrize(("kind", "column"), [("numbers", "attributes"), ("ends", "title")])
def test_what_is_read_besides_tells_what_words_do_not(tmp_path, kind, column):
    known, asked = cards_told_by(column), cards_told_by(column, seed=1)
    plain, reading = (LinearModel(config(**{kind: w}), toy_context(tmp_path)) for w in (0.0, 0.7))
    plain.fit(known, None)
    reading.fit(known, None)
    assert share_right(plain, asked) < 0.6
    assert share_right(reading, asked) > 0.95


def test_what_is_read_besides_is_saved_with_the_model(tmp_path):
    known = cards_told_by("attributes")
    model = LinearModel(config(numbers=0.7, ends=0.6), toy_context(tmp_path))
    model.fit(known, cards_told_by("attributes", seed=2))
    model.save(tmp_path)
    loaded = LinearModel(config(numbers=0.7, ends=0.6), toy_context(tmp_path))
    loaded.load(tmp_path)
    asked = cards_told_by("attributes", seed=1)
    assert (loaded.predict(asked) == model.predict(asked)).all()


def test_cards_without_numbers_or_titles_are_no_error(tmp_path):
    known = toy_cards(40).assign(title="", attributes="цвет: белый", description="чай")
    words = {"title": FieldFeatures(), "description": FieldFeatures()}
    model = LinearModel(
        LinearConfig(family="linear", fields=words, numbers=0.7, ends=0.6), toy_context(tmp_path)
    )
    model.fit(known, None)
    model.save(tmp_path)
    loaded = LinearModel(model.config, toy_context(tmp_path))
    loaded.load(tmp_path)
    assert (loaded.predict(toy_cards(8, 1)) == model.predict(toy_cards(8, 1))).all()


def test_a_band_is_that_of_the_cards_it_was_fitted_on():
    known = cards_told_by("attributes")
    vectors = NumberVectors(1.0)
    together = vectors.vectors(known, fit=True)
    assert np.allclose(np.sqrt(together.multiply(together).sum(1)), 1)
    assert (vectors.vectors(known[:1]) != together[:1]).nnz == 0


def test_ends_are_the_first_word_the_first_two_and_the_last():
    assert ends_of("Чай чёрный, 100 г") == ["чай …", "чай чёрный …", "… г"]
    assert ends_of("Чай") == ["чай …", "чай …", "… чай"]
    assert ends_of(" — ") == []
