"""Pairs that share products: at most one match each."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from conftest import ozon_config

from goods.matching.cleanup import Triangles, clean, lowered, of_matches
from goods.matching.rivals import Rivals, are_two_catalogues


def test_a_pair_gives_way_where_a_third_product_matches_one_of_both():
    # 0–1 surely match, 1–2 surely not, 0–2 unsure; 3–4 stands alone
    left, right = np.array([0, 1, 0, 3]), np.array([1, 2, 2, 4])
    triangles = Triangles.among(left, right)
    assert sorted(triangles.pair.tolist()) == [0, 1, 2]
    match = np.array([0.98, 0.02, 0.6, 0.6])
    found = lowered(match, triangles, 1.0)
    assert found[2] == pytest.approx(1 - 0.98 * 0.98)
    assert found[3] == pytest.approx(0.6)
    np.testing.assert_allclose(lowered(match, triangles, 0.0), match)


def test_the_graph_of_candidate_pairs_can_be_left_out():
    full, without = (ozon_config("stack", f"model.graph={graph}").model for graph in ("true", "false"))
    assert "graph" in full.groups and set(full.groups) - set(without.groups) == {"graph"}


def test_of_two_catalogues_a_product_has_one_match_at_most():
    # 0 has two candidates, 10 and 11; 1 has 11 alone; the last pair is the first one again
    left, right = np.array([0, 0, 1, 0]), np.array([10, 11, 11, 10])
    assert are_two_catalogues(left, right)
    assert not are_two_catalogues(np.array([0, 10]), np.array([10, 11]))
    assert not are_two_catalogues(np.array([0, 1]), np.array([10, 11]))  # no product has a choice
    match = np.array([0.8, 0.5, 0.5, 0.8])
    rivals = Rivals(left, right)
    np.testing.assert_allclose(rivals.lowered(match, (0.0, 0.0), 1e-6), match)
    heard = rivals.lowered(match, (1.0, 0.0), 1e-6)
    np.testing.assert_allclose(heard, [4 / 6, 1 / 6, 0.5, 4 / 6])  # odds 4 / (1 + 1), 1 / (1 + 4)
    assert rivals.lowered(match, (1.0, 1.0), 1e-6)[1] == pytest.approx((1 / 5 / 2) / (1 + 1 / 5 / 2))


def test_rivals_are_heard_as_far_as_other_folds_gain_and_labelled_ones_by_test_pairs():
    rng = np.random.default_rng(0)
    product, other = np.repeat(np.arange(200), 2), 1_000 + np.arange(400)
    target = np.tile([1, 0], 200)
    match = (0.2 + 0.6 * rng.random(400)).reshape(-1, 2)
    match[:, 0] = np.maximum(match[:, 0], match[:, 1] + 0.02)  # right within a product, not between products
    pairs = pd.DataFrame({"product_id": range(401), "split": ["train"] * 400 + ["test"], "category": "a"})
    pairs["variantid1"], pairs["variantid2"] = np.append(product, 0), np.append(other, 5_000)
    pairs["target"] = np.append(target, -1)
    oof, test = of_matches(np.arange(400), match.ravel()), of_matches(np.array([400]), np.array([0.7]))
    fold = (product % 2).astype(int)
    cleaned, answer, report = clean(pairs, oof, test, fold, np.ones(400, bool), "pr_auc_prefix")
    assert report["two_catalogues"] and report["strength"][0] > 0
    assert report["scores"]["1.0 / 0.0"] > report["scores"]["0.0 / 0.0"] + 0.02
    assert answer.proba_of(1)[0] < 0.3  # product 0 has its match among the labelled pairs
    np.testing.assert_array_equal(cleaned.product_id, oof.product_id)


def test_agreement_uses_labels_only_for_test_pairs(monkeypatch):
    pairs = pd.DataFrame(
        {
            "product_id": range(7),
            "split": ["train"] * 4 + ["test"] * 3,
            "variantid1": [0, 1, 10, 11, 0, 0, 20],
            "variantid2": [1, 2, 11, 12, 2, 1, 21],
            "category": "a",
            "target": [1, 0, 1, 0, -1, -1, -1],
        }
    )
    oof = of_matches(np.arange(4), np.array([0.6, 0.4, 0.6, 0.4]))
    test = of_matches(np.arange(4, 7), np.array([0.7, 0.5, 0.7]))
    fold = np.array([0, 0, 1, 1])
    for strength in (0.0, 1.0):
        monkeypatch.setattr("goods.matching.cleanup.STRENGTHS", (strength,))
        cleaned_oof, cleaned_test, report = clean(pairs, oof, test, fold, np.ones(4, bool), "pr_auc_prefix")
        # out of fold there is no triangle without the test pair
        np.testing.assert_allclose(cleaned_oof.proba_of(1), oof.proba_of(1), atol=1e-6)
        expected = 0.7 if strength == 0 else 1 - 0.98**2  # 0 = 1 and 1 ≠ 2 are labelled
        assert cleaned_test.proba_of(1)[0] == pytest.approx(expected, abs=1e-3)
        assert cleaned_test.proba_of(1)[2] == pytest.approx(0.7, abs=1e-6)
        assert report["strength"] == strength
