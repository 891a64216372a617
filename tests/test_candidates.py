import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics.pairwise import cosine_similarity
from stacks import LABELS, ONE, TWO, everything, pairs, predictions

from goods.stack.candidates import (
    FLOOR,
    best_two,
    choose_depth,
    first_choice,
    make_candidates,
    normalise_by_card,
    ranks,
    recall,
    recall_by_source,
    softmax_by_card,
)
from goods.stack.categories import CategoryNames
from goods.stack.counts import KeyCounts
from goods.stack.neighbours import Neighbours, TitleNeighbours, largest


def test_candidates_are_the_union_with_each_model_s_probability():
    table = make_candidates([ONE, TWO], n_classes=4, min_proba=0)
    assert pairs(table) == [(0, 0), (0, 1), (1, 0), (1, 2), (1, 3)]
    # what a model has not kept gets an equal share of what is left over: 0.1 over two classes, at most its last
    expected = [[0.9, 0.3], [0.1, 0.6], [0.4, 0.05], [0.5, 0.8], [0.05, 0.1]]
    assert np.allclose(np.exp(table.log_proba), expected, rtol=1e-5)
    assert table.rank.tolist() == [0, 0, 1, 0, 1]
    assert recall(table, np.array([1, 1])) == 0.5
    assert ranks(table, np.exp(table.log_proba[:, 0])).tolist() == [0, 1, 1, 0, 2]


def test_entries_are_each_once_and_say_who_names_them():
    rng = np.random.default_rng(0)
    models = [predictions(np.argsort(rng.random((60, 9)))[:, :4], np.full((60, 4), 0.25)) for _ in range(2)]
    card, cls = np.sort(rng.integers(0, 60, 90)), rng.integers(0, 9, 90)
    table = make_candidates(models, 9, 0, {"shop": (card, cls), "title": (card[:0], cls[:0])})
    keys = [np.arange(60)[:, None] * 9 + m.classes for m in models]
    wanted = np.unique(np.concatenate([*(k.ravel() for k in keys), card * 9 + cls]))
    assert (table.card * 9 + table.cls == wanted).all()
    assert (table.named["shop"] == np.isin(wanted, card * 9 + cls)).all()
    assert not table.named["title"].any()


def test_what_is_left_over_never_exceeds_the_last_class_kept_nor_falls_below_the_floor():
    one, sure = predictions([[0, 1]], [[0.5, 0.01]]), predictions([[2, 0]], [[1.0, 0.0]])
    table = make_candidates([one, sure], n_classes=4, min_proba=0)
    assert np.allclose(np.exp(table.log_proba[:, 0]), [0.5, 0.01, 0.01])
    assert np.allclose(np.exp(table.log_proba[:, 1]), [FLOOR, FLOOR, 1.0])


def test_weak_candidates_go_but_every_first_choice_and_every_named_class_stays():
    table = make_candidates([ONE, TWO], n_classes=4, min_proba=0.9)
    assert pairs(table) == [(0, 0), (0, 1), (1, 2)]
    best, second = best_two(table, np.array([0.6, 0.3, 0.7]), np.array([0, 1, 0]))
    assert best.tolist() == [0.6, 0.6, 0.7]
    assert np.allclose(second, [0.3, 0.3, FLOOR])
    named = {"shop": (np.array([1]), np.array([3]))}
    table = make_candidates([ONE, TWO], n_classes=4, min_proba=0.9, sources=named)
    assert pairs(table) == [(0, 0), (0, 1), (1, 2), (1, 3)]
    assert table.named["shop"].tolist() == [False, False, False, True]
    assert table.named["models"].tolist() == [True] * 4


def test_blocks_of_cards_make_the_same_table(monkeypatch):
    rng = np.random.default_rng(0)
    models = []
    for _ in range(2):
        proba = np.sort(rng.dirichlet(np.ones(4), 7), axis=1)[:, ::-1]
        models.append(predictions(np.stack([rng.permutation(9)[:4] for _ in range(7)]), proba))
    named = {"shop": (np.array([0, 3, 6]), np.array([8, 8, 8]))}
    whole = make_candidates(models, 9, 0.05, named)
    monkeypatch.setattr("goods.stack.candidates.BLOCK", 3)
    blocks = make_candidates(models, 9, 0.05, named)
    assert pairs(blocks) == pairs(whole)
    assert np.array_equal(blocks.log_proba, whole.log_proba)
    assert np.array_equal(blocks.named["shop"], whole.named["shop"])


