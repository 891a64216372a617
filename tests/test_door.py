"""What came in, train beside test: the table, what is loud, and scores that hold on test."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, competition_config, raw_rows, write_shop
from PIL import Image
from sklearn.metrics import f1_score

from goods.cards.hiding import differs, hidden, without_photos
from goods.cards.labels import Labels
from goods.cards.table import Issues, has_photo, load_cards, select
from goods.config.competition import CompetitionConfig
from goods.config.experiment import TuneConfig
from goods.config.loading import load_experiment
from goods.core.artifacts import read_json
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.pipeline import Options, with_possible
from goods.prepare.door import describe, lines
from goods.prepare.folds import load_folds, make_folds
from goods.prepare.stage import prepare
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


def cards_like(n_train: int = 100, n_test: int = 100, **test) -> pd.DataFrame:
    """Cards of four shops, no two with one title, all with photos; `test` columns are those of the test cards."""
    n = n_train + n_test
    cards = pd.DataFrame(
        {
            "product_id": np.arange(n),
            "split": ["train"] * n_train + ["test"] * n_test,
            "title": [f"кружка белая {i:04d}" for i in range(n)],
            "description": "из фарфора",
            "attributes": "Цвет: белый",
            "shop": [f"магазин {i % 4}" for i in range(n)],
            "image": [f"images/{i}.jpg" for i in range(n)],
        }
    )
    for name, value in test.items():
        cards[name] = cards[name].where(cards.split == "train", value)
    return cards


def door_of(cards: pd.DataFrame, issues: Issues | None = None) -> dict:
    target = pd.Series(np.arange((cards.split == "train").sum()) % 5)
    return describe(cards, {"shop": target}, issues or Issues())


def test_splits_alike_are_not_warned_of():
    door = door_of(cards_like())
    assert door["warnings"] == []
    assert door["train"] == door["test"] | {"known_title": 0.0}
    assert door["train"]["rows"] == 100 and door["train"]["photos"] == 1.0
    assert door["train"]["characters"]["title"] == [17, 17]
    assert door["train"]["letters"] == {"cyrillic": 1.0, "latin": 0.0}
    assert door["classes"] == {"shop": {"cards": 100, "classes": 5, "of_one_card": 0, "largest": 20}}


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("image", None, "100 % of the train cards have a photo, 0 % of the test cards"),
        ("description", "", "description is empty in 0 % of the train cards and 100 % of the test cards"),
        ("description", "из фарфора " * 5, "description has 10 characters in a typical train card and 55"),
        ("title", "a white mug", "% of the letters are Cyrillic in train and"),
        ("shop", "новый", "100 % of the test cards are of a shop that no train card has"),
    ],
)
def test_what_differs_between_train_and_test_is_loud(column, value, said):
    door = door_of(cards_like(**{column: value}))
    (warning,) = [text for text in door["warnings"] if said in text]
    assert f"warning: {warning}" in lines(door)


def test_titles_that_repeat_in_train_alone_are_loud():
    cards = cards_like()
    cards.loc[cards.split == "train", "title"] = [f"кружка {i // 2}" for i in range(100)]
    door = door_of(cards)
    assert door["train"]["known_title"] == 1.0 and door["test"]["known_title"] == 0.0
    assert any("group_near_duplicates: true" in text for text in door["warnings"])


def test_near_duplicates_that_are_kept_together_are_no_warning(tmp_path, capsys):
    rows = pd.DataFrame(raw_rows(range(1000, 1200), np.random.default_rng(7)))
    shop = write_shop(tmp_path / "shop", 60, 60)
    pd.concat([rows, rows.assign(product_id=rows.product_id + 500)]).to_parquet(shop / "train.parquet")
    ws = Workspace(tmp_path / "work", "kazanexpress2023")
    prepare(ws, competition_config(), shop)
    assert "set group_near_duplicates" in capsys.readouterr().err
    prepare(ws, competition_config(group_near_duplicates=True), shop)
    assert "group_near_duplicates" not in capsys.readouterr().err
    assert not any("group_near_duplicates" in text for text in read_json(ws.door)["warnings"])


def test_a_difference_that_chance_makes_is_not_told():
    assert not differs(0.5, 0.0, (1000, 2), 0.1)
    assert differs(0.5, 0.0, (1000, 200), 0.1)
    assert not differs(0.5, 0.45, (100_000, 100_000), 0.1)
    assert not differs(None, 0.4, (1000, 1000), 0.1)
    assert door_of(cards_like(1000, 1))["warnings"] == []


def test_ids_that_tell_the_class_are_loud_with_both_shares():
    rng, order = np.random.default_rng(0), np.repeat(np.arange(10), 20)
    ids = rng.permutation(1000)[:200]
    by_id = describe(cards_like(200), {"shop": pd.Series(order[rng.permutation(200)], index=ids)}, Issues())
    assert not any(found["tells"] for found in by_id["order"]) and by_id["warnings"] == []
    door = describe(cards_like(200), {"shop": pd.Series(order, index=np.sort(ids)).sample(frac=1)}, Issues())
    (of_ids, of_rows) = door["order"]
    assert of_ids == {
        "target": "shop",
        "order": "ids",
        "same": round(190 / 199, 6),
        "chance": round(19 / 199, 6),
        "tells": True,
    }
    assert of_rows["order"] == "rows" and not of_rows["tells"]
    (warning,) = door["warnings"]
    assert warning.startswith(
        "the order of ids tells the class: 95.5 % of neighbours are of one class, 9.5 %"
    )
    assert f"warning: {warning}" in lines(door)


def test_an_order_of_rows_that_tells_the_class_is_told_where_ids_do_not():
    classes = {
        "colour": pd.Series(np.repeat([0, 1], 50), index=np.random.default_rng(1).permutation(100)),
        "season": pd.Series(np.arange(100) % 3),
        "few": pd.Series(np.zeros(9)),
    }
    (warning,) = describe(cards_like(), classes, Issues())["warnings"]
    assert warning.startswith("the order of rows in the train file tells the class of colour: 99.0 % of")


def test_cards_of_mostly_one_class_are_no_order():
    rng = np.random.default_rng(2)
    classes = {"shop": pd.Series((rng.random(2000) < 0.05).astype(int))}
    assert describe(cards_like(), classes, Issues())["warnings"] == []


def test_input_problems_are_counted_by_field_and_kind():
    issues = Issues()
    for i in range(3):
        issues.add(i, "image", "missing", "")
    issues.add(1, "title", "empty title", "")
    door = door_of(cards_like(), issues)
    assert door["problems"] == [["image", "missing", 3], ["title", "empty title", 1]]
    assert "  input problems: image: missing 3; title: empty title 1" in lines(door)


def test_prepare_prints_the_table_and_keeps_it(tmp_path, competition, capsys):
    shop = write_shop(tmp_path / "shop", photos=True)
    for photo in (shop / "images" / "test").iterdir():
        photo.unlink()
    ws = Workspace(tmp_path / "work", competition.name)
    prepare(ws, competition, shop)
    said = capsys.readouterr().err.splitlines()
    door = read_json(ws.prepared / "door.json")
    assert (door["train"]["rows"], door["test"]["rows"]) == (240, 40)
    assert (door["train"]["photos"], door["test"]["photos"]) == (1.0, 0.0)
    assert door["classes"]["kazanexpress2023"]["classes"] == 6
    assert any(line.split() == ["with", "a", "photo", "100", "%", "0", "%"] for line in said)
    assert any(line.startswith("warning: 100 % of the train cards have a photo, 0 %") for line in said)


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
        warn_of_photos(ws, experiment, has_photo(cards).mean(), [ws])
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
    said = "fewer than 4 cards have a photo that models may see, as test has fewer: image-frozen left out"
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


def test_only_the_surplus_of_photos_is_hidden_and_the_same_cards_every_time():
    cards = cards_like(400, 100)
    train_cards, test_cards = (cards[cards.split == s].reset_index(drop=True) for s in ("train", "test"))
    test_cards["image"] = test_cards.image.where(test_cards.index < 30, None)
    which = hidden(train_cards, test_cards)
    assert which.mean() == 0.7
    order = np.random.default_rng(0).permutation(400)
    assert (hidden(train_cards.iloc[order], test_cards) == which[order]).all()
    assert has_photo(without_photos(train_cards, which)).mean() == 0.3
    assert not hidden(test_cards, train_cards).any()
    test_cards["image"] = [None] * 5 + ["a.jpg"] * 95
    nothing = hidden(train_cards, test_cards)
    assert not nothing.any() and without_photos(train_cards, nothing) is train_cards
