"""Vectors of a competition's own words: what they are made of, kept in, and given to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits
from toy_models import accuracy, navec_config, toy_cards, toy_context

from goods.cards import cooccurrence
from goods.cards.cooccurrence import WordVectors, word_vectors_of
from goods.cards.ragged import Ragged
from goods.core.errors import GoodsError
from goods.core.kept import Kept
from goods.models.text import own_vectors
from goods.models.text.navec_model import NavecModel
from goods.models.text.navec_network import NavecNetwork


def vectors_of(*fields: list[str], width: int = 8) -> WordVectors:
    """Of texts, field by field."""
    words = sorted({word for field in fields for text in field for word in text.split()})
    rows = [[[words.index(word) for word in text.split()] for text in field] for field in fields]
    return word_vectors_of([Ragged.of(field) for field in rows], words, width)


def cosine(found: WordVectors, a: str, b: str) -> float:
    first, second = found.table[found.rows([a, b])]
    return float(first @ second / np.linalg.norm(first) / np.linalg.norm(second))


@pytest.mark.parametrize(("title", "shop"), [("cup red tall", "big tin can"), ("cup red", "big")])
def test_words_at_the_ends_of_two_fields_are_no_neighbours_nor_too_few(title, shop):
    """Neither of a single card."""
    joined, apart = vectors_of([title], [shop]), vectors_of([title, ""], ["", shop])
    assert joined.shapes == apart.shapes and np.array_equal(joined.table, apart.table)


DAIRY = [
    f"{kind} {maker} {n} мл"
    for kind in ("кефир", "ряженка")
    for maker in ("луг", "ферма")
    for n in (500, 930)
]
STEEL = [
    f"{kind} {maker} {n} см" for kind in ("нож", "вилка") for maker in ("сталь", "клинок") for n in (12, 30)
]


def test_words_in_like_company_are_near_without_ever_meeting():
    found = vectors_of(DAIRY + STEEL)
    assert cosine(found, "кефир", "ряженка") > 0.9 > 0.3 > cosine(found, "кефир", "вилка")


def test_numbers_of_as_many_digits_are_one_word_and_unknown_words_get_zeros():
    found = vectors_of(DAIRY + STEEL)
    assert len(set(found.rows(["500", "930", "117"]))) == 1 and found.rows(["500"])[0] > 0
    assert found.rows(["12"])[0] != found.rows(["500"])[0]
    assert found.rows(["сковорода", "5000"]).tolist() == [0, 0] and not found.table[0].any()


def test_company_ends_with_the_text_and_the_field():
    apart = vectors_of(["кефир луг", "нож сталь"], ["ферма", "клинок"])
    assert not apart.table[apart.rows(["ферма", "клинок"])].any()  # each alone in its text
    assert cosine(apart, "кефир", "нож") == pytest.approx(0, abs=1e-3)


def test_vectors_are_as_long_as_each_other_whatever_there_are_of_words():
    few = vectors_of(["кефир луг"], width=8)
    assert few.table.shape == (3, 8) and np.isfinite(few.table).all()
    many = vectors_of(DAIRY + STEEL)
    np.testing.assert_allclose(np.linalg.norm(many.table[1:], axis=1), cooccurrence.LENGTH, rtol=1e-2)
    none = vectors_of(["", ""])
    assert not none.table.any() and none.rows(["кефир"]).tolist() == [0]


def test_the_most_frequent_words_alone_have_vectors(monkeypatch):
    monkeypatch.setattr(cooccurrence, "MOST_WORDS", 3)
    found = vectors_of(DAIRY)
    assert sorted(found.shapes) == sorted({"000", "мл", "кефир"}) and found.table[1:].any(1).all()


@pytest.mark.parametrize("block", [1, 7])
def test_pairs_are_counted_alike_block_by_block_and_on_any_number_of_threads(monkeypatch, block):
    with threadpool_limits(1):
        whole = vectors_of(DAIRY, STEEL)
    monkeypatch.setattr(cooccurrence, "BLOCK", block)
    with threadpool_limits(2):
        again = vectors_of(DAIRY, STEEL)
    assert whole.shapes == again.shapes
    np.testing.assert_array_equal(whole.table, again.table)


def test_they_come_back_from_disk(tmp_path):
    found = vectors_of(DAIRY + STEEL)
    found.save(tmp_path / "vectors.npz")
    again = WordVectors.load(tmp_path / "vectors.npz")
    assert again.shapes == found.shapes and again.key == found.key
    np.testing.assert_array_equal(again.table, found.table)


def test_a_network_with_own_vectors_learns_and_answers_alike_without_the_cache(tmp_path):
    context = toy_context(tmp_path)
    train, valid, test = toy_cards(160, 0), toy_cards(32, 1), toy_cards(40, 2).assign(target=-1)
    model = NavecModel(navec_config(own_vectors=12), context)
    model.warm(pd.concat([train, valid, test]))
    model = NavecModel(model.config, context)  # as in the job of a fold
    model.fit(train, valid)
    assert accuracy(model, toy_cards(40, 2)) > 0.95
    model.save(tmp_path / "saved")
    again = NavecModel(model.config, replace(context, cache=None, kept=Kept()))
    again.load(tmp_path / "saved")
    without = NavecModel(navec_config(), again.context)
    without.fit(train, valid)  # shares what is kept, not the rows of vectors that it lacks
    assert without.predict(test).shape == (40, 4)
    np.testing.assert_array_equal(again.predict(test), model.predict(test))


def test_a_loaded_network_reads_cards_once_for_answers_and_neighbours(tmp_path, monkeypatch):
    context, cards, read = toy_context(tmp_path), toy_cards(40, 2), []
    model = NavecModel(navec_config(), context)
    model.fit(toy_cards(160, 0), toy_cards(32, 1))
    model.save(tmp_path / "saved")
    plain = NavecNetwork.embed
    monkeypatch.setattr(NavecNetwork, "embed", lambda self, batch: read.append(1) or plain(self, batch))
    kept = Kept()
    first, second = (NavecModel(model.config, replace(context, cache=None, kept=kept)) for _ in range(2))
    for loaded in (first, second):
        loaded.load(tmp_path / "saved")
    said, vectors = first.predict(cards), second.embed(cards)
    assert len(read) == 1
    np.testing.assert_array_equal(said, model.predict(cards))
    np.testing.assert_array_equal(vectors, model.embed(cards))
    np.testing.assert_array_equal(second.predict(cards[:9]), model.predict(cards[:9]))


def test_the_vectors_of_a_word_that_only_test_cards_have_are_used(tmp_path):
    train, test = toy_cards(80, 0), toy_cards(8, 1).assign(title="творожок милка", target=-1)
    model = NavecModel(navec_config(own_vectors=12), toy_context(tmp_path))
    model.warm(pd.concat([train, test]))
    model.fit(train, None)
    said = model.predict(test)
    number = model.own.rows(["творожок"])[0]
    assert model.own.table[number].any()
    model.own.table[number] *= -1
    assert not np.array_equal(model.predict(test), said)


def test_they_are_learned_once_and_again_where_texts_are_others_or_files_are_damaged(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(
        own_vectors, "word_vectors_of", lambda *given: made.append(given) or word_vectors_of(*given)
    )
    context, config = toy_context(tmp_path), navec_config(own_vectors=4)
    for cards in (toy_cards(), toy_cards().assign(target=-1), toy_cards(seed=5)):
        NavecModel(config, context).warm(cards)
    assert len(made) == 2  # labels are not looked at
    NavecModel(navec_config(own_vectors=4, width=8), context).warm(toy_cards(seed=5))
    assert len(made) == 2  # of other networks they are the same
    own_vectors.own_folder(config, context).joinpath(own_vectors.FILE).write_bytes(b"broken")
    NavecModel(config, context).warm(toy_cards(seed=5))
    assert len(made) == 3


def test_without_vectors_a_fit_says_what_to_do(tmp_path):
    with pytest.raises(GoodsError, match=r"own_vectors .* call warm with the texts of all cards"):
        NavecModel(navec_config(own_vectors=4), toy_context(tmp_path)).fit(toy_cards(), None)