def test_depth_keeps_what_a_score_can_show_and_what_other_sources_name():
    n = 1000
    # the class is first for 600 cards, second for 300, sixth for 99, beyond for one
    rank = np.repeat([0, 1, 5], [600, 300, 100])
    classes = np.tile(np.arange(8), (n, 1))
    target = rank.copy()
    target[-1] = 7
    table = make_candidates([predictions(classes, np.tile(np.arange(8, 0, -1) / 36, (n, 1)))], 8, 0)
    assert choose_depth(table, target) == 8  # 0.001 lost; a quarter of the standard error of 0.6 is 0.0039
    assert table.within(2).sum() == 2 * n
    by_source = recall_by_source(table, target)
    assert by_source["models@2"] == {"recall": 0.9, "per_card": 2.0}
    assert by_source["models@5"]["recall"] == 0.9
    assert by_source["all"]["recall"] == 1.0
    named = {"shop": (np.arange(900, 999), np.full(99, 5))}
    with_shop = make_candidates([predictions(classes, np.full((n, 8), 1 / 8))], 8, 0, named)
    assert choose_depth(with_shop, target) == 2


def test_first_choice_takes_the_lower_of_equal_classes_and_marks_cards_without_entries():
    table = make_candidates([ONE, TWO], 4, 0).take(np.array([2, 3, 4]))
    assert first_choice(table, np.array([0.2, 0.5, 0.5])).tolist() == [-1, 2]


@settings(max_examples=30)
@given(st.lists(st.floats(-30, 30), min_size=5, max_size=5))
def test_probabilities_sum_to_one_per_card(scores):
    table = make_candidates([ONE, TWO], 4, 0)
    for proba in (
        softmax_by_card(table, np.array(scores)),
        normalise_by_card(table, np.exp(np.array(scores))),
    ):
        assert np.allclose(np.bincount(table.card, weights=proba), 1)


def test_class_given_shop_never_counts_a_card_s_own_fold():
    shops = pd.Series(["a", "a", "a", "b", "b", "b"])
    target, fold = np.array([0, 0, 1, 1, 1, 0]), np.array([0, 1, 0, 1, 0, 1])
    table = everything(6, 2)
    before = KeyCounts(shops, target, fold, 2).features(shops, fold, table)
    changed = target.copy()
    changed[fold == 0] = 1 - changed[fold == 0]
    after = KeyCounts(shops, changed, fold, 2).features(shops, fold, table)
    own = fold[table.card] == 0
    assert np.array_equal(before[own], after[own])
    assert not np.array_equal(before[~own], after[~own])
    # card 0 (shop a, fold 0): the other folds hold one card of shop a, of class 0; 2 of 3 cards are of class 0
    prior = (2 + 0.5) / (3 + 1)
    assert before[0, 0] == pytest.approx(np.log((1 + 5 * prior) / (1 + 5)))
    assert before[0, 1] == pytest.approx(np.log(2))


def test_new_cards_count_all_train_cards_and_unknown_shops_fall_back_to_the_prior():
    shops, target, fold = pd.Series(["a", "a", "b"]), np.array([0, 0, 1]), np.array([0, 1, 0])
    features = KeyCounts(shops, target, fold, 2).features(pd.Series(["a", "new"]), None, everything(2, 2))
    assert features[0, 1] == pytest.approx(np.log(3))
    assert features[2, 0] == pytest.approx(np.log((2 + 0.5) / (3 + 1)))


def test_a_shop_names_its_most_frequent_classes_out_of_fold():
    shops = pd.Series(["a"] * 6 + ["b"])
    target, fold = np.array([0, 0, 1, 1, 1, 2, 3]), np.array([0, 0, 0, 1, 1, 1, 0])
    counts = KeyCounts(shops, target, fold, 4)
    card, cls = counts.named(pd.Series(["a", "b", "none"]), None, 2)
    assert list(zip(card.tolist(), cls.tolist(), strict=True)) == [(0, 1), (0, 0), (1, 3)]
    # a card of fold 0: fold 1 holds 1, 1, 2; the one card of shop b is in fold 0 itself
    card, cls = counts.named(pd.Series(["a", "b"]), np.array([0, 0]), 2)
    assert list(zip(card.tolist(), cls.tolist(), strict=True)) == [(0, 1), (0, 2)]


