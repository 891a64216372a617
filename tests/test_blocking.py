"""Blocking: which pairs are candidates, that they are valid, the same every time, and how much truth they hold."""

from __future__ import annotations

from itertools import combinations as every_two

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from goods.core.errors import GoodsError
from goods.demo.offers import offers
from goods.matching.blocking import LISTS, BlockingConfig, block
from goods.matching.candidates import COMBINED, NEIGHBOUR, TOKEN, CandidatePairs, recall
from goods.matching.index import build_index
from goods.matching.neighbours import TitleEncoder, copies, nearest
from goods.matching.sharing import combinations, shared
from goods.matching.spelling import keys, plain

TOKENS_ONLY = {"neighbours": 0, "combined": 0}
NEIGHBOURS_ONLY = {"max_frequency": 0}


def config(**changes) -> BlockingConfig:
    return BlockingConfig.model_validate({"dimensions": 64, "threads": 1, **changes})


def cards_of(titles: list[str | None]) -> pd.DataFrame:
    return pd.DataFrame({"product_id": np.arange(len(titles)) + 500, "title": titles})


def pairs_of(found: CandidatePairs) -> set[tuple[int, int]]:
    return set(zip(found.left.tolist(), found.right.tolist(), strict=True))


@pytest.fixture(scope="module")
def catalogue() -> pd.DataFrame:
    cards = offers(3000, seed=11)
    return pd.DataFrame({"product_id": cards.variantid, "title": cards.name, "identity": cards["product"]})


@pytest.fixture(scope="module")
def found(catalogue: pd.DataFrame) -> CandidatePairs:
    return block(catalogue, config(dimensions=256), identity=catalogue.identity.to_numpy())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Чехол RX-450 64ГБ", "чехол rx450, 64 гб"),
        ("Самсунг Галакси А52", "SAMSUNG Galaxy A52"),
        ("чёрный 1,5 л", "Черный 1.5л"),
    ],
)
def test_spellings_of_one_thing_are_the_same(one: str, other: str) -> None:
    assert plain(one) == plain(other)


def test_keys_hold_words_numbers_and_joined_codes_but_no_single_letters() -> None:
    assert keys(plain("Чехол RX-450 1,5 л")) == ["sehol", "rks", "450", "1.5", "rks450"]
    assert keys(plain("!!! — ")) == []


def test_candidates_hold_nearly_all_planted_duplicates_and_few_other_pairs(
    catalogue: pd.DataFrame, found: CandidatePairs
) -> None:
    report = found.report
    assert report["recall"]["total"] > 0.96
    assert report["pairs_per_card"] < 30
    assert report["pairs"] == len(found.left)
    assert report["reduction"] == pytest.approx(1 - len(found.left) / (3000 * 2999 / 2))
    identity = catalogue.identity.to_numpy()
    true = {
        (i, j)
        for _, rows in catalogue.groupby("identity").indices.items()
        for i, j in every_two(sorted(rows), 2)
    }
    assert report["recall"]["true_pairs"] == len(true)
    assert report["recall"]["total"] == pytest.approx(len(true & pairs_of(found)) / len(true))
    by_token = found.source & TOKEN > 0
    hit = identity[found.left[by_token]] == identity[found.right[by_token]]
    assert report["recall"]["tokens"] == pytest.approx(hit.sum() / len(true))


def test_pairs_are_unordered_unique_sorted_and_say_where_they_come_from(found: CandidatePairs) -> None:
    assert (found.left < found.right).all() and found.left.min() >= 0 and found.right.max() < 3000
    code = found.left.astype(np.int64) * 3000 + found.right
    assert (np.diff(code) > 0).all()
    assert set(np.unique(found.source)) == set(range(1, 8))
    assert {str(a.dtype) for a in (found.left, found.right)} == {"int32"}
    assert (found.cosine.dtype, found.source.dtype) == (np.float32, np.uint8)


def test_cosines_are_those_of_the_vectors_and_limits_hold(found: CandidatePairs) -> None:
    products = (found.vectors[found.left] * found.vectors[found.right]).sum(1)
    np.testing.assert_allclose(found.cosine, products, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-5)
    assert found.cosine[found.source == NEIGHBOUR].min() >= 0.4 - 1e-5
    assert found.cosine[found.source == COMBINED].min() >= 0.2
    assert found.cosine[found.source == TOKEN].min() < 0.2


