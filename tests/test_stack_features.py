"""What the booster of a stack is told of a candidate."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from stacks import LABELS, ONE, TWO, everything

from goods.cards.labels import Labels
from goods.stack.candidates import make_candidates
from goods.stack.features import FEATURES, CandidateFeatures
from goods.stack.idorder import IdNeighbours


def cards(n=40):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "product_id": np.arange(n) + 100,
            "title": [f"вещь {'abc'[i % 3]} номер{i % 5}" for i in range(n)],
            "description": "",
            "attributes": [f"Вес: {1 + i % 3}" for i in range(n)],
            "shop": [f"s{i % 4}" for i in range(n)],
            "sale": False,
            "image": None,
            "target": (np.arange(n) % 3).astype(np.int32),
            "noise": rng.random(n),
        }
    )


def made(train, fold, table):
    maker = CandidateFeatures(train, fold, LABELS, ["one"])
    found = maker.read(train, fold)
    return maker.make(train, fold, table, found), maker.sources(train, fold, found)


def test_no_feature_and_no_source_of_a_card_knows_its_own_fold_s_classes(monkeypatch):
    monkeypatch.setattr("goods.cards.number_terms.RARE_NUMBERS", 2)
    train = cards()
    fold, table = np.arange(len(train)) % 4, everything(len(train), 3)
    changed = train.assign(target=np.where(fold == 1, (train.target + 1) % 3, train.target))
    (before, named), (after, renamed) = made(train, fold, table), made(changed, fold, table)
    own = fold[table.card] == 1
    pd.testing.assert_frame_equal(before[own], after[own])
    assert not before[~own].equals(after[~own])  # the test can fail: other folds do see them
    for source in named:
        here = [np.stack(x)[:, fold[x[0]] == 1] for x in (named[source], renamed[source])]
        assert np.array_equal(*here)


def test_numbers_and_categories_beside_the_text_become_features_and_know_no_class_of_their_own_fold():
    colours = [("red", "blue", "")[i % 3] for i in range(40)]
    prices = pd.Series([float(i) if i % 2 else np.nan for i in range(40)])
    train = cards().assign(**{"number:price": prices, "category:colour": colours})
    fold, table = np.arange(len(train)) % 4, everything(len(train), 3)
    changed = train.assign(target=np.where(fold == 1, (train.target + 1) % 3, train.target))
    (before, _), (after, _) = made(train, fold, table), made(changed, fold, table)
    assert before["number:price"].equals(prices.astype("float32")[table.card].reset_index(drop=True))
    own = fold[table.card] == 1
    given = "given_category:colour"
    assert before[given][own].equals(after[given][own]) and not before[given][~own].equals(after[given][~own])
    assert before["cards_category:colour"].max() == np.log1p(np.float32(11))


def test_features_do_not_depend_on_product_ids():
    """Ids often follow the order in which a catalogue was written: neighbours in number give the class away."""
    train = cards()
    fold, table = np.arange(len(train)) % 4, everything(len(train), 3)
    shuffled = train.assign(product_id=train.product_id.sample(frac=1, random_state=0).to_numpy())
    pd.testing.assert_frame_equal(made(train, fold, table)[0], made(shuffled, fold, table)[0])


def test_the_order_of_ids_is_looked_at_only_where_asked_and_knows_no_class_of_a_card_s_own_fold():
    train = cards()
    train["target"] = (np.arange(len(train)) // 10).astype(np.int32).clip(0, 2)  # told by the ids
    fold, table = np.arange(len(train)) % 4, everything(len(train), 3)

    def told(cards):
        maker = CandidateFeatures(cards, fold, LABELS, ["one"], id_order=True)
        found = maker.read(cards, fold)
        features = maker.make(cards, fold, table, found)
        return features, maker.sources(cards, fold, found)["near ids"]

    assert not [column for column in made(train, fold, table)[0] if "ids" in column]
    (before, named) = told(train)
    assert (before.near_ids_votes[table.cls == train.target.to_numpy()[table.card]] > 0.4).all()
    changed = train.assign(target=np.where(fold == 1, (train.target + 1) % 3, train.target))
    (after, renamed) = told(changed)
    own = fold[table.card] == 1
    columns = ["near_ids_votes", "near_ids_best"]
    pd.testing.assert_frame_equal(before[columns][own], after[columns][own])
    assert not before[columns][~own].equals(
        after[columns][~own]
    )  # the test can fail: other folds do see them
    here = [np.stack(x)[:, fold[x[0]] == 1] for x in (named, renamed)]
    assert np.array_equal(*here)


def test_neighbours_by_id_are_those_on_either_side_and_never_the_card_itself():
    ids, target = pd.Series([10, 40, 20, 30]), np.array([0, 3, 1, 2])
    near = IdNeighbours(ids, target, np.zeros(4, int)).find(pd.Series([20, 25, 99]), None)
    assert [sorted(near.cls[i][near.similarity[i] > 0].tolist()) for i in range(3)] == [
        [0, 2, 3],
        [0, 1, 2, 3],
        [0, 1, 2, 3],
    ]
    assert near.similarity[2][::2].tolist() == [1, 0.5, pytest.approx(1 / 3), 0.25]
    own = IdNeighbours(ids, target, np.zeros(4, int))
    own.table = pd.Series([10, 20, 25, 30, 40])
    found = own.find(pd.Series([20, 25, 99]), None)
    assert np.array_equal(found.cls[:2], near.cls[:2]) and not found.similarity[2].any()
    texts = IdNeighbours(pd.Series(["b", "a"]), np.array([1, 0]), np.zeros(2, int))
    assert texts.find(pd.Series(["aa"]), None).cls[0][:2].tolist() == [0, 1]


def test_a_feature_is_one_line(monkeypatch):
    monkeypatch.setitem(FEATURES, "title_words", lambda e: e.per_card(e.cards.title.str.split().str.len()))
    monkeypatch.setitem(FEATURES, "{model}_certain", lambda e, model: e.opinions[model].proba > 0.9)
    train = cards()
    features, _ = made(train, np.arange(len(train)) % 4, everything(len(train), 3))
    assert list(features.columns[-2:]) == ["title_words", "one_certain"]
    assert (features.title_words == 3).all()
    assert features.dtypes.unique().tolist() == [np.float32]


def test_families_take_turns_by_member_and_the_columns_stay_in_order():
    train, table = (
        cards(),
        make_candidates([ONE, TWO], 4, 0, {"category name": (np.array([0]), np.array([2]))}),
    )
    four = Labels([*LABELS.ids, 4], [*LABELS.paths, ("Дом", "Ложки")], [*LABELS.nodes, ("10", "4")])
    maker = CandidateFeatures(train, np.arange(len(train)) % 4, four, ["one", "two"])
    few = train[:2]
    features = maker.make(few, None, table, maker.read(few, None))
    of_model = ["log_odds", "rank", "gap", "margin", "entropy"]
    keys = ["any", "shop", "first_word", "first_two", "last_word", "title"]
    assert list(features.columns) == [
        *[f"one_{name}" for name in of_model],
        *[f"two_{name}" for name in of_model],
        *["mean_proba", "max_proba", "min_proba", "first_choices", "level0_first_choices"],
        *[f"{name}_{key}" for key in keys for name in ("given", "cards")],
        *[
            "neighbour_votes",
            "neighbour_best",
            "nearest_title",
            "name_characters",
            "name_meaning",
            "numbers_say",
            "numbers_lead",
        ],
        *["named_by_models", "named_by_category_name", "title_chars", "description_chars", "attribute_chars"],
        *["cyrillic", "has_image", "sale", "candidates"],
    ]
    with_blend = maker.with_blend(features, table, np.exp(table.log_proba).mean(1))
    added = [*[f"blend_{name}" for name in of_model], "level0_mass"]
    assert list(with_blend.columns) == [*features.columns, *added]
    assert features.candidates.tolist() == [3, 3, 3, 3, 3, 3]
    # at level 0 classes 0, 1 and 3 lie below "Дом": of the first card both models' first choices do
    assert features.level0_first_choices[table.card == 0].tolist() == [2, 2, 0]
