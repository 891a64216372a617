"""The matching competition from raw files to result.parquet, bad input included."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from conftest import ROOT, SHARED

from goods.artifacts import Predictions, Workspace, read_json
from goods.cards import Labels, load_rows
from goods.competitions.demo_offers import generate
from goods.competitions.ozon import read_ozon
from goods.config import CompetitionConfig, ExperimentConfig, load_experiment
from goods.errors import GoodsError
from goods.execution import Place
from goods.folds import load_folds, make_folds
from goods.matching.attributes import Levels
from goods.matching.catalogue import match_file, read_catalogue
from goods.matching.cleanup import Triangles, clean, lowered, of_matches
from goods.matching.features import FeatureMaker
from goods.matching.products import Products
from goods.matching.report import write_pairs_report
from goods.matching.scoring import contest_products, predict_pairs, trained_scorer
from goods.models.base import Context
from goods.models.bi_encoder import BiEncoderModel
from goods.models.pair_words import PairWordsModel
from goods.models.pairs import PairsModel, calibrate, calibrated, mean_calibration
from goods.preparation import prepare, select
from goods.submission import submit
from goods.training import train
from goods.tuning import tune

CONFIGS = ROOT / "configs" / "ozon"
WDC = SHARED / "competitions" / "wdc_matching"
COMPETITION = CompetitionConfig(name="ozon", reader="ozon", data="nowhere", metric="pr_auc_prefix", n_folds=3)
NO_OTHERS = ["model.experiments=[]", "model.bags=1"]
QUICK = ["model.iterations=60", "model.learning_rate=0.2", "model.depth=4", *NO_OTHERS]


def config_of(name: str, *settings: str, offline: bool = True) -> ExperimentConfig:
    return load_experiment(CONFIGS / f"{name}.yaml", list(settings), offline)


@pytest.fixture(scope="module")
def offers(tmp_path_factory) -> Path:
    """Raw files of 700 train pairs."""
    folder = tmp_path_factory.mktemp("offers")
    generate(folder, rows=700, seed=3)
    return folder


def workspace(folder: Path, data: Path) -> Workspace:
    ws = Workspace(folder, "ozon")
    prepare(ws, COMPETITION, data)
    make_folds(ws, COMPETITION)
    return ws


@pytest.fixture(scope="module")
def trained(tmp_path_factory, offers) -> Workspace:
    """A workspace with a finished run of the pairs family."""
    ws = workspace(tmp_path_factory.mktemp("work"), offers)
    train(ws, COMPETITION, config_of("stack", *QUICK))
    return ws


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Five products, six pairs, two test pairs, by hand."""
    cards = pd.DataFrame(
        {
            "variantid": range(1, 6),
            "name": ["Чайник А1", "чайник a1", "Чайник Б2", None, "Кот"],
            "categories": ['{"1": "EPG", "2": "Дом", "3": "Кухня", "4": "Чайники"}'] * 4 + ["{broken"],
            "color_parsed": [["Белый"], None, ["белый", "синий"], [], None],
            "characteristic_attributes_mapping": ['{"Бренд": ["Vekin"]}', None, '{"Бренд": "x"}', "[1]", ""],
        }
    )
    cards.to_parquet(tmp_path / "train_data.parquet", index=False)
    cards.assign(variantid=range(5, 10)).to_parquet(tmp_path / "test_data.parquet", index=False)
    write_pairs(tmp_path, [(1, 2, 1), (1, 3, 0), (2, 3, 0), (3, 4, 0), (4, 5, 1), (2, 5, 0)])
    test = pd.DataFrame({"variantid1": [6, 7, 6, 7], "variantid2": [7, 6, 6, 99]})
    test.to_parquet(tmp_path / "test_pairs_wo_target.parquet", index=False)
    return tmp_path


def write_pairs(folder: Path, rows: list[tuple]) -> None:
    table = pd.DataFrame(rows, columns=["variantid1", "variantid2", "target"])
    table.to_parquet(folder / "train_pairs.parquet", index=False)


# reading


