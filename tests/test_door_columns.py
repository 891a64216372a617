"""What prepare says of single columns, attributes, copies and photos: what test lacks, and what gives classes away."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import competition_config, write_shop
from corpus.shops import offers, school
from table_contests import prepared, write_csv
from test_door import cards_like

from goods.cards.table import Issues
from goods.competitions.ozon import read_ozon
from goods.competitions.wildberries import read_school
from goods.core.artifacts import read_json
from goods.core.workspace import Workspace
from goods.prepare.columns import agreement
from goods.prepare.door import describe
from goods.prepare.stage import prepare

N = 200
CLASSES = np.random.default_rng(0).integers(0, 5, N)


def told(cards: pd.DataFrame, classes: np.ndarray = CLASSES) -> list[str]:
    return describe(cards, {"shop": pd.Series(classes)}, Issues())["warnings"]


def test_a_card_is_not_asked_of_itself_and_ties_are_no_answer():
    values = ["a", "a", "a", "b", "b", "", "", "c", "d", "d", "d", "d"]
    classes = np.array([0, 0, 1, 2, 2, 3, 3, 4, 0, 0, 1, 1])
    known, share = agreement(values, classes)
    assert known == 9  # not the empty ones, nor the only c
    assert share == pytest.approx(2 / 9)  # both b: each a of class 0 and each d has as many of another class


@pytest.mark.parametrize(
    ("column", "label"),
    [
        ("shop", "shop (100 %)"),
        ("category:group", "category 'group' (100 %)"),
        ("number:code", "number 'code' (100 %)"),
        ("attributes", "attribute 'Раздел' (100 %)"),
    ],
)
def test_what_names_the_class_is_told(column, label):
    random = np.random.default_rng(1).integers(0, 5, 2 * N)
    cards = cards_like(N, N).assign(**{"category:group": random.astype(str), "number:code": random * 1.0})
    cards["attributes"] = [f"Цвет: {value}; Раздел: {value + 1}" for value in random]
    assert told(cards) == []
    own = np.concatenate([CLASSES, random[N:]])
    value = {
        "attributes": [f"Цвет: {i % 3}; Раздел: {c}" for i, c in enumerate(own)],
        "number:code": own * 1.0,
    }
    cards[column] = value.get(column, own.astype(str))
    (warning,) = told(cards)
    assert warning.startswith(f"train cards with the same value of {label} are of one class: ")


def test_a_column_is_no_news_where_nearly_all_are_of_one_class():
    rare = (np.arange(N) == 0).astype(int)
    assert told(cards_like(N, N).assign(**{"category:group": "a"}), rare) == []


@pytest.mark.parametrize(
    ("column", "train", "test", "said"),
    [
        ("category:colour", "красный", "", "category 'colour' is filled in 100 % of the train cards and 0 %"),
        (
            "category:colour",
            "красный",
            "red",
            "category 'colour' has in 100 % of the test cards a value that no",
        ),
        (
            "number:price",
            5.0,
            np.nan,
            "number 'price' is filled in 100 % of the train cards and 0 % of the test",
        ),
        (
            "number:price",
            5.0,
            500.0,
            "number 'price' lies outside 5 … 5 in 100 % of the test cards and 0 % of the",
        ),
        (
            "attributes",
            "Цвет: белый; Раздел: а",
            "Цвет: белый",
            "fewer test cards than train cards have the attributes 'Раздел' (100 %, 0 %): ",
        ),
    ],
)
def test_a_column_that_test_cards_lack_or_fill_otherwise_is_told(column, train, test, said):
    cards = cards_like(N, N).assign(**{column: [train] * N + [train] * N})
    assert told(cards) == []
    cards[column] = [train] * N + [test] * N
    (warning,) = told(cards)
    assert warning.startswith(said)


def test_test_cards_that_copy_train_cards_are_told():
    cards = cards_like(N, N)
    cards["title"] = cards.title.str.translate(str.maketrans("0123456789", "абвгдежзик"))
    assert told(cards) == []
    cards.loc[cards.split == "test", "title"] = cards.title[:N].to_numpy()
    (warning,) = told(cards)
    assert warning.startswith(
        "100 % of the test cards are a near-duplicate of a train card, 0 % of the train cards"
    )


def door_of_shop(tmp_path, shop) -> list[str]:
    ws = Workspace(tmp_path / "work", "kazanexpress2023")
    prepare(ws, competition_config(), shop)
    return read_json(ws.door)["warnings"]


def test_photos_that_several_train_cards_have_are_told(tmp_path):
    shop = write_shop(tmp_path / "shop", 60, 60, photos=True)
    assert not [text for text in door_of_shop(tmp_path, shop) if "photo" in text]
    photos = sorted((shop / "images" / "train").iterdir())
    for one, other in zip(photos[::2], photos[1::2], strict=True):
        shutil.copy(one, other)
    (warning,) = [text for text in door_of_shop(tmp_path, shop) if "photo" in text]
    assert warning.startswith(
        "100 % of the train cards with a photo have that of another train card, 0 % of the test"
    )
    for one, other in zip(photos, sorted((shop / "images" / "test").iterdir()), strict=True):
        shutil.copy(one, other)
    for path in photos[1::2]:
        path.unlink()
    found = [text for text in door_of_shop(tmp_path, shop) if "under other ids" in text]
    assert found[0].startswith(
        "0 % of the train cards with a photo have that of another train card, 100 % of the test"
    )


def test_equal_cards_of_different_classes_are_told_with_two_of_them(tmp_path):
    shop = write_shop(tmp_path / "shop", 60, 60)
    train = pd.read_parquet(shop / "train.parquet")
    train.loc[:9, "text_fields"], train.loc[:9, ["shop_title", "sale"]] = (
        train.text_fields[0],
        ["Магазин", True],
    )
    train.loc[:9, "category_id"] = [11] * 9 + [12]
    train.to_parquet(shop / "train.parquet", index=False)
    (warning,) = [text for text in door_of_shop(tmp_path, shop) if "of another class" in text]
    assert warning.startswith(
        "10 train cards (17 %) are equal in all that models see to one of another class, such as"
    )
    assert "1000 and 1009" in warning


def test_classes_in_the_test_file_are_told(tmp_path):
    shop = write_shop(tmp_path / "shop", 60, 60)
    test = pd.read_parquet(shop / "test.parquet")
    test.assign(category_id=0).to_parquet(shop / "test.parquet", index=False)
    assert not [text for text in door_of_shop(tmp_path, shop) if "classes in" in text]
    test.assign(category_id=[11, 12] * 30).to_parquet(shop / "test.parquet", index=False)
    (warning,) = [text for text in door_of_shop(tmp_path, shop) if "classes in" in text]
    assert warning.startswith("test.parquet has classes in 'category_id' too, in 60 of 60 rows: ")


def test_classes_in_the_test_file_of_a_table_are_told(tmp_path):
    rows = {"id": list(range(40)), "name": [f"кружка {i}" for i in range(40)], "kind": ["a", "b"] * 20}
    asked = {"id": list(range(100, 110)), "name": [f"миска {i}" for i in range(10)], "kind": ["a", "b"] * 5}
    data = write_csv(tmp_path / "data", rows, asked)
    section = {
        "files": {"train": "train.csv", "test": "test.csv"},
        "id": "id",
        "title": "name",
        "target": "kind",
    }
    _, ws = prepared(tmp_path, data, section)
    (warning,) = [text for text in read_json(ws.door)["warnings"] if "classes in" in text]
    assert warning.startswith("test.csv has classes in 'kind' too, in 10 of 10 rows")


def test_answers_among_the_characteristics_of_test_cards_are_told_and_not_kept(tmp_path):
    for name, content in school().items():
        if isinstance(content, pa.Table):
            pq.write_table(content, tmp_path / name)
    raw = read_school(tmp_path)
    assert [warning.partition(":")[0] for warning in raw.warnings] == [
        f"wb_school_test.parquet has classes in {name!r} too, in 6 of 6 rows"
        for name in ("Пол", "Возрастные ограничения", "Сезон", "Хрупкость")
    ]
    assert raw.cards[raw.cards.split == "test"].filter(like="target_").isna().all(axis=None)


def test_answers_beside_the_test_pairs_are_told_and_not_kept(tmp_path):
    for name, content in offers().items():
        pq.write_table(content, tmp_path / name)
    path = tmp_path / "test_pairs_wo_target.parquet"
    table = pq.read_table(path)
    pq.write_table(table.append_column("target", pa.array([0, 1, 0, 1, 1])), path)
    raw = read_ozon(tmp_path)
    (warning,) = raw.warnings
    assert warning.startswith("test_pairs_wo_target.parquet has classes in 'target' too, in 5 of 5 rows")
    assert (raw.pairs.target[raw.pairs.split == "test"] == -1).all()
