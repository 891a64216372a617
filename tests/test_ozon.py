"""The matching competition from raw files to result.parquet."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from browser import BROWSER, shown
from conftest import OZON, QUICK, ROOT, SHARED, ozon_config, ozon_workspace
from ozon_offers import NO_OTHERS, OZON_CONFIGS

from goods.cards.table import select
from goods.config.loading import load_experiment
from goods.core.artifacts import read_json
from goods.core.errors import GoodsError
from goods.core.execution import Resources
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.models.pairs.pairs_model import PairsModel
from goods.prepare.folds import load_folds, make_folds
from goods.prepare.stage import prepare
from goods.problems.kinds import load_rows
from goods.report.pairs import write_pairs_report
from goods.submit.stage import submit
from goods.train.stage import train
from goods.tune.stage import tune

WDC = SHARED / "competitions" / "wdc_matching"


def test_the_run_holds_every_pair_once_and_scores_well(trained_pairs):
    report = read_json(trained_pairs.run("stack").report)
    pairs = select(load_rows(trained_pairs), "train")
    oof = Predictions.load(trained_pairs.run("stack").oof)
    assert sorted(oof.product_id.tolist()) == pairs.product_id.tolist()
    assert report["scores"]["average_precision"] > 0.7
    assert set(report["scores"]) >= {
        f"pr_auc_{kind}{weighted}" for kind in ("prefix", "masked") for weighted in ("", "_weighted")
    }


def test_the_table_of_what_came_in_counts_pairs_where_it_says_so(tmp_path, offers, capsys):
    ws = ozon_workspace(tmp_path, offers)
    pairs = select(load_rows(ws), "train")
    most = int(pairs.target.value_counts().max())
    said = capsys.readouterr().err
    assert f"classes of pairs: 2 of {len(pairs)} train pairs, 0 of one pair, largest {most}" in said


def test_no_fold_is_fitted_on_a_product_it_scores(tmp_path, offers, monkeypatch):
    ws, seen = ozon_workspace(tmp_path, offers), []
    pairs = select(load_rows(ws), "train")
    fold = load_folds(ws, pairs)
    fit = PairsModel.fit

    def spy(self, rows, valid):
        seen.append((rows, valid))
        fit(self, rows, valid)

    monkeypatch.setattr(PairsModel, "fit", spy)
    monkeypatch.setattr("goods.train.stage.resources", lambda n, on_gpu: Resources("cpu", 1))
    train(ws, OZON, ozon_config("stack", *QUICK, "model.features=[strings]"))
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
    ws = ozon_workspace(tmp_path / "work", tmp_path)
    train(ws, OZON, ozon_config("words"))
    train(ws, OZON, ozon_config("stack", *QUICK, "model.experiments=[words]"))
    scores = read_json(ws.run("stack").report)["scores"]
    assert abs(scores["average_precision"] - pairs.target.mean()) < 0.08
    assert scores["pr_auc_masked"] < 0.05


def test_the_same_files_give_the_same_bytes_and_a_second_run_does_nothing(
    trained_pairs, tmp_path, offers, capsys
):
    ws = ozon_workspace(tmp_path, offers)
    config = ozon_config("stack", *QUICK)
    train(ws, OZON, config)
    for name in ("oof.npz", "test.npz"):
        a, b = (Predictions.load(w.run("stack").path / name) for w in (ws, trained_pairs))
        assert a.hash == b.hash
    capsys.readouterr()
    train(ws, OZON, config)
    assert "unchanged" in capsys.readouterr().err


def test_the_submission_has_every_test_pair_in_order(trained_pairs, tmp_path, offers):
    path = submit(trained_pairs, OZON, "stack", tmp_path)
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
    ws = ozon_workspace(tmp_path / "work", tmp_path)
    train(ws, OZON, ozon_config("stack", *QUICK))
    table = pd.read_parquet(submit(ws, OZON, "stack", tmp_path))
    assert len(table) == len(asked) + 3
    assert table.target.notna().all()
    assert table.target[0] == pytest.approx(table.target[len(asked)])
    assert table.target[len(asked) + 1] > 0.5  # a product is itself


def test_the_report_names_categories_errors_and_features(trained_pairs, tmp_path):
    path = write_pairs_report(trained_pairs, OZON, ozon_config("stack", *QUICK), tmp_path)
    text = path.read_text(encoding="utf-8")
    for told in (
        "Precision and recall by category",
        "rest",
        "What the booster looks at",
        "scripts/explain.py ozon stack",
    ):
        assert told in text


WATCH = """<script>
addEventListener("load", () => {
  const part = (name) => document.querySelector(`[aria-label="${name}"]`), experiments = part("Experiments");
  document.documentElement.dataset.seen = JSON.stringify({
    width: document.documentElement.scrollWidth - innerWidth,
    cut: experiments.scrollWidth - experiments.clientWidth,
    told: part("Features").querySelector("tbody td:last-child").clientWidth,
  });
});
</script>"""


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium to open the page with")
@pytest.mark.parametrize("width", [400, 1280])
def test_a_browser_shows_all_metrics_at_once_and_sentences_of_a_phone_in_lines(
    trained_pairs, tmp_path, width
):
    path = write_pairs_report(trained_pairs, OZON, ozon_config("stack", *QUICK), tmp_path)
    seen = shown(path.read_text(encoding="utf-8"), WATCH, tmp_path, width)
    assert seen["width"] <= 0 and seen["told"] >= 240  # some words to a line
    assert width < 1280 or seen["cut"] <= 0


def test_the_report_shows_as_errors_what_is_wrong(trained_pairs, tmp_path, monkeypatch):
    found = []

    def spy(ws, pairs, match, among, ascending):
        found.append((match[among], pairs.target[among], ascending))
        return []

    monkeypatch.setattr("goods.report.pairs.gallery", spy)
    path = write_pairs_report(trained_pairs, OZON, ozon_config("stack", *QUICK), tmp_path)
    (missed, matches, _), (taken, others, _) = found
    assert (matches == 1).all() and (others == 0).all()
    assert missed.max() < taken.min()  # the threshold lies between
    assert path.read_text(encoding="utf-8").count("<p>None.</p>") == 2


@pytest.mark.slow
def test_a_study_tunes_the_booster_and_its_fold_is_left_out(tmp_path, offers):
    ws = ozon_workspace(tmp_path, offers)
    settings = ["model.features=[strings]", "tune.trials=2", "tune.startup_trials=1", *QUICK]
    tune(ws, OZON, ozon_config("stack", *settings))
    best = load_experiment(ws.tuning("stack") / "best.yaml")
    assert best.tuned_on == (0,)
    train(ws, OZON, best)
    assert read_json(ws.run("stack-tuned").report)["tuned_on"] == [0]


def test_a_refitted_run_scores_the_test_pairs_with_one_model(tmp_path, offers):
    ws = ozon_workspace(tmp_path, offers)
    train(ws, OZON, ozon_config("stack", *QUICK, "model.features=[strings]", "refit=true"))
    assert (ws.run("stack").fold(-1) / "booster-0.cbm").is_file()


def test_what_does_not_apply_to_pairs_is_refused(trained_pairs, tmp_path):
    for config, told in (
        (ozon_config("words", "pseudo={experiments: [stack]}"), "pseudo: does not apply to pairs"),
        (
            ozon_config("stack", *QUICK, "model.experiments=[stack]", "name=above"),
            "stack is of family pairs itself",
        ),
    ):
        with pytest.raises(GoodsError, match=told):
            train(trained_pairs, OZON, config)
    linear = load_experiment(ROOT / "configs" / "kazanexpress2023" / "linear.yaml")
    with pytest.raises(GoodsError, match="family linear is for a competition that classifies cards"):
        train(trained_pairs, OZON, linear)


def test_what_is_made_for_cards_says_so(trained_pairs):
    with pytest.raises(GoodsError, match="ozon matches products and has folds of pairs, none of cards"):
        load_folds(trained_pairs, pd.read_parquet(trained_pairs.cards))


def test_every_ozon_config_loads():
    names = sorted(path.stem for path in OZON_CONFIGS.glob("*.yaml") if path.stem != "competition")
    assert names == [
        "bi-encoder",
        "bi-encoder-frozen",
        "boosted",
        "cross-encoder",
        "stack",
        "stack-full",
        "words",
    ]
    for name in names:
        assert ozon_config(name).competition == "ozon"


@pytest.mark.slow
@pytest.mark.skipif(not WDC.is_dir(), reason="shared competitions are not here")
def test_real_pairs_reach_what_strings_and_boosting_give(tmp_path):
    competition = OZON.model_copy(update={"n_folds": 2})
    ws = Workspace(tmp_path, "ozon")
    prepare(ws, competition, WDC)
    make_folds(ws, competition)
    train(
        ws, competition, ozon_config("stack", "model.iterations=150", "model.learning_rate=0.2", *NO_OTHERS)
    )
    scores = read_json(ws.run("stack").report)["scores"]
    assert scores["pr_auc_prefix"] > 0.82
    assert scores["best_f1"] > 0.82