def test_cards_and_pairs_are_read(raw):
    found = read_ozon(raw)
    assert found.cards.product_id.tolist() == list(range(1, 10))  # 5 is in both files, once here
    first = found.cards.iloc[0]
    assert (first.title, first.attributes) == ("Чайник А1", "Бренд: Vekin")
    assert json.loads(first.characteristics) == {"бренд": ["Vekin"]}
    assert json.loads(found.cards.colours[2]) == ["белый", "синий"]
    assert found.cards.title[3] == ""
    pairs = found.pairs
    assert pairs.product_id.tolist() == list(range(10))
    assert pairs[pairs.split == "test"].variantid2.tolist() == [7, 6, 6, 99]
    assert set(pairs.category) == {"rest"}
    problems = {(row[0], row[1]) for row in found.issues.rows}
    assert {(4, "characteristics"), (5, "categories"), (4, "title")} <= problems


def test_train_pairs_that_cannot_be_learned_from_are_left_out_and_noted(raw):
    write_pairs(
        raw, [(1, 2, 1), (2, 1, 1), (1, 3, 0), (3, 1, 1), (4, 4, 1), (5, 77, 0), (2, 3, 0), (3, 4, 0)]
    )
    found = read_ozon(raw)
    train_pairs = found.pairs[found.pairs.split == "train"]
    assert list(zip(train_pairs.variantid1, train_pairs.variantid2, strict=True)) == [(1, 2), (2, 3), (3, 4)]
    problems = [row[2] for row in found.issues.rows if row[1] == "pair" and "left out" in row[3]]
    assert len(problems) == 5
    for told in ("with itself", "not in the data", "labelled 0 and 1", "given before"):
        assert any(told in problem for problem in problems)


