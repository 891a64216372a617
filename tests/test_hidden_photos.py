"""Photos that test lacks are hidden in train: scores out of fold are those to expect on test."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, competition_config, write_shop
from PIL import Image
from sklearn.metrics import f1_score

from goods.cards.hiding import hidden
from goods.cards.labels import Labels
from goods.cards.table import has_photo, load_cards, select
from goods.config.competition import CompetitionConfig
from goods.config.experiment import TuneConfig
from goods.config.loading import load_experiment
from goods.core.artifacts import read_json
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.prepare.folds import load_folds, make_folds
from goods.prepare.stage import prepare
from goods.presets import Options, with_possible
from goods.report import card_explaining
from goods.stack.stage import stack
from goods.submit.prediction import warn_of_photos
from goods.train.rows import rows_seen
from goods.train.stage import train
from goods.tune.objectives import Objective

CONFIGS = ROOT / "configs" / "kazanexpress2023"


PHOTOS = [
    "model.backbone=small_cnn",
    "model.weights=scratch",
    "model.size=16",
    "model.trainer.epochs=30",
    "model.trainer.lr=0.003",
]


STACK = ["model.experiments=[linear,image-frozen]", "model.methods=[blend,catboost]", "model.iterations=10"]


def shop_known_by_its_photos(folder: Path, n_test: int = 60, share: float = 0.0) -> tuple[Path, pd.Series]:
    """Photos tell the category and texts nothing; of the test cards that `share` has one. Returns their true categories
    too."""
    n = 240 + n_test
    shop = write_shop(folder, n_train=n)
    known = pd.read_parquet(shop / "train.parquet")
    known["text_fields"] = [json.dumps({"title": f"товар {i % 7}"}, ensure_ascii=False) for i in range(n)]
    known["shop_title"] = "Магазин"
    train, test = known[:240], known[240:]
    for split, part in (("train", train), ("test", test[: round(share * n_test)])):
        (shop / "images" / split).mkdir(parents=True)
        for product_id, leaf in zip(part.product_id, part.category_id, strict=True):
            noise = np.random.default_rng(product_id).integers(0, 40, (16, 16, 3))
            colour = 200 * np.array([leaf % 2, leaf // 10 - 1, leaf % 10 == 3])
            Image.fromarray((noise + colour).astype(np.uint8)).save(shop / f"images/{split}/{product_id}.png")
    train.to_parquet(shop / "train.parquet", index=False)
    test.drop(columns=["category_id", "category_name"]).to_parquet(shop / "test.parquet", index=False)
    return shop, test.set_index("product_id").category_id


def prepared_shop(folder: Path, **of_test: float) -> tuple[Workspace, CompetitionConfig, pd.Series]:
    shop, truth = shop_known_by_its_photos(folder / "shop", **of_test)
    competition = competition_config()
    ws = Workspace(folder / "work", competition.name)
    prepare(ws, competition, shop)
    make_folds(ws, competition)
    return ws, competition, truth


def score_on_test(ws: Workspace, experiment: str, truth: pd.Series) -> float:
    said = Predictions.load(ws.run(experiment).test)
    predicted = np.array(Labels.load(ws).ids)[said.classes[:, 0]]
    return f1_score(truth.loc[said.product_id], predicted, average="weighted")


@pytest.fixture(scope="module")
def without_test_photos(tmp_path_factory) -> tuple[Workspace, pd.Series]:
    """A finished stack of a model of texts and one of photos, and the test cards' true categories."""
    ws, competition, truth = prepared_shop(tmp_path_factory.mktemp("photos"))
    train(ws, competition, load_experiment(CONFIGS / "linear.yaml"))
    train(ws, competition, load_experiment(CONFIGS / "image-frozen.yaml", PHOTOS))
    stack(ws, competition, load_experiment(CONFIGS / "stack.yaml", STACK))
    return ws, truth


@pytest.mark.parametrize("experiment", ["image-frozen", "stack"])
def test_the_score_reported_is_the_one_to_expect_where_test_lacks_the_photos(without_test_photos, experiment):
    ws, truth = without_test_photos
    report = read_json(ws.run(experiment).report)
    assert report["score"] == pytest.approx(score_on_test(ws, experiment, truth), abs=0.1)
    assert report["photos_hidden"] == 1.0
    assert "photos_hidden" not in read_json(ws.run("linear").report)


def test_new_cards_without_photos_are_no_surprise_to_models_that_saw_none(without_test_photos, capsys):
    ws, _ = without_test_photos
    cards = select(load_cards(ws), "test")
    for experiment in ("image-frozen", "stack"):
        warn_of_photos(ws, experiment, has_photo(cards).mean(), None, [ws])
    assert "warning" not in capsys.readouterr().err


