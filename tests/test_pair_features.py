"""Features of pairs: hand-worked values, and nothing that depends on the order of the two products."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from goods.matching.attributes import Levels, differing, quantity
from goods.matching.codes import codes
from goods.matching.embeddings import best_of
from goods.matching.features import GROUPS, PairFeatureMaker
from goods.matching.glossary import described
from goods.matching.graph import CandidateGraph
from goods.matching.measures import amounts
from goods.matching.names import leading_words, normal, numbers
from goods.matching.products import Products, Vectors

NAMES = [
    "Смартфон Vekin G-3261 64 ГБ чёрный",
    "vekin g3261 смартфон 64gb black",
    "Смартфон Vekin G-3261 128 ГБ чёрный",
    "Корм для кошек Nukvos 0,4 кг",
    "",
    "Кружка 300 мл",
]
CHARACTERISTICS = [
    {"бренд": ["Vekin"], "память": ["64 ГБ"], "цвет": ["чёрный"]},
    {"бренд": ["Vekin"], "память": ["64 ГБ"]},
    {"бренд": ["Vekin"], "память": ["128 ГБ"], "цвет": ["чёрный"]},
    {"бренд": ["Nukvos"], "вес": ["0.4 кг"]},
    {},
    {"объём": ["300 мл"]},
]
LEVELS = [["EPG", "Электроника", "Смартфоны", "A"]] * 3 + [["EPG", "Зоо", "Корма", "B"]] * 3


def products(order: list[int] | None = None, pairs: pd.DataFrame | None = None) -> Products:
    """Six products; `order` says which id each gets."""
    ids = np.arange(10, 16) if order is None else np.array(order)
    cards = pd.DataFrame(
        {
            "product_id": ids,
            "title": NAMES,
            "attributes": "",
            "colours": [json.dumps(c) for c in (["чёрный"], [], ["чёрный", "серый"], [], [], ["белый"])],
            "levels": [json.dumps(row, ensure_ascii=False) for row in LEVELS],
            "characteristics": [json.dumps(row, ensure_ascii=False) for row in CHARACTERISTICS],
            "price": [100.0, 80.0, 120.0, np.nan, 0.0, 5.0],
        }
    )
    rng = np.random.default_rng(0)
    owner = np.array([0, 0, 1, 2, 2, 2, 5])
    vectors = {
        "pictures": Vectors.of(owner, rng.normal(size=(7, 8)).astype(np.float32), 6),
        "main": Vectors.of(np.array([0, 1, 2, 3]), rng.normal(size=(4, 8)).astype(np.float32), 6),
        "name": Vectors.of(np.arange(6), rng.normal(size=(6, 4)).astype(np.float32), 6),
    }
    pairs = asked(ids) if pairs is None else pairs
    return Products.of(cards, pairs, lambda: vectors)


def asked(ids: np.ndarray) -> pd.DataFrame:
    ends = [(0, 1), (0, 2), (1, 2), (2, 3), (3, 4), (0, 5), (4, 5)]
    left, right = (np.array(side) for side in zip(*ends, strict=True))
    return pd.DataFrame({"product_id": range(len(ends)), "variantid1": ids[left], "variantid2": ids[right]})


def test_features_do_not_depend_on_the_order_of_the_pair():
    pairs = asked(np.arange(10, 16))
    swapped = pairs.rename(columns={"variantid1": "variantid2", "variantid2": "variantid1"})
    found = PairFeatureMaker(products())(pairs)
    pd.testing.assert_frame_equal(found, PairFeatureMaker(products(pairs=swapped))(swapped))
    assert found.shape[1] > 100


def test_features_do_not_depend_on_which_id_is_lower():
    reverse = [15, 14, 13, 12, 11, 10]
    found = PairFeatureMaker(products())(asked(np.arange(10, 16)))
    turned = PairFeatureMaker(products(reverse))(asked(np.array(reverse)))
    pd.testing.assert_frame_equal(found, turned, rtol=1e-4, atol=1e-4)


def test_features_do_not_depend_on_labels_or_other_columns():
    pairs = asked(np.arange(10, 16))
    found = PairFeatureMaker(products())(pairs)
    labelled = PairFeatureMaker(products())(pairs.assign(target=1, category="x"))
    pd.testing.assert_frame_equal(found, labelled)


def test_what_agrees_and_what_differs_is_counted():
    found = PairFeatureMaker(products())(asked(np.arange(10, 16))).iloc
    same, other_size = found[0], found[1]
    assert (same.codes_common, same.codes_disagree, same.amounts_disagree) == (1, 0, 0)
    assert (other_size.codes_common, other_size.amounts_disagree) == (1, 1)
    assert (same.keys_common, same.values_equal, same.values_different) == (2, 2, 0)
    assert (other_size.keys_common, other_size.values_equal, other_size.values_different) == (3, 2, 1)
    assert other_size.values_equal_share == pytest.approx(2 / 3)
    assert (same["key бренд"], other_size["key память"]) == (1, 0) and np.isnan(same["key цвет"])
    assert (other_size.colours_common, other_size.colours_jaccard) == (1, 0.5)
    assert (same.levels_agreed, found[3].levels_agreed) == (4, 1)
    assert same.price_ratio == pytest.approx(0.8) and np.isnan(found[3].price_ratio)


def stated(*rows: dict[str, list[str]], names: tuple[str, ...] = ()) -> pd.DataFrame:
    """Features of the pairs of the first of these products with each of the others."""
    cards = pd.DataFrame(
        {
            "product_id": range(len(rows)),
            "title": names or ["Switch"] * len(rows),
            "characteristics": [json.dumps(row) for row in rows],
        }
    )
    ends = {"variantid1": 0, "variantid2": range(1, len(rows))}
    pairs = pd.DataFrame({"product_id": range(len(rows) - 1)} | ends)
    return PairFeatureMaker(Products.of(cards, pairs), ("attributes",))(pairs)


def test_numbers_among_attributes_are_compared_by_their_size():
    prices = ["$1,000.00"], ["800.00"], ["1250 usd"], ["on request"]
    found = stated(*({"price": price} for price in prices))["ratio price"]
    assert found[:2].tolist() == pytest.approx([0.8, 0.8]) and np.isnan(found[2])
    sizes = stated(*({"memory": [size]} for size in ("1 TB", "500gb", "64")))["ratio memory"]
    assert sizes[0] == pytest.approx(0.5) and np.isnan(sizes[1])


def test_model_numbers_and_words_have_no_size():
    found = stated({"mpn": ["415"], "brand": ["a"]}, {"mpn": ["416"], "brand": ["b"]}, {"mpn": ["417"]})
    assert not [name for name in found if name.startswith("ratio")] and found["key mpn"].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("64 гб", ("bytes", 64_000)),
        ("$1,299.00", ("", 1299)),
        ("49.99 gbp", ("", 49.99)),
        ("1 299,50 ₽", ("", 1299.5)),
        ("dgs-1005g", None),
        ("a187", None),
        ("980000374", None),
        ("windows 7", None),
        ("10 20", None),
        ("", None),
    ],
)
def test_a_value_is_a_number_or_it_is_not(value, read):
    assert quantity(value) == read


def test_an_empty_name_is_like_no_other():
    row = PairFeatureMaker(products())(asked(np.arange(10, 16))).iloc[4]
    assert np.isnan(row.name_levenshtein) and np.isnan(row.words_contained)
    assert (row.words_common, row.tfidf_chars) == (0, 0)


def test_pairs_of_unknown_products_and_of_a_product_with_itself_get_features_too():
    pairs = pd.DataFrame({"product_id": [0, 1], "variantid1": [10, 99], "variantid2": [10, 11]})
    found = PairFeatureMaker(products(pairs=pairs))(pairs)
    assert found.iloc[0].name_levenshtein == 1
    assert found.iloc[1].isna().all()


def test_missing_fields_leave_their_features_out():
    cards = pd.DataFrame({"product_id": [1, 2, 3], "title": NAMES[:3]})
    pairs = pd.DataFrame({"product_id": [0], "variantid1": [1], "variantid2": [3]})
    found = PairFeatureMaker(Products.of(cards, pairs), GROUPS)(pairs)
    assert not [name for name in found if name.startswith(("key", "colours", "main", "price"))]
    assert len(found) == 1


def test_names_are_read():
    assert normal('Ёлка  "GEL-Lyte"@en-US') == 'елка "gel-lyte'
    assert codes("d-link dcs-855l/p 64gb 2590b002 ab 12345") == ["dcs855lp", "2590b002", "12345"]
    assert amounts('64 гб 0,5l 2 x 8gb 15.6" 7 foo') == [
        "pieces 2",
        "bytes 64000",
        "volume 500",
        "bytes 8000",
        "inches 15.6",
    ]
    assert numbers("air max 90 g5 1,5") == ["90", "1.5"]
    assert leading_words([["nike", "air"]] * 5 + [["red", "nike"]]) == {"nike"}


def test_differing_values_are_told_side_by_side():
    one, other = {"a": ["1"], "b": ["x", "y"], "c": ["3"]}, {"a": ["2"], "b": ["Y", "x"], "d": ["4"]}
    assert differing(one, other) == ("a: 1", "a: 2")
    assert differing(other, one) == ("a: 2", "a: 1")


def test_the_best_of_several_vectors_counts():
    vectors = Vectors.of(
        np.array([0, 0, 1, 1, 1]), np.array([[1, 0], [0, 2], [0, 1], [3, 4], [-1, 0]], np.float32), 3
    )
    high, mean, nearest = best_of(vectors, vectors, np.array([0, 0]), np.array([1, 2]))
    assert high[0] == pytest.approx(1.0) and np.isnan(high[1])
    assert mean[0] == pytest.approx((0 + 0.6 - 1 + 1 + 0.8 + 0) / 6)
    assert nearest[0] == pytest.approx((0.6 + 1) / 2)


def test_a_pair_is_compared_with_the_other_pairs_of_its_products():
    candidates = np.array([[0, 1], [0, 2], [1, 2], [2, 3], [0, 1], [3, 3], [-1, 2]])
    likeness = np.array([0.9, 0.5, 0.4, 0.8, 0.9, 1.0, 0.7], np.float32)
    asked = np.array([0, 1, 3, 0]), np.array([1, 2, 3, 3])
    own = np.array([0.9, 0.4, 1.0, 0.45], np.float32)
    found = CandidateGraph.of(candidates, likeness, 4).features(*asked, own)
    assert (found["degree_min"][0], found["degree_max"][1]) == (2, 3)
    # the pair (0, 1): best of both; against 0.5 of (0, 2) and 0.4 of (1, 2)
    assert (found["rank_max"][0], found["neighbours_common"][0]) == (1, 1)
    assert found["margin_min"][0] == pytest.approx(0.4) and found["margin_max"][0] == pytest.approx(0.5)
    # the pair (1, 2): second of 1, third of 2
    assert (found["rank_min"][1], found["rank_max"][1]) == (2, 3)
    assert np.isnan(found["rank_min"][2])
    # the pair (0, 3) is none of the candidates: it stands behind 0.9 and 0.5 of 0, and 0.8 of 3
    assert (found["rank_min"][3], found["rank_max"][3]) == (2, 3)
    assert found["margin_min"][3] == pytest.approx(-0.45) and found["margin_max"][3] == pytest.approx(-0.35)


def test_names_of_any_length_are_compared_in_no_time():
    rng = np.random.default_rng(0)
    long = ["".join(rng.choice(list("abcd efgh1234"), 20_000)) for _ in range(2)]
    cards = pd.DataFrame({"product_id": [1, 2], "title": long})
    pairs = pd.DataFrame({"product_id": [0], "variantid1": [1], "variantid2": [2]})
    found = PairFeatureMaker(Products.of(cards, pairs))(pairs)
    assert found.name_length[0] <= 500


def test_categories_that_are_not_known_neither_agree_nor_differ():
    levels = [["a", "b"], ["a", "b"], ["", ""], ["", ""], ["a", ""]]
    cards = pd.DataFrame({"levels": [json.dumps(row) for row in levels]})
    found = Levels(cards).features(np.array([0, 2, 0, 0]), np.array([1, 3, 2, 4]))["levels_agreed"]
    assert found[0] == 2 and np.isnan(found[1]) and np.isnan(found[2]) and found[3] == 1


def test_without_the_graph_group_no_feature_hears_of_the_candidate_pairs():
    groups = tuple(group for group in GROUPS if group != "graph")
    pair = asked(np.arange(10, 16)).iloc[:1]
    alone = PairFeatureMaker(products(pairs=pair), groups)(pair)
    among = PairFeatureMaker(products(), groups)(pair)
    pd.testing.assert_frame_equal(alone, among)
    assert among.filter(like="catalogue_rank").notna().all(axis=None)
    heard = [PairFeatureMaker(products(pairs=of))(pair) for of in (pair, None)]
    assert not heard[0].equals(heard[1])


def test_every_feature_of_pairs_is_described():
    found = PairFeatureMaker(products())(asked(np.arange(10, 16)))
    assert [name for name in found if not described(name)] == []
    assert described("code_edits").startswith("letters to change") and described("of_no_group") == ""
    assert described("score words") == "log-odds of a match by words"
    assert described("words_catalogue_rank_min").endswith(
        "less of both sides (candidates of the whole catalogue, by words)"
    )