def test_test_pairs_are_all_kept_whatever_they_name(raw):
    notes = [row for row in read_ozon(raw).issues.rows if row[3] == "predicted all the same"]
    assert {row[2].split(": ")[1] for row in notes} == {
        "names a product that is not in the data",
        "a product with itself",
        "given before, in this or the other order",
    }


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda f: (f / "train_pairs.parquet").unlink(), "train_pairs.parquet: missing"),
        (lambda f: (f / "test_data.parquet").write_bytes(b"PAR1 nonsense"), "not a readable parquet file"),
        (lambda f: write_pairs(f, [(1, 2, 1), (1, 3, 2)]), "row 1: target is not 0 or 1"),
        (lambda f: write_pairs(f, [(1, 2, 1), (2, None, 0)]), "row 1: 'variantid2' is not a whole number"),
        (lambda f: write_pairs(f, [(1, 2, 1), (2, 3, 1)]), "all alike"),
        (lambda f: write_pairs(f, [(71, 72, 1), (1, 2, 0), (8, 99, 1)]), "variantid 71"),
        (
            lambda f: pd.DataFrame({"variantid": [1, 1], "name": ["a", "b"]}).to_parquet(
                f / "train_data.parquet"
            ),
            "variantid 1 occurs more than once",
        ),
        (
            lambda f: pd.DataFrame({"variantid": [1, 2]}).to_parquet(f / "train_data.parquet"),
            "column 'name' is missing",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_file_and_the_mend(raw, damage, told):
    damage(raw)
    with pytest.raises(GoodsError, match=told):
        read_ozon(raw)


def test_a_missing_folder_says_what_belongs_there(tmp_path):
    with pytest.raises(GoodsError, match=r"train_pairs\.parquet.*--data"):
        read_ozon(tmp_path / "nowhere")


def with_embeddings(folder: Path, name: str, column: str, values: list, type_: pa.DataType) -> None:
    table = pq.read_table(folder / name)
    pq.write_table(table.append_column(column, pa.array(values, type_)), folder / name)


def test_embeddings_flat_nested_missing_and_broken(raw):
    pictures = pa.list_(pa.list_(pa.float32()))
    with_embeddings(
        raw,
        "train_data.parquet",
        "pic_embeddings_resnet_v1",
        [[[1, 2], [3, 4]], None, [[5, 6, 7]], [[float("nan"), 1]], [[7, 8]]],
        pictures,
    )
    with_embeddings(
        raw,
        "train_data.parquet",
        "name_bert_64",
        [[1.0, 0.0], None, [0.0, 1.0], [], None],
        pa.list_(pa.float64()),
    )
    with_embeddings(
        raw, "test_data.parquet", "name_bert_64", [[9.0, 9.0]] + [None] * 4, pa.list_(pa.float64())
    )
    found = read_ozon(raw)
    owner, values = found.embeddings["pictures"]
    assert owner.tolist() == [0, 0, 4]
    np.testing.assert_array_equal(values, [[1, 2], [3, 4], [7, 8]])
    owner, values = found.embeddings["name"]
    assert owner.tolist() == [0, 2] and values.dtype == np.float32  # product 5's is the train file's: none
    assert len(found.embeddings["main"][0]) == 0
    noted = {row[0] for row in found.issues.rows if row[1] == "pic_embeddings_resnet_v1"}
    assert noted == {3, 4}


def test_embeddings_of_another_kind_are_refused(raw):
    with_embeddings(raw, "train_data.parquet", "name_bert_64", ["1,2"] * 5, pa.string())
    with pytest.raises(GoodsError, match=r"'name_bert_64' is string, expected lists of numbers"):
        read_ozon(raw)


def test_categories_of_the_metric_are_those_with_more_than_a_thousand_train_pairs(raw):
    n = 1001
    cards = pd.DataFrame({"variantid": range(n + 2), "name": "x", "categories": '{"3": "Кухня"}'})
    cards.to_parquet(raw / "train_data.parquet")
    cards.assign(variantid=range(5000, 5000 + len(cards)), categories='{"3": "Иное"}').to_parquet(
        raw / "test_data.parquet"
    )
    write_pairs(raw, [(i, i + 1, i % 2) for i in range(n)])
    pd.DataFrame({"variantid1": [5000, 1], "variantid2": [5001, 3]}).to_parquet(
        raw / "test_pairs_wo_target.parquet"
    )
    pairs = read_ozon(raw).pairs
    assert set(pairs.category[:n]) == {"Кухня"}
    assert pairs.category[n:].tolist() == ["rest", "Кухня"]
    write_pairs(raw, [(i, i + 1, i % 2) for i in range(n - 1)])
    assert set(read_ozon(raw).pairs.category) == {"rest"}


# training


def test_the_run_holds_every_pair_once_and_scores_well(trained):
    report = read_json(trained.run("stack").report)
    pairs = select(load_rows(trained), "train")
    oof = Predictions.load(trained.run("stack").oof)
    assert sorted(oof.product_id.tolist()) == pairs.product_id.tolist()
    assert report["scores"]["average_precision"] > 0.7
    assert set(report["scores"]) >= {
        f"pr_auc_{kind}{weighted}" for kind in ("prefix", "masked") for weighted in ("", "_weighted")
    }


def test_no_fold_is_fitted_on_a_product_it_scores(tmp_path, offers, monkeypatch):
    ws, seen = workspace(tmp_path, offers), []
    pairs = select(load_rows(ws), "train")
    fold = load_folds(ws, pairs)
    fit = PairsModel.fit

    def spy(self, rows, valid):
        seen.append((rows, valid))
        fit(self, rows, valid)

    monkeypatch.setattr(PairsModel, "fit", spy)
    monkeypatch.setattr("goods.training.places", lambda n, neural: ([Place("cpu", 1)] * n, 1))
    train(ws, COMPETITION, config_of("stack", *QUICK, "model.features=[strings]"))
    assert len(seen) == 3
    for k, (rows, valid) in enumerate(seen):
        scored = set(pairs[fold == k][["variantid1", "variantid2"]].to_numpy().ravel())
        fitted = set(rows[["variantid1", "variantid2"]].to_numpy().ravel())
        inner = set(valid[["variantid1", "variantid2"]].to_numpy().ravel())
        assert not scored & (fitted | inner)
        assert not fitted & inner


def test_shuffled_labels_score_at_chance(tmp_path, offers):
    for file in offers.glob("*.parquet"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    pairs = pd.read_parquet(tmp_path / "train_pairs.parquet")
    pairs["target"] = np.random.default_rng(0).permutation(pairs.target)
    pairs.to_parquet(tmp_path / "train_pairs.parquet", index=False)
    ws = workspace(tmp_path / "work", tmp_path)
    train(ws, COMPETITION, config_of("words"))
    train(ws, COMPETITION, config_of("stack", *QUICK, "model.experiments=[words]"))
    scores = read_json(ws.run("stack").report)["scores"]
    assert abs(scores["average_precision"] - pairs.target.mean()) < 0.08
    assert scores["pr_auc_masked"] < 0.05


def test_the_same_files_give_the_same_bytes_and_a_second_run_does_nothing(trained, tmp_path, offers, capsys):
    ws = workspace(tmp_path, offers)
    config = config_of("stack", *QUICK)
    train(ws, COMPETITION, config)
    for name in ("oof.npz", "test.npz"):
        a, b = (Predictions.load(w.run("stack").path / name) for w in (ws, trained))
        assert a.hash == b.hash
    capsys.readouterr()
    train(ws, COMPETITION, config)
    assert "unchanged" in capsys.readouterr().err


def test_the_submission_has_every_test_pair_in_order(trained, tmp_path, offers):
    path = submit(trained, COMPETITION, "stack", tmp_path)
    table, asked = pd.read_parquet(path), pd.read_parquet(offers / "test_pairs_wo_target.parquet")
    assert list(table.columns) == ["variantid1", "variantid2", "target"]
    pd.testing.assert_frame_equal(table[["variantid1", "variantid2"]], asked[["variantid1", "variantid2"]])
    assert table.target.between(0, 1).all() and table.target.nunique() > 50


def test_odd_test_pairs_get_a_score_and_reversed_ones_the_same(tmp_path, offers):
    for file in offers.glob("*.parquet"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    asked = pd.read_parquet(tmp_path / "test_pairs_wo_target.parquet")
    a, b = asked.variantid1[0], asked.variantid2[0]
    odd = pd.DataFrame({"variantid1": [b, a, 10**9], "variantid2": [a, a, b]})
    pd.concat([asked, odd]).to_parquet(tmp_path / "test_pairs_wo_target.parquet", index=False)
    ws = workspace(tmp_path / "work", tmp_path)
    train(ws, COMPETITION, config_of("stack", *QUICK))
    table = pd.read_parquet(submit(ws, COMPETITION, "stack", tmp_path))
    assert len(table) == len(asked) + 3
    assert table.target.notna().all()
    assert table.target[0] == pytest.approx(table.target[len(asked)])
    assert table.target[len(asked) + 1] > 0.5  # a product is itself


def test_the_report_names_categories_errors_and_features(trained, tmp_path):
    path = write_pairs_report(trained, COMPETITION, config_of("stack", *QUICK), tmp_path)
    text = path.read_text(encoding="utf-8")
    for told in ("Precision and recall by category", "rest", "What the booster looks at", "variantid1"):
        assert told in text


@pytest.mark.slow
def test_a_study_tunes_the_booster_and_its_fold_is_left_out(tmp_path, offers):
    ws = workspace(tmp_path, offers)
    settings = ["model.features=[strings]", "tune.trials=2", "tune.startup_trials=1", *QUICK]
    tune(ws, COMPETITION, config_of("stack", *settings))
    best = load_experiment(ws.tuning("stack") / "best.yaml")
    assert best.tuned_on == (0,)
    train(ws, COMPETITION, best)
    assert read_json(ws.run("stack-tuned").report)["tuned_on"] == [0]


def test_a_refitted_run_scores_the_test_pairs_with_one_model(tmp_path, offers):
    ws = workspace(tmp_path, offers)
    train(ws, COMPETITION, config_of("stack", *QUICK, "model.features=[strings]", "refit=true"))
    assert (ws.run("stack").fold(-1) / "booster-0.cbm").is_file()


# learned scorers

TINY = [
    "model.scratch_vocab=300",
    "model.scratch_layers=2",
    "model.scratch_width=24",
    "model.max_tokens=32",
    "model.trainer.epochs=1",
]


@pytest.mark.parametrize("family", ["cross-encoder", "bi-encoder"])
def test_encoders_train_save_load_and_do_not_care_for_the_order(trained, family):
    train(trained, COMPETITION, config_of(family, *TINY, f"name=tiny-{family}"))
    scorer = trained_scorer(trained, COMPETITION, f"tiny-{family}")
    cards = pd.read_parquet(trained.cards).head(20)
    left, right = np.arange(10), np.arange(10, 20)
    found = scorer(cards, left, right)
    assert found.shape == (10,) and found.std() > 0
    # the lower id comes first inside: other ids turn every pair round
    turned = cards.assign(product_id=cards.product_id.max() + 1 - cards.product_id)
    np.testing.assert_allclose(scorer(turned, left, right), found, atol=1e-6)


@pytest.mark.parametrize("family", ["cross-encoder", "bi-encoder"])
def test_an_unknown_product_is_not_the_first_one(trained, family):
    train(trained, COMPETITION, config_of(family, *TINY, f"name=tiny-{family}"))
    cards = pd.read_parquet(trained.cards).head(5)
    first = int(cards.product_id[0])
    pairs = pd.DataFrame({"product_id": [0, 1], "variantid1": [first, first], "variantid2": [first, 10**12]})
    pairs["target"] = np.int32(-1)
    products = Products.of(cards, pairs)
    itself, unknown = predict_pairs(trained, COMPETITION, f"tiny-{family}", products, pairs).proba_of(1)
    assert itself != unknown
    if family == "bi-encoder":
        assert unknown < itself


def test_a_catalogue_is_scored_as_the_test_pairs_are(trained, offers):
    cards = read_catalogue(offers / "test_data.parquet")
    asked = pd.read_parquet(offers / "test_pairs_wo_target.parquet")
    index = pd.Index(cards.product_id)
    left, right = (index.get_indexer(asked[name]) for name in ("variantid1", "variantid2"))
    train(trained, COMPETITION, config_of("words"))
    found = trained_scorer(trained, COMPETITION, "words", offers / "test_data.parquet")(cards, left, right)
    test = select(load_rows(trained), "test")
    expected = Predictions.load(trained.run("words").test).aligned(test.product_id.to_numpy()).proba_of(1)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    products = contest_products(
        offers / "test_data.parquet", cards, asked.assign(product_id=range(len(asked)))
    )
    prepared, ids = Products.load(trained), set(cards.product_id)
    rows = [i for i, id_ in enumerate(prepared.cards.product_id) if id_ in ids]
    for name in ("colours", "levels", "characteristics"):
        assert products.cards[name].tolist() == prepared.cards[name].iloc[rows].tolist()
    assert len(products.vectors["main"].values) > 0


def test_a_catalogue_is_grouped_by_a_trained_experiment(trained, offers, tmp_path):
    path = offers / "test_data.parquet"
    scorer = trained_scorer(trained, COMPETITION, "stack", path)
    report = match_file(path, tmp_path, {"threshold": 0.7}, scorer=scorer)
    groups = pd.read_parquet(tmp_path / "groups.parquet")
    assert sorted(groups.product_id) == sorted(pd.read_parquet(path).variantid)
    assert (groups["size"] > 1).any() and report["largest_group"] <= 50


def test_words_are_weighed_by_whether_both_names_have_them(raw, tmp_path):
    colours = ["red", "blue"] * 20
    cards = pd.DataFrame(
        {"product_id": range(80), "title": [f"cup {c} {s}" for c in colours for s in ("sale", "new")]}
    )
    ends = [(i, i + 1, 1) for i in range(0, 80, 2)] + [(i, i + 2, 0) for i in range(0, 76, 2)]
    pairs = pd.DataFrame(ends, columns=["variantid1", "variantid2", "target"])
    pairs.insert(0, "product_id", range(len(pairs)))
    context = Context(Labels([0, 1], [], []), products=Products.of(cards, pairs))
    model = PairWordsModel(config_of("words", "model.C=10").model, context)
    model.fit(pairs, None)
    weight = dict(zip(model.columns, model.weights, strict=True))
    assert weight["-red"] < 0 < weight["+red"]  # another colour is another product
    assert weight["-sale"] > weight["-red"]  # another wording is not
    model.save(tmp_path)
    again = PairWordsModel(model.config, context)
    again.load(tmp_path)
    np.testing.assert_array_equal(again.predict(pairs), model.predict(pairs))
    assert ((model.predict(pairs)[:, 1] > 0.5) == pairs.target).all()


def test_out_of_fold_scores_of_an_encoder_are_features_of_the_booster(trained):
    train(trained, COMPETITION, config_of("bi-encoder", *TINY, "name=tiny-bi"))
    config = config_of(
        "stack", *QUICK, "model.features=[strings]", "model.experiments=[tiny-bi]", "name=joined"
    )
    train(trained, COMPETITION, config)
    names = read_json(trained.run("joined").fold(0) / "model.json")["names"]
    assert names[-1] == "score tiny-bi"
    cards = pd.read_parquet(trained.cards).head(20)
    assert trained_scorer(trained, COMPETITION, "joined")(cards, np.arange(5), np.arange(5, 10)).shape == (5,)


def test_a_missing_experiment_is_named(trained):
    with pytest.raises(GoodsError, match=r"builds on nowhere.*train\.py configs/ozon/nowhere\.yaml"):
        train(trained, COMPETITION, config_of("stack", *QUICK, "model.experiments=[nowhere]", "name=lost"))


def test_an_encoder_cannot_be_cut_deeper_than_it_is(trained):
    with pytest.raises(GoodsError, match=r"model\.layers: 9 layers"):
        train(trained, COMPETITION, config_of("cross-encoder", *TINY, "model.layers=9", "name=deep"))


# calibration and agreement


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


# the real set


@pytest.mark.slow
@pytest.mark.skipif(not WDC.is_dir(), reason="shared competitions are not here")
def test_real_pairs_reach_what_strings_and_boosting_give(tmp_path):
    competition = COMPETITION.model_copy(update={"n_folds": 5})
    ws = Workspace(tmp_path, "ozon")
    prepare(ws, competition, WDC)
    make_folds(ws, competition)
    train(ws, competition, config_of("stack", "model.iterations=300", "model.learning_rate=0.1", *NO_OTHERS))
    scores = read_json(ws.run("stack").report)["scores"]
    assert scores["pr_auc_prefix"] > 0.82
    assert scores["best_f1"] > 0.82


def test_every_ozon_config_loads():
    names = sorted(path.stem for path in CONFIGS.glob("*.yaml") if path.stem != "competition")
    assert names == ["bi-encoder", "bi-encoder-frozen", "cross-encoder", "stack", "stack-full", "words"]
    for name in names:
        assert config_of(name).competition == "ozon"


def test_too_few_pairs_for_the_folds_are_refused(raw, tmp_path):
    write_pairs(raw, [(1, 2, 1), (1, 3, 0)])
    ws = Workspace(tmp_path / "work", "ozon")
    prepare(ws, COMPETITION, raw)
    with pytest.raises(GoodsError, match="2 pairs cannot fill 3 folds"):
        make_folds(ws, COMPETITION)


def test_a_product_is_no_negative_of_itself_in_contrastive_batches(trained):
    context = Context(Labels.load(trained), products=Products.load(trained))
    model = BiEncoderModel(config_of("bi-encoder", *TINY).model, context)
    pairs = select(load_rows(trained), "train").head(60)
    model.prepare(pairs)
    rows = model.encode_train(pairs)
    batch = rows.batch(np.arange(len(rows.target)))
    left, right = rows.sides["left"], rows.sides["right"]
    assert set(zip(left, right, strict=True)) == set(zip(right, left, strict=True))  # both directions
    # what a row must not be told apart from: its own left product among the right ones of the batch
    same = batch["right.same"].numpy()
    for i in range(len(left)):
        mine = np.flatnonzero(right == left[i])
        assert (same[mine] == same[i]).all()
    wrong = batch["wrong.same"].numpy()
    assert (wrong[wrong >= 0] != same[wrong >= 0]).mean() > 0.95  # but for label noise
    loss = model.build().loss(batch, model.config.trainer)
    assert torch.isfinite(loss)


def test_what_is_made_for_cards_says_so(trained):
    with pytest.raises(GoodsError, match="ozon matches products: it has folds of pairs and none of cards"):
        load_folds(trained, pd.read_parquet(trained.cards))


def test_a_damaged_embedding_column_is_refused(raw):
    values = np.random.default_rng(0).normal(size=(5, 64)).tolist()
    with_embeddings(raw, "train_data.parquet", "name_bert_64", values, pa.list_(pa.float64()))
    file = raw / "train_data.parquet"
    start = pq.ParquetFile(file).metadata.row_group(0).column(5).data_page_offset
    bytes_ = bytearray(file.read_bytes())
    bytes_[start : start + 40] = b"\xff" * 40
    file.write_bytes(bytes_)
    with pytest.raises(GoodsError, match=r"'name_bert_64' cannot be read.*copy the file again"):
        read_ozon(raw)


def test_lists_without_any_number_are_no_embeddings(raw):
    with_embeddings(raw, "train_data.parquet", "name_bert_64", [[], [], None, [], []], pa.list_(pa.null()))
    assert len(read_ozon(raw).embeddings["name"][0]) == 0


def test_names_of_any_length_are_compared_in_no_time():
    rng = np.random.default_rng(0)
    long = ["".join(rng.choice(list("abcd efgh1234"), 20_000)) for _ in range(2)]
    cards = pd.DataFrame({"product_id": [1, 2], "title": long})
    pairs = pd.DataFrame({"product_id": [0], "variantid1": [1], "variantid2": [2]})
    found = FeatureMaker(Products.of(cards, pairs))(pairs)
    assert found.name_length[0] <= 500


def test_categories_that_are_not_known_neither_agree_nor_differ():
    levels = [["a", "b"], ["a", "b"], ["", ""], ["", ""], ["a", ""]]
    cards = pd.DataFrame({"levels": [json.dumps(row) for row in levels]})
    found = Levels(cards).features(np.array([0, 2, 0, 0]), np.array([1, 3, 2, 4]))["levels_agreed"]
    assert found[0] == 2 and np.isnan(found[1]) and np.isnan(found[2]) and found[3] == 1


def test_pairs_that_all_share_a_product_are_refused(raw, tmp_path):
    write_pairs(raw, [(1, 2, 1), (2, 3, 0), (3, 4, 1), (4, 1, 0)])
    competition = COMPETITION.model_copy(update={"n_folds": 2})
    ws = Workspace(tmp_path / "work", "ozon")
    prepare(ws, competition, raw)
    make_folds(ws, competition)
    with pytest.raises(GoodsError, match=r"single class \(0 rows\).*lower n_folds"):
        train(ws, competition, config_of("words"))


def test_names_without_words_leave_the_share_of_matches(raw):
    cards = pd.DataFrame({"product_id": [1, 2, 3], "title": ["!", "?", "…"]})
    pairs = pd.DataFrame({"product_id": [0, 1], "variantid1": [1, 2], "variantid2": [2, 3], "target": [1, 0]})
    model = PairWordsModel(
        config_of("words").model, Context(Labels([0, 1], [], []), products=Products.of(cards, pairs))
    )
    model.fit(pairs, None)
    np.testing.assert_allclose(model.predict(pairs)[:, 1], 0.5)


def test_what_does_not_apply_to_pairs_is_refused(trained, tmp_path):
    for config, told in (
        (config_of("words", "pseudo={experiments: [stack]}"), "pseudo: does not apply to pairs"),
        (
            config_of("stack", *QUICK, "model.experiments=[stack]", "name=above"),
            "stack is of family pairs itself",
        ),
    ):
        with pytest.raises(GoodsError, match=told):
            train(trained, COMPETITION, config)
    linear = load_experiment(ROOT / "configs" / "kazanexpress2023" / "linear.yaml")
    with pytest.raises(GoodsError, match="family linear is for a competition that classifies cards"):
        train(trained, COMPETITION, linear)
    with pytest.raises(ValueError, match="pr_auc"):
        CompetitionConfig(name="ozon", reader="ozon", data="x", metric="weighted_f1")


def test_a_frozen_encoder_is_never_a_new_one(trained):
    with pytest.raises(GoodsError, match="frozen needs trained weights; give --text-weights"):
        train(trained, COMPETITION, config_of("bi-encoder-frozen"))


@pytest.mark.slow
@pytest.mark.skipif(
    not (SHARED / "models" / "e5-small-trimmed").is_dir(), reason="no shared text encoder here"
)
def test_a_frozen_encoder_s_cosine_tells_matches(tmp_path, offers):
    ws = workspace(tmp_path, offers)
    weights = SHARED / "models" / "e5-small-trimmed"
    config = load_experiment(CONFIGS / "bi-encoder-frozen.yaml", [], True, weights)
    train(ws, COMPETITION, config)
    report, pairs = read_json(ws.run("bi-encoder-frozen").report), select(load_rows(ws), "train")
    assert report["scores"]["average_precision"] > pairs.target.mean() + 0.05
    scorer = trained_scorer(ws, COMPETITION, "bi-encoder-frozen")
    assert scorer(pd.read_parquet(ws.cards).head(4), np.array([0, 1]), np.array([2, 3])).shape == (2,)