@pytest.mark.parametrize(
    "changes", [{"block_rows": 7}, {"block_rows": 1000}, {"threads": 2, "block_rows": 300}]
)
def test_the_result_does_not_depend_on_block_size_or_threads(catalogue: pd.DataFrame, changes: dict) -> None:
    cards = catalogue.head(600)
    one, other = block(cards, config(block_rows=600)), block(cards, config(**changes))
    for name in ("left", "right", "cosine", "source", "vectors"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes()


def test_the_seed_decides_the_vectors(catalogue: pd.DataFrame) -> None:
    cards = catalogue.head(300)
    assert block(cards, config()).vectors.tobytes() == block(cards, config()).vectors.tobytes()
    assert block(cards, config(seed=1)).vectors.tobytes() != block(cards, config()).vectors.tobytes()


def test_a_shared_word_makes_pairs_up_to_max_frequency_and_none_beyond() -> None:
    titles = [f"altair w{i}q" for i in range(4)] + [f"bellatrix v{i}q" for i in range(5)]
    found = block(cards_of(titles), config(max_frequency=4, **TOKENS_ONLY))
    assert pairs_of(found) == set(every_two(range(4), 2))
    assert (found.source == TOKEN).all()
    assert not len(block(cards_of(titles), config(max_frequency=3, **TOKENS_ONLY)).left)


def test_a_model_code_is_found_however_it_is_written() -> None:
    titles = ["чайник RX-4510", "kettle rx4510 новый", "RX 4510 электрочайник", "чайник RX-4511"]
    fillers = [f"чайник kettle RX {5000 + i}" for i in range(9)]
    found = block(cards_of(titles + fillers), config(max_frequency=3, **TOKENS_ONLY))
    assert pairs_of(found) == {(0, 1), (0, 2), (1, 2)}


def test_two_frequent_words_are_telling_together() -> None:
    brands, kinds = ["altair", "bellatrix", "canopus", "deneb"], ["чайник", "тостер", "миксер", "блендер"]
    titles = [f"{brand} {kind}" for brand in brands for kind in kinds] + ["deneb блендер белый"]
    limits = {"max_frequency": 3, "neighbours": 0, "min_combined": -1}
    assert pairs_of(block(cards_of(titles), config(combined=2, **limits))) == {(15, 16)}
    assert not len(block(cards_of(titles), config(combined=0, **limits)).left)


def test_the_rarest_words_are_combined() -> None:
    rows = np.repeat(np.arange(6), 3)
    tokens = np.array([[1, 2, 3]] * 3 + [[1, 2, 4]] + [[1, 5, 4]] * 2, np.uint64).ravel()
    found, combined = combinations(rows, tokens, most=1, width=2)
    assert found.tolist() == [0, 1, 2, 3, 4, 5]
    assert len(set(combined.tolist())) == 3  # 3&2 of the first three, 4&2, 5&4
    left, right = shared(found, combined, most=3)
    assert set(zip(left.tolist(), right.tolist(), strict=True)) == {(0, 1), (0, 2), (1, 2), (4, 5)}


def test_attributes_add_tokens() -> None:
    cards = cards_of(["чайник", "электрический прибор", "миска"])
    cards["attributes"] = ["Партномер: ZX-90417", '{"Партномер": ["zx90417"]}', None]
    assert pairs_of(block(cards, config(**TOKENS_ONLY, max_frequency=2))) == {(0, 1)}
    assert not len(block(cards.drop(columns="attributes"), config(**TOKENS_ONLY)).left)


def test_empty_titles_are_in_no_pair() -> None:
    titles = ["", None, "   ", "!!!", "чайник красный", "чайник красный"]
    found = block(cards_of(titles), config(min_similarity=0.01))
    assert pairs_of(found) == {(4, 5)}
    assert not found.vectors[:4].any()
    assert not len(block(cards_of(["", None]), config()).left)


def test_identical_titles_are_pairs_even_where_more_copies_exist_than_neighbours() -> None:
    found = block(cards_of(["чехол для телефона"] * 40), config(neighbours=3, **NEIGHBOURS_ONLY))
    assert len(found.left) >= 40 * 3 / 2 and found.cosine.min() > 0.999
    assert set(found.left.tolist()) | set(found.right.tolist()) == set(range(40))
    rows = np.arange(40)
    left, _ = nearest(build_index(found.vectors, rows, None), found.vectors, rows, 3, 0.5)
    assert len(left) == 40 * 3


def test_many_copies_hide_no_other_neighbour() -> None:
    titles = ["чехол для телефона синий"] * 20 + ["чехол для телефона"] + ["миска", "миска"]
    found = block(cards_of(titles), config(neighbours=3, **NEIGHBOURS_ONLY))
    pairs = pairs_of(found)
    assert (0, 20) in pairs and (21, 22) in pairs
    assert len([pair for pair in pairs if max(pair) < 20]) == 40  # each with two after it and two before it


def test_copies_are_paired_with_those_of_like_attributes() -> None:
    cards = cards_of(["чехол"] * 20)
    cards["attributes"] = ["цвет: синий", "цвет: белый"] * 10
    found = block(cards, config(neighbours=2, **NEIGHBOURS_ONLY))
    same = (found.left % 2) == (found.right % 2)
    assert len(found.left) == 20 and same.sum() == 18  # a ring of two halves


def test_copies_are_equal_vectors_but_no_zeros() -> None:
    vectors = np.array([[1, 0], [0, 0], [0, 1], [1, 0], [0, 0], [0, 1], [1, 0], [0, 0]], np.float32)
    assert sorted(rows.tolist() for rows in copies(vectors, 1)) == [[0, 3, 6], [2, 5]]
    assert [rows.tolist() for rows in copies(vectors, 2)] == [[0, 3, 6]]
    assert copies(vectors, 3) == []


def test_given_embeddings_replace_the_title_vectors() -> None:
    cards = cards_of(["чайник", "тостер", "миксер", "фен"])
    embeddings = np.array([[1, 0], [0, 2], [3, 0.1], [np.nan, 0]], np.float64)
    found = block(cards, config(neighbours=1, **NEIGHBOURS_ONLY), embeddings)
    assert pairs_of(found) == {(0, 2)}
    assert found.vectors.shape == (4, 2) and found.cosine[0] == pytest.approx(3 / np.hypot(3, 0.1), abs=1e-6)
    with pytest.raises(GoodsError, match=r"expected \(4, d\)"):
        block(cards, config(), embeddings[:3])


def test_duplicate_ids_and_missing_columns_are_refused() -> None:
    cards = pd.DataFrame({"product_id": [1, 2, 2], "title": ["a", "b", "c"]})
    with pytest.raises(GoodsError, match="product_id 2 occurs more than once"):
        block(cards, config())
    with pytest.raises(GoodsError, match="column 'title' is missing"):
        block(cards[["product_id"]].head(2), config())
    with pytest.raises(GoodsError, match="there are none"):
        block(cards.head(0), config())


def test_inverted_lists_find_most_of_what_exact_search_finds(catalogue: pd.DataFrame) -> None:
    titles = [plain(title) for title in catalogue.title]
    vectors = TitleEncoder(titles, 64, seed=0).encode(titles)
    rows = np.arange(len(vectors))

    def pairs(exact: bool) -> set[tuple[int, int]]:
        index = build_index(vectors, rows, None if exact else LISTS, 64, 0)
        return set(zip(*nearest(index, vectors, rows, 5, 0.5), strict=True))

    exact, listed = pairs(True), pairs(False)
    assert all(0 <= left < right < 3000 for left, right in listed)
    assert len(exact & listed) > 0.8 * len(exact)
    assert listed == pairs(False)


def test_a_catalogue_of_few_cards_has_as_many_lists() -> None:
    found = block(cards_of(["чайник красный"] * 2 + ["миска"]), config(exact_up_to=0, **NEIGHBOURS_ONLY))
    assert pairs_of(found) == {(0, 1)}


def test_recall_leaves_unknown_identities_out() -> None:
    left, right, source = np.array([0, 2, 4]), np.array([1, 3, 5]), np.array([1, 2, 4], np.uint8)
    identity = np.array(["a", "a", None, None, "b", "c"], object)
    scored = recall(left, right, source, identity)
    assert scored == {"true_pairs": 1, "total": 1.0, "neighbours": 1.0, "tokens": 0.0, "combined": 0.0}
    assert recall(left, right, source, np.arange(6))["total"] == 0


words = st.sampled_from(
    ["чайник", "RX-450", "rx 450", "Altair", "альтаир", "64гб", "64 GB", "", "!!", "красный"]
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.lists(words, max_size=4), min_size=1, max_size=14),
    st.integers(0, 4),
    st.integers(0, 6),
    st.integers(0, 3),
)
def test_pairs_of_any_catalogue_are_valid(
    rows: list[list[str]], neighbours: int, most: int, combined: int
) -> None:
    titles = [" ".join(row) for row in rows]
    limits = {"neighbours": neighbours, "max_frequency": most, "combined": combined, "dimensions": 16}
    found = block(cards_of(titles), config(**limits))
    pairs = pairs_of(found)
    assert len(pairs) == len(found.left) == len(found.cosine) == len(found.source)
    texts = [set(keys(plain(title))) for title in titles]
    assert all(0 <= a < b < len(titles) and texts[a] and texts[b] for a, b in pairs)
    counts = pd.Series([key for text in texts for key in text]).value_counts()
    expected = {
        (a, b)
        for a, b in every_two(range(len(titles)), 2)
        if any(counts[key] <= most for key in texts[a] & texts[b])
    }
    assert expected == {
        p
        for p, bits in zip(
            zip(found.left.tolist(), found.right.tolist(), strict=True), found.source, strict=True
        )
        if bits & TOKEN
    }
