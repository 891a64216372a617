"""A card's text is asked of the tokenizer once, however many folds are fitted on it or asked about it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from tiny_weights import text_folder
from toy_models import scratch_config, toy_cards, toy_context, trainer

from goods.core.kept import Kept
from goods.models.text import card_tokens
from goods.models.text.card_tokens import CardTokens, tokenize
from goods.models.text.encoder import load_encoder
from goods.models.text.transformer_model import TransformerModel

STEPS = trainer(epochs=1, max_steps=1)


@pytest.fixture
def asked(monkeypatch) -> Counter:
    """How often each text was given to a tokenizer."""
    count: Counter = Counter()
    real = card_tokens.token_numbers

    def counted(tokenizer, texts):
        count.update(text for text in texts if text)
        return real(tokenizer, texts)

    monkeypatch.setattr(card_tokens, "token_numbers", counted)
    return count


def cards_of(n: int):
    """Of each no other has the title."""
    cards = toy_cards(n)
    return cards.assign(title=[f"{title} {i}" for i, title in enumerate(cards.title)])


def models(tmp_path, n: int, context):
    config = scratch_config(weights=str(text_folder(tmp_path / "weights", "bert")), trainer=STEPS)
    return [TransformerModel(config, context) for _ in range(n)]


def test_folds_share_the_tokens_of_all_cards(tmp_path, asked):
    cards = cards_of(40)
    first, *folds = models(tmp_path, 3, toy_context(tmp_path))
    first.warm(cards)
    for k, model in enumerate(folds):
        seen = np.arange(len(cards)) % 2 != k
        model.fit(cards[seen].iloc[4:], cards[seen].iloc[:4])
        model.predict(cards[~seen])
    assert {asked[title] for title in cards.title} == {1}
    first.warm(cards)
    assert {asked[title] for title in cards.title} == {1}


def test_models_that_new_cards_are_asked_of_share_their_tokens(tmp_path, asked):
    cards = cards_of(40)
    (fitted,) = models(tmp_path, 1, toy_context(tmp_path, cache=None))
    fitted.fit(cards.iloc[4:], cards.iloc[:4])
    fitted.save(tmp_path / "saved")
    asked.clear()
    said = []
    for model in models(tmp_path, 3, toy_context(tmp_path, cache=None, kept=Kept())):
        model.load(tmp_path / "saved")
        said.append(model.predict(cards))
    assert {asked[title] for title in cards.title} == {1}
    assert all((one == fitted.predict(cards)).all() for one in said)


def test_kept_tokens_are_those_of_the_tokenizer(tmp_path):
    cards, config = cards_of(30), scratch_config(max_tokens=12, prefix="query: ")
    context = toy_context(tmp_path)
    encoder = load_encoder(str(text_folder(tmp_path / "a", "bert")), 12)
    CardTokens(config, context).rows(encoder, cards[:20], store=True)
    part = cards.iloc[[25, 3, 3, 11, 29]]
    for given in (context, replace(context, cache=None, kept=Kept())):
        found, plain = CardTokens(config, given).rows(encoder, part), tokenize(encoder, part, config)
        assert found.values.dtype == plain.values.dtype
        np.testing.assert_array_equal(found.values, plain.values)
        np.testing.assert_array_equal(found.offsets, plain.offsets)


def test_another_tokenizer_or_setting_has_tokens_of_its_own(tmp_path):
    cards, context = cards_of(8), toy_context(tmp_path)
    bert, other = (load_encoder(str(text_folder(tmp_path / n, n)), 32) for n in ("bert", "modernbert"))
    for config, encoder in (
        (scratch_config(), bert),
        (scratch_config(), other),
        (scratch_config(fields=("shop",)), bert),
        (scratch_config(max_tokens=8), bert),
        (scratch_config(prefix="query: "), bert),
    ):
        found = CardTokens(config, context).rows(encoder, cards, store=True)
        np.testing.assert_array_equal(found.values, tokenize(encoder, cards, config).values)
    assert len(list(context.cache.glob("card-tokens-*.npz"))) == 5
