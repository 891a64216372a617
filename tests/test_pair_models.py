"""Models of pairs: words, the booster above the others, its calibration, and scores of a catalogue."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from conftest import OZON, QUICK, ozon_config
from ozon_offers import NO_OTHERS, TINY

from goods.cards.labels import Labels
from goods.cards.table import select
from goods.core.artifacts import read_json
from goods.core.errors import GoodsError
from goods.core.predictions import Predictions
from goods.matching.products import Products
from goods.models.base import Context
from goods.models.pairs.pair_words import PairWordsModel
from goods.models.pairs.pairs_model import PairsModel, calibrate, calibrated, mean_calibration
from goods.prepare.folds import load_folds
from goods.problems.kinds import load_rows
from goods.problems.pairs import PairsProblem
from goods.report.pair_explaining import explain_pair
from goods.submit.catalogue import match_file, read_catalogue
from goods.submit.pairs import contest_products, expecting_of, predict_pairs, trained_scorer
from goods.submit.prediction import predict_file
from goods.train.fold import fit_on
from goods.train.stage import train


def test_a_pair_of_which_nothing_is_known_has_the_share_of_matches(trained_pairs):
    train_pairs = select(load_rows(trained_pairs), "train")
    cards = pd.read_parquet(trained_pairs.cards).head(5)
    first = int(cards.product_id[0])
    ends = [(first, 10**12), (10**12, 10**12 + 1), (10**12, 10**12), (first, first)]
    pairs = pd.DataFrame(ends, columns=["variantid1", "variantid2"])
    pairs.insert(0, "product_id", range(4))
    pairs["target"] = np.int32(-1)
    found = predict_pairs(trained_pairs, OZON, "stack", Products.of(cards, pairs), pairs).proba_of(1)
    assert found[:2] == pytest.approx(train_pairs.target.mean(), abs=0.02)
    assert found[2:] == pytest.approx(1, abs=1e-4)


def test_features_that_new_cards_lack_are_told_of(trained_pairs, capsys):
    cards = pd.read_parquet(trained_pairs.cards).head(40)
    ends = np.arange(20), np.arange(20, 40)
    capsys.readouterr()
    trained_scorer(trained_pairs, OZON, "stack")(cards, *ends)
    told = capsys.readouterr().err
    assert re.search(r"warning: \d+ % of what stack goes by is not known of these cards \(\w+", told)
    train(
        trained_pairs,
        OZON,
        ozon_config("stack", *QUICK, "model.features=[strings,graph]", "name=names-alone"),
    )
    capsys.readouterr()
    trained_scorer(trained_pairs, OZON, "names-alone")(cards, *ends)
    assert "warning" not in capsys.readouterr().err


def test_features_that_test_pairs_lack_are_told_of(capsys):
    cards = pd.DataFrame({"product_id": range(8), "title": [f"cup {i}" for i in range(8)]})
    cards["price"] = [1.0, 2, 3, 4] + [np.nan] * 4
    pairs = pd.DataFrame({"product_id": range(4), "variantid1": [0, 2, 4, 6], "variantid2": [1, 3, 5, 7]})
    pairs["split"] = ["train", "train", "test", "test"]
    context = Context(Labels([0, 1], [], []), products=Products.of(cards, pairs))
    capsys.readouterr()
    PairsModel(ozon_config("stack", "model.features=[strings,price]", *NO_OTHERS).model, context).warm(pairs)
    assert "warning: most test pairs lack price" in capsys.readouterr().err
    context = Context(Labels([0, 1], [], []), products=Products.of(cards.assign(price=1.0), pairs))
    PairsModel(ozon_config("stack", "model.features=[strings,price]", *NO_OTHERS).model, context).warm(pairs)
    assert "warning" not in capsys.readouterr().err


def test_the_reasons_of_a_pair_add_up_to_its_score(trained_pairs, run_script):
    pairs = select(load_rows(trained_pairs), "train")
    pair = pairs.iloc[5]
    fold = trained_pairs.run("stack").fold(int(load_folds(trained_pairs, pairs)[5]))
    found, explained = explain_pair(trained_pairs, OZON, "stack", [pair.variantid2, pair.variantid1])
    assert found.product_id == pair.product_id
    raw = explained.start + sum(reason.contribution for reason in explained.reasons)
    calibration = read_json(fold / "model.json")["calibration"]
    own = Predictions.load(fold / "valid.npz").aligned(np.array([pair.product_id])).proba_of(1)[0]
    assert calibrated(calibration, np.array([raw]))[0] == pytest.approx(own, abs=1e-5)
    weights = [abs(reason.contribution) for reason in explained.reasons]
    assert weights == sorted(weights, reverse=True) and weights[0] > 0
    asked = select(load_rows(trained_pairs), "test").iloc[0]
    ids = [int(asked.variantid1), int(asked.variantid2)]
    assert 0 <= explain_pair(trained_pairs, OZON, "stack", ids)[1].proba <= 1
    work, ids = trained_pairs.root, [int(pair.variantid1), int(pair.variantid2)]
    code, out, _ = run_script("explain", "ozon", "stack", *(f"{id_}.0" for id_ in ids), "--work", work)
    assert code == 0 and out.startswith(f"{ids[0]} – {ids[1]}  ") and "the same product" in out
    same = "the same product" if pair.target else "not the same product"
    assert f"\n  split: train\n  true class: {same}\n" in out
    for wrong, told in ((ids[:1], "1 product given"), ([1, 2], "are no pair of ozon")):
        code, _, err = run_script("explain", "ozon", "stack", *wrong, "--work", work)
        assert code == 2 and told in err


def test_words_are_weighed_by_whether_both_names_have_them(tmp_path):
    colours = ["red", "blue"] * 20
    cards = pd.DataFrame(
        {"product_id": range(80), "title": [f"cup {c} {s}" for c in colours for s in ("sale", "new")]}
    )
    ends = [(i, i + 1, 1) for i in range(0, 80, 2)] + [(i, i + 2, 0) for i in range(0, 76, 2)]
    pairs = pd.DataFrame(ends, columns=["variantid1", "variantid2", "target"])
    pairs.insert(0, "product_id", range(len(pairs)))
    context = Context(Labels([0, 1], [], []), products=Products.of(cards, pairs))
    model = PairWordsModel(ozon_config("words", "model.C=10").model, context)
    model.fit(pairs, None)
    weight = dict(zip(model.columns, model.weights, strict=True))
    assert weight["-red"] < 0 < weight["+red"]  # another colour is another product
    assert weight["-sale"] > weight["-red"]  # another wording is not
    model.save(tmp_path)
    again = PairWordsModel(model.config, context)
    again.load(tmp_path)
    np.testing.assert_array_equal(again.predict(pairs), model.predict(pairs))
    assert ((model.predict(pairs)[:, 1] > 0.5) == pairs.target).all()
    (tmp_path / "weights.npz").write_bytes(b"PK")
    with pytest.raises(GoodsError, match=r"weights\.npz: damaged"):
        again.load(tmp_path)


def test_names_without_words_leave_the_share_of_matches():
    cards = pd.DataFrame({"product_id": [1, 2, 3], "title": ["!", "?", "…"]})
    pairs = pd.DataFrame({"product_id": [0, 1], "variantid1": [1, 2], "variantid2": [2, 3], "target": [1, 0]})
    model = PairWordsModel(
        ozon_config("words").model, Context(Labels([0, 1], [], []), products=Products.of(cards, pairs))
    )
    model.fit(pairs, None)
    np.testing.assert_allclose(model.predict(pairs)[:, 1], 0.5)


def test_the_boosters_go_back_to_every_train_pair_of_the_fold(trained_pairs, monkeypatch):
    fitted, boosters = [], PairsModel._boosters

    def spy(self, table, target, stop):
        fitted.append(len(table))
        return boosters(self, table, target, stop)

    monkeypatch.setattr(PairsModel, "_boosters", spy)
    config = ozon_config("stack", *QUICK, "model.features=[strings]")
    context = Context(Labels.load(trained_pairs), products=Products.load(trained_pairs))
    problem, pairs = PairsProblem(), select(load_rows(trained_pairs), "train")
    known = pairs[problem.outside(pairs, load_folds(trained_pairs, pairs) == 0)].reset_index(drop=True)
    inner = problem.inner_rows(known, config.inner_share, config.seed)
    kept = problem.outside(known, inner)
    assert kept.sum() + inner.sum() < len(known)  # some share a product with the inner split
    model = PairsModel(config.model, context)
    fit_on(problem, model, known, config)
    assert fitted == [kept.sum(), len(known)]
    assert model.share == known.target.mean()


def test_out_of_fold_scores_of_an_encoder_are_features_of_the_booster(trained_pairs):
    train(trained_pairs, OZON, ozon_config("bi-encoder", *TINY, "name=tiny-bi"))
    config = ozon_config(
        "stack", *QUICK, "model.features=[strings]", "model.experiments=[tiny-bi]", "name=joined"
    )
    train(trained_pairs, OZON, config)
    names = read_json(trained_pairs.run("joined").fold(0) / "model.json")["names"]
    assert names[-1] == "score tiny-bi"
    cards = pd.read_parquet(trained_pairs.cards).head(20)
    assert trained_scorer(trained_pairs, OZON, "joined")(cards, np.arange(5), np.arange(5, 10)).shape == (5,)


def test_a_missing_experiment_is_named(trained_pairs):
    with pytest.raises(
        GoodsError, match=r"builds on nowhere.*train\.py configs/ozon/EXPERIMENT\.yaml --set name=nowhere \("
    ):
        train(trained_pairs, OZON, ozon_config("stack", *QUICK, "model.experiments=[nowhere]", "name=lost"))


def test_a_catalogue_is_scored_as_the_test_pairs_are(trained_pairs, offers):
    cards = read_catalogue(offers / "test_data.parquet")
    asked = pd.read_parquet(offers / "test_pairs_wo_target.parquet")
    index = pd.Index(cards.product_id)
    left, right = (index.get_indexer(asked[name]) for name in ("variantid1", "variantid2"))
    train(trained_pairs, OZON, ozon_config("words"))
    found = trained_scorer(trained_pairs, OZON, "words", offers / "test_data.parquet")(cards, left, right)
    test = select(load_rows(trained_pairs), "test")
    expected = (
        Predictions.load(trained_pairs.run("words").test).aligned(test.product_id.to_numpy()).proba_of(1)
    )
    np.testing.assert_allclose(found, expected, atol=1e-6)
    products = contest_products(
        OZON,
        offers / "test_data.parquet",
        cards,
        cards.product_id.to_numpy(),
        asked.assign(product_id=range(len(asked))),
    )
    prepared, ids = Products.load(trained_pairs), set(cards.product_id)
    rows = [i for i, id_ in enumerate(prepared.cards.product_id) if id_ in ids]
    for name in ("colours", "levels", "characteristics"):
        assert products.cards[name].tolist() == prepared.cards[name].iloc[rows].tolist()
    assert len(products.vectors["main"].values) > 0


def test_products_whose_ids_are_texts_are_scored_as_those_of_numbers_in_the_same_order(
    trained_pairs, offers, tmp_path
):
    train(trained_pairs, OZON, ozon_config("words"))
    table = pd.read_parquet(offers / "test_data.parquet").head(20).sort_values("variantid", ignore_index=True)
    table.assign(variantid=[f"A-{i:02}" for i in range(20)]).to_parquet(tmp_path / "texts.parquet")
    table.to_parquet(tmp_path / "numbers.parquet")
    ends, found = (np.array([3, 1, 9]), np.array([0, 19, 4])), []
    for name in ("texts.parquet", "numbers.parquet"):
        cards = read_catalogue(tmp_path / name)
        for path in (tmp_path / name, None):
            found.append(trained_scorer(trained_pairs, OZON, "words", path)(cards, *ends).tolist())
    assert found[:2] == found[2:]


def test_columns_of_a_catalogue_that_cannot_be_read_are_told(offers, tmp_path, capsys):
    table = pd.read_parquet(offers / "test_data.parquet").assign(categories="Home, Cups")
    table.to_parquet(tmp_path / "cards.parquet")
    cards = read_catalogue(tmp_path / "cards.parquet")
    pairs = pd.DataFrame(
        {"product_id": [0], "variantid1": cards.product_id[:1], "variantid2": cards.product_id[1]}
    )
    contest_products(OZON, tmp_path / "cards.parquet", cards, cards.product_id.to_numpy(), pairs)
    told = f"column 'categories': {len(table)} of {len(table)} cells cannot be read, such as that of product "
    assert f"{told}{table.variantid[0]}: 'Home, Cups'; write that column as JSON" in capsys.readouterr().err


def test_scores_that_tell_of_no_match_at_all_are_taken_as_they_are(trained_pairs):
    """Candidates far easier than the train pairs say "none" so often that the likelihood leaves not one match."""
    score = np.array([0.95] * 5 + [0.001] * 5_000, np.float32)
    expected = expecting_of(trained_pairs)(score)
    assert expected.shift == 0 and expected.even == 0.5 and "rather fewer are" in expected.how
    likely = expecting_of(trained_pairs)(np.array([0.95] * 500 + [0.1] * 5_000, np.float32))
    assert likely.shift != 0 and "of matches among these candidates" in likely.how


def test_a_catalogue_is_grouped_by_a_trained_experiment(trained_pairs, offers, tmp_path):
    path = offers / "test_data.parquet"
    scorer = trained_scorer(trained_pairs, OZON, "stack", path)
    expecting = expecting_of(trained_pairs)
    report = match_file(path, tmp_path, {"threshold": 0.7}, scorer=scorer, expecting=expecting)
    assert "as its scores say, found on pairs of which 30% were matches" in report["expected_by"]
    assert 0.5 < report["expected_precision"] < 1
    groups = pd.read_parquet(tmp_path / "groups.parquet")
    assert sorted(groups.product_id) == sorted(pd.read_parquet(path).variantid)
    assert (groups["size"] > 1).any() and report["largest_group"] <= 50


@pytest.mark.parametrize("method", ["none", "temperature", "platt", "isotonic"])
def test_calibration_keeps_the_order_and_brings_the_mean_right(method):
    rng = np.random.default_rng(0)
    raw = rng.normal(size=4000)
    target = (rng.random(4000) < 1 / (1 + np.exp(-0.5 * raw))).astype(int)  # twice too sure
    fitted = calibrate(method, raw, target)
    found = calibrated(fitted, raw)
    order = np.argsort(raw)
    assert (np.diff(found[order]) >= 0).all()
    if method != "none":
        assert abs(found[raw > 1].mean() - target[raw > 1].mean()) < 0.02
    again = mean_calibration([fitted, fitted])
    np.testing.assert_allclose(calibrated(again, raw), found, atol=1e-3)


@pytest.mark.parametrize("method", ["temperature", "platt", "isotonic"])
def test_pairs_told_apart_without_an_error_are_not_made_endlessly_sure(method):
    """Else all scores are 0 or 1, and the order that the metric reads is lost."""
    rng = np.random.default_rng(0)
    target = np.arange(200) % 2
    raw = (2 * target - 1) * rng.uniform(2, 4, 200)
    new = np.sort(rng.uniform(-6, 6, 500))
    found = calibrated(calibrate(method, raw, target), new)
    assert len(np.unique(found.clip(1e-6, 1 - 1e-6).astype(np.float32))) > 450
    assert found[new > 0].min() > 0.4
    if method != "isotonic":
        assert 0.98 < calibrated(calibrate(method, raw, target), np.array([3.0]))[0] < 0.999


def test_who_asks_for_labels_of_new_products_is_sent_to_match(trained_pairs, tmp_path):
    told = re.escape("scripts/match.py CARDS.parquet --competition ozon --experiment NAME")
    with pytest.raises(GoodsError, match=told):
        predict_file(trained_pairs, OZON, "stack", trained_pairs.cards, None, tmp_path / "new.parquet")