def test_a_shop_names_the_own_class_of_a_card_no_oftener_than_chance():
    rng = np.random.default_rng(0)
    n, n_classes, most = 20_000, 40, 3
    target, fold = rng.integers(0, n_classes, n), rng.integers(0, 5, n)
    shops = pd.Series(rng.integers(0, n // 40, n).astype(str))
    card, cls = KeyCounts(shops, target, fold, n_classes).named(shops, fold, most)
    hits = (cls == target[card]).mean()
    assert hits == pytest.approx(1 / n_classes, abs=0.002)  # random labels: three standard errors


def test_an_empty_shop_names_nothing():
    counts = KeyCounts(pd.Series(["", "", "a"]), np.array([0, 1, 2]), np.array([0, 1, 0]), 3)
    card, cls = counts.named(pd.Series(["", "a"]), None, 2)
    assert list(zip(card.tolist(), cls.tolist(), strict=True)) == [(1, 2)]


TITLES = pd.Series(["red cotton shirt", "blue cotton shirt", "steel knife", "steel kitchen knife", "", "!!"])


def test_similar_titles_are_those_of_the_cosine_and_never_of_the_own_fold():
    target, fold = np.array([0, 1, 2, 3, 4, 5]), np.array([0, 1, 0, 1, 0, 1])
    tfidf = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b")
    cosine = cosine_similarity(tfidf.fit_transform(TITLES))
    near = TitleNeighbours(TITLES, target, fold).find(TITLES, fold, k=3)
    # of "red cotton shirt" the other fold knows "cotton", "shirt" and both together, but nothing with "red"
    vectors = tfidf.transform(TITLES).toarray()
    known = np.where((vectors[[1, 3, 5]] > 0).any(0), vectors[0], 0)
    by_hand = known @ vectors[1] / np.linalg.norm(known)
    assert near.similarity[0, 0] == pytest.approx(by_hand, rel=1e-5)
    assert by_hand > cosine[0, 1] + 0.1
    assert near.cls[0, 0] == 1
    assert near.cls[2, 0] == 3
    assert near.similarity[4].tolist() == [0, 0, 0]  # no word, no neighbour
    # of the own fold nothing: card 0 is itself in fold 0, yet its nearest is not at 1
    new = TitleNeighbours(TITLES, target, fold).find(TITLES[:1], None, k=2)
    assert new.similarity[0].tolist() == pytest.approx([1.0, cosine[0, 1]], rel=1e-5)


def test_the_nearest_are_those_of_a_full_sort_ties_to_the_earlier_card():
    rng = np.random.default_rng(0)
    values = np.round(rng.random((40, 60)), 1).astype("f4") * (rng.random((40, 60)) < 0.6)
    for k in (1, 5, 60):
        row, column, value = largest(sparse.csr_matrix(values), k)
        assert (value == values[row, column]).all() and (value > 0).all()
        for i, of_row in enumerate(values):
            best = np.argsort(-of_row, kind="stable")[:k]
            assert set(best[of_row[best] > 0]) <= set(column[row == i])
            least = np.sort(of_row)[-k]
            assert (of_row[column[row == i]] >= least).all()


def test_words_that_too_many_titles_share_are_left_out():
    titles = pd.Series(["sale shirt", "sale knife", "sale cup"])
    near = TitleNeighbours(titles, np.arange(3), np.arange(3), most_cards=2).find(titles, np.arange(3))
    assert (near.similarity == 0).all()
    empty = TitleNeighbours(pd.Series(["", "?"]), np.arange(2), np.arange(2))
    assert (empty.find(titles, None).similarity == 0).all()


def test_neighbours_vote_by_similarity():
    near = Neighbours(np.array([[0.8, 0.4, 0.4], [0.5, 0, 0]], "f4"), np.array([[1, 0, 1], [2, 0, 0]]))
    table = everything(2, 3)
    assert np.allclose(
        near.features(table),
        [[0.25, 0.4, 0.8], [0.75, 0.8, 0.8], [0, 0, 0.8], [0, 0, 0.5], [0, 0, 0.5], [1, 0.5, 0.5]],
    )
    card, cls = near.named(1)
    assert list(zip(card.tolist(), cls.tolist(), strict=True)) == [(0, 1), (1, 2)]


def test_a_category_is_named_by_its_name_alone():
    titles = pd.Series(["Самовар тульский 5 л", "нож", "шуруповёрт"])
    names = CategoryNames(LABELS)
    card, cls = names.named(names.characters(titles), 1)
    assert (0, 0) in set(zip(card.tolist(), cls.tolist(), strict=True))
    assert 2 not in card
    table = everything(3, 3)
    letters, meaning = (
        names.features(titles, names.characters(titles), table).reshape(3, 3, 2).transpose(2, 0, 1)
    )
    assert letters[0].argmax() == 0
    assert meaning[1].argmax() == 1  # "нож" and "ножи": near in Navec, hardly in characters
    assert (letters[2] < 0.1).all()
    other = pd.Series(["", "12", "shirt"])
    assert (names.features(other, names.characters(other), table) >= 0).all()


def test_characters_are_those_of_scikit_learn():
    titles = pd.Series(["Самовар  тульский 5 л", "", "а", "Нож нож\u00a0ножи", "НОЖ", "ΑΣ σας İx"])
    names = CategoryNames(LABELS)
    made, wanted = names.characters(titles), names.tfidf.transform(titles.str.lower())
    assert wanted.nnz
    for part in ("indptr", "indices", "data"):
        assert (getattr(made, part) == getattr(wanted, part)).all()


def test_ranks_are_by_value_and_ties_by_class():
    rng = np.random.default_rng(0)
    table = everything(50, 9)
    value = rng.integers(0, 4, len(table.card)) / 3
    order = np.lexsort((table.cls, -value, table.card))
    wanted = np.empty(len(order), int)
    wanted[order] = np.tile(np.arange(9), 50)
    assert (ranks(table, value) == wanted).all()