def test_a_train_card_is_explained_as_the_stack_saw_it(without_test_photos, monkeypatch):
    ws, _ = without_test_photos
    seen = []
    tabulated = card_explaining.tabulate
    monkeypatch.setattr(card_explaining, "tabulate", lambda *args: seen.append(args[2]) or tabulated(*args))
    product_id = int(load_cards(ws).product_id[0])
    card_explaining.explain_cards(ws, competition_config(), "stack", [product_id])
    assert [has_photo(card).tolist() for card in seen] == [[False]]


def test_a_whole_run_leaves_out_what_needs_photos_that_all_are_hidden(without_test_photos, tmp_path, capsys):
    ws, _ = without_test_photos
    options = Options(configs=ROOT / "configs", work=tmp_path, out=tmp_path)
    found = with_possible(ws, options, load_experiment(CONFIGS / "stack.yaml", STACK))
    assert found.model.experiments == ("linear",)
    said = "no card has a photo that models may see, as test has fewer: image-frozen left out"
    assert said in capsys.readouterr().err


@pytest.fixture(scope="module")
def some_test_photos(tmp_path_factory) -> tuple[Workspace, CompetitionConfig, pd.Series]:
    """A finished experiment on photos, and neighbours in it, where 30 % of the test cards have one."""
    ws, competition, truth = prepared_shop(tmp_path_factory.mktemp("photos"), n_test=200, share=0.3)
    train(ws, competition, load_experiment(CONFIGS / "image-frozen.yaml", PHOTOS))
    train(ws, competition, load_experiment(CONFIGS / "knn-image.yaml"))
    return ws, competition, truth


@pytest.mark.parametrize("experiment", ["image-frozen", "knn-image"])
def test_an_experiment_on_photos_is_scored_with_as_few_photos_as_test_has(some_test_photos, experiment):
    ws, _, truth = some_test_photos
    report = read_json(ws.run(experiment).report)
    assert report["photos_hidden"] == 0.7
    assert report["score"] == pytest.approx(score_on_test(ws, experiment, truth), abs=0.1)


@pytest.mark.slow
def test_experiments_on_texts_and_photos_are_too(some_test_photos):
    ws, competition, truth = some_test_photos
    quick = ["model.trainer.epochs=30", "model.trainer.lr=0.003"]
    train(ws, competition, load_experiment(CONFIGS / "navec.yaml", ["model.trainer.epochs=2"]))
    train(ws, competition, load_experiment(CONFIGS / "fusion.yaml", quick))
    encoder = [f"model.image.{name.removeprefix('model.')}" for name in PHOTOS[:3]]
    clip = load_experiment(CONFIGS / "clip.yaml", [*quick, *encoder, "model.pretrain.epochs=3"], offline=True)
    train(ws, competition, clip)
    for experiment in ("fusion", "clip"):
        report = read_json(ws.run(experiment).report)
        assert report["photos_hidden"] == 0.7
        assert report["score"] == pytest.approx(score_on_test(ws, experiment, truth), abs=0.1)


@pytest.mark.parametrize("experiment", ["image-frozen", "knn-image"])
def test_models_say_one_thing_of_all_cards_whose_photo_is_hidden(some_test_photos, experiment):
    ws, *_ = some_test_photos
    cards = load_cards(ws)
    train_cards, test_cards = select(cards, "train"), select(cards, "test")
    which, fold = hidden(train_cards, test_cards), load_folds(ws, train_cards)
    said = Predictions.load(ws.run(experiment).oof).aligned(train_cards.product_id.to_numpy())
    for k in range(3):
        proba = np.stack([said.proba_of(c) for c in range(6)], 1)[which & (fold == k)]
        assert len(proba) > 30 and np.allclose(proba, proba[0], atol=1e-6)
        assert proba[0].max() < 0.6  # not of a class that no photo told them: the shares of the classes


def test_a_study_hides_the_same_photos(some_test_photos):
    ws, competition, _ = some_test_photos
    tune = {"folds": [0], "space": {"hidden": {"low": 4, "high": 8}}}
    config = load_experiment(CONFIGS / "image-frozen.yaml", PHOTOS)
    objective = Objective(ws, competition, config.model_copy(update={"tune": TuneConfig(**tune)}))
    assert has_photo(objective.cards).mean() == 0.3 and has_photo(objective.test).mean() == 0.3


def test_what_looks_at_no_photo_is_given_cards_as_they_are(some_test_photos):
    ws, *_ = some_test_photos
    rows, share = rows_seen(ws, load_experiment(CONFIGS / "linear.yaml"))
    assert share == 0 and has_photo(select(rows, "train")).all()
