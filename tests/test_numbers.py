"""What the numbers of a card say for a class."""

import numpy as np
import pandas as pd
import pytest
from stacks import everything

from goods.cards.number_terms import numbers
from goods.stack.candidates import lead, ranks
from goods.stack.numbers import PRIOR_CARDS, Numbers


@pytest.fixture(autouse=True)
def few_cards(monkeypatch):
    monkeypatch.setattr("goods.cards.number_terms.RARE_NUMBERS", 2)


def test_numbers_are_read_from_attributes():
    assert numbers("Вес: 12,5 г; Белки: 3; Белки: 9; Цвет: белый") == {"вес": 12.5, "белки": 3.0}
    assert numbers("Артикул: 1.2.3; Дата: 01.02.2024") == {}
    assert numbers("Состав: белок: 7; Номер: " + "9" * 400) == {"белок": 7.0}
    assert numbers("слово " * 50_000 + "без конца") == {}  # one pass, however long


def shop(n=48):
    """Cheese and curd of one name, told apart by fat and protein together: one has much of both or little of both."""
    target = np.arange(n) % 2
    fat = np.arange(n) // 2 % 2
    protein = np.where(target == 0, fat, 1 - fat)
    titles = pd.Series(["Творог домашний"] * n)
    attributes = [f"Жиры: {1 + 20 * f}; Белки: {2 + 30 * p}" for f, p in zip(fat, protein, strict=True)]
    return titles, pd.Series(attributes), target, np.arange(n) // 4 % 3


def test_two_numbers_together_say_what_neither_says_alone():
    titles, attributes, target, fold = shop()
    made = Numbers(titles, attributes, target, fold, 2)
    said = made.features(titles, attributes, fold, everything(len(titles), 2)).reshape(-1, 2)
    own, other = said[np.arange(len(target)), target], said[np.arange(len(target)), 1 - target]
    assert (own > other).all()
    alone = Numbers(titles, attributes.str.split(";").str[0], target, fold, 2)
    said = alone.features(titles, attributes, fold, everything(len(titles), 2)).reshape(-1, 2)
    assert said[:, 0] == pytest.approx(said[:, 1], abs=1e-5)


def test_the_ratio_is_that_of_shares_with_pseudo_cards_and_leaves_the_own_fold_out():
    titles = pd.Series(["Пиво 5%", "Пиво 5%", "Пиво 0,5%", "Квас 0,5%", "Квас", "Квас 5%"])
    nothing, target, fold = pd.Series([""] * 6), np.array([0, 0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 1, 1])
    made = Numbers(titles, nothing, target, fold, 2)
    said = made.features(titles, nothing, fold, everything(6, 2)).reshape(6, 2)
    # outside the fold of card 0, one of two cards of class 0 and one of three of class 1 have 5 %: two of five
    assert said[0, 0] == pytest.approx(np.log((1 + PRIOR_CARDS * 0.4) / (2 + PRIOR_CARDS) / 0.4), rel=1e-5)
    assert said[0, 1] == pytest.approx(np.log((1 + PRIOR_CARDS * 0.4) / (3 + PRIOR_CARDS) / 0.4), rel=1e-5)
    assert (said[4] == 0).all()  # no number


def test_labels_of_a_card_s_own_fold_reach_none_of_its_features():
    titles, attributes, target, fold = shop()
    table = everything(len(titles), 2)
    changed = np.where(fold == 1, 1 - target, target)
    before, after = (
        Numbers(titles, attributes, y, fold, 2).features(titles, attributes, fold, table)
        for y in (target, changed)
    )
    own = fold[table.card] == 1
    assert (before[own] == after[own]).all()
    assert (before[~own] != after[~own]).any()  # the others do see them


def test_new_cards_are_told_by_all_folds_and_each_by_itself():
    titles, attributes, target, fold = shop()
    made = Numbers(titles, attributes, target, fold, 2)
    asked = (
        pd.Series(["Творог", "", "Сыр 200%"]),
        pd.Series(["Жиры: 1; Белки: 2", "", "Соль: 7; Жиры: 1e400"]),
    )
    together = made.features(*asked, None, everything(3, 2)).reshape(3, 2)
    assert together[0, 0] > together[0, 1]
    assert (together[1] == 0).all() and np.isfinite(together).all()
    for i in range(3):
        alone = made.features(*(column[[i]] for column in asked), None, everything(1, 2))
        assert (alone == together[i]).all()


def test_without_any_number_nothing_is_said():
    titles, target, fold = pd.Series(["нож", "ложка"]), np.array([0, 1]), np.array([0, 1])
    made = Numbers(titles, pd.Series(["", ""]), target, fold, 2)
    assert (made.features(titles, pd.Series(["", ""]), fold, everything(2, 2)) == 0).all()


def test_the_lead_is_over_the_strongest_other_candidate():
    table = everything(2, 3)
    proba, value = np.array([0.5, 0.3, 0.2, 0.1, 0.1, 0.8]), np.array([1.0, 4.0, 2.0, 3.0, 5.0, 9.0])
    assert lead(table, value, ranks(table, proba)).tolist() == [-3, 3, 1, -6, -4, 6]
    assert lead(everything(1, 1), np.ones(1), np.zeros(1, int)).tolist() == [0]
