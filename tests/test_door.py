"""What came in, train beside test: the table, what is loud, and scores that hold on test."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, competition_config, write_shop
from PIL import Image
from sklearn.metrics import f1_score

from goods.cards.labels import Labels
from goods.cards.table import Issues, has_photo
from goods.config.loading import load_experiment
from goods.core.artifacts import read_json
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.prepare.door import describe, differs, lines
from goods.prepare.folds import make_folds
from goods.prepare.stage import prepare
from goods.stack.hiding import hidden, without_photos
from goods.stack.stage import stack
from goods.train.stage import train

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


def test_a_difference_that_chance_makes_is_not_told():
    assert not differs(0.5, 0.0, (1000, 2), 0.1)
    assert differs(0.5, 0.0, (1000, 200), 0.1)
    assert not differs(0.5, 0.45, (100_000, 100_000), 0.1)
    assert not differs(None, 0.4, (1000, 1000), 0.1)
    assert door_of(cards_like(1000, 1))["warnings"] == []


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


def shop_known_by_its_photos(folder: Path) -> tuple[Path, pd.Series]:
    """Photos tell the category and texts nothing; the test cards have none. Returns their true categories too."""
    shop = write_shop(folder, n_train=300)
    known = pd.read_parquet(shop / "train.parquet")
    known["text_fields"] = [json.dumps({"title": f"товар {i % 7}"}, ensure_ascii=False) for i in range(300)]
    known["shop_title"] = "Магазин"
    train, test = known[:240], known[240:]
    (shop / "images" / "train").mkdir(parents=True)
    for product_id, leaf in zip(train.product_id, train.category_id, strict=True):
        noise = np.random.default_rng(product_id).integers(0, 40, (16, 16, 3))
        colour = 200 * np.array([leaf % 2, leaf // 10 - 1, leaf % 10 == 3])
        Image.fromarray((noise + colour).astype(np.uint8)).save(shop / f"images/train/{product_id}.png")
    train.to_parquet(shop / "train.parquet", index=False)
    test.drop(columns=["category_id", "category_name"]).to_parquet(shop / "test.parquet", index=False)
    return shop, test.set_index("product_id").category_id


@pytest.fixture(scope="module")
def without_test_photos(tmp_path_factory) -> tuple[Workspace, pd.Series]:
    """A finished stack of a model of texts and one of photos, and the test cards' true categories."""
    folder = tmp_path_factory.mktemp("photos")
    shop, truth = shop_known_by_its_photos(folder / "shop")
    competition = competition_config()
    ws = Workspace(folder / "work", competition.name)
    prepare(ws, competition, shop)
    make_folds(ws, competition)
    train(ws, competition, load_experiment(CONFIGS / "linear.yaml"))
    train(ws, competition, load_experiment(CONFIGS / "image-frozen.yaml", PHOTOS))
    stack(ws, competition, load_experiment(CONFIGS / "stack.yaml", STACK))
    return ws, truth


def test_the_score_reported_is_the_one_to_expect_where_test_lacks_the_photos(without_test_photos):
    ws, truth = without_test_photos
    assert read_json(ws.run("image-frozen").report)["score"] > 0.8
    said = Predictions.load(ws.run("stack").test)
    predicted = np.array(Labels.load(ws).ids)[said.classes[:, 0]]
    true = f1_score(truth.loc[said.product_id], predicted, average="weighted")
    report = read_json(ws.run("stack").report)
    assert report["score"] == pytest.approx(true, abs=0.1)
    assert report["photos_hidden"] == 1.0


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
