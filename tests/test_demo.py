"""The demo shop: its format, its long tail, its noise, and that it is the same every time."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image, UnidentifiedImageError
from shop import write_shop

from goods.core.errors import GoodsError
from goods.demo import generator as demo
from goods.demo.sizes import class_sizes

ROWS, CLASSES = 1200, 80
TEXT_FIELDS = {
    "title": str,
    "description": str,
    "attributes": list,
    "custom_characteristics": dict,
    "defined_characteristics": dict,
    "filters": dict,
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "shop"
    demo.generate(folder, ROWS, CLASSES, seed=7)
    return folder


@pytest.fixture(scope="module")
def train(shop: Path) -> pd.DataFrame:
    return pd.read_parquet(shop / "train.parquet")


@pytest.fixture(scope="module")
def test(shop: Path) -> pd.DataFrame:
    return pd.read_parquet(shop / "test.parquet")


def all_bytes(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def photo_problem(path: Path) -> str:
    """ "" for a usable photo, else what is wrong with it."""
    if not path.exists():
        return "missing"
    try:
        with Image.open(path) as photo:
            photo.load()
            colours = photo.getcolors(2)
    except (UnidentifiedImageError, OSError):
        return "broken"
    return "blank" if colours is not None else ""


def test_tables_have_the_contest_columns_types_and_row_counts(
    train: pd.DataFrame, test: pd.DataFrame
) -> None:
    types = {
        "product_id": "int64",
        "category_id": "int64",
        "sale": "bool",
        "shop_id": "int64",
        "shop_title": "str",
        "rating": "float64",
        "text_fields": "str",
        "category_name": "str",
    }
    assert {name: str(dtype) for name, dtype in train.dtypes.items()} == types
    assert list(train) == list(types)
    assert list(test) == [name for name in types if name not in ("category_id", "category_name")]
    assert (len(train), len(test)) == (ROWS, ROWS // 5)
    assert pd.concat([train.product_id, test.product_id]).is_unique
    assert not train.isna().any(axis=None)


def test_text_fields_are_json_of_the_contest_shape_with_gaps(train: pd.DataFrame) -> None:
    cards = [json.loads(text) for text in train.text_fields]
    for card in cards:
        assert set(card) <= set(TEXT_FIELDS)
        assert all(isinstance(value, TEXT_FIELDS[name]) for name, value in card.items())
        assert card["title"].strip()
        assert all(": " in line for line in card.get("attributes", []))
        for name in ("custom_characteristics", "defined_characteristics", "filters"):
            assert all(isinstance(value, list) for value in card.get(name, {}).values())
    assert any("filters" not in card for card in cards)
    assert any(card["description"] == "" for card in cards)
    assert any("<ul>" in card["description"] and "&" in card["description"] for card in cards)


def test_the_tree_agrees_with_the_cards_and_its_depth_varies(shop: Path, train: pd.DataFrame) -> None:
    tree = pd.read_csv(shop / "categories_tree.csv").set_index("id")
    assert list(tree.columns) == ["title", "parent_id"]
    assert (tree.loc[1, "title"], tree.loc[1, "parent_id"]) == ("Все категории", 0)
    leaves = sorted(set(tree.index) - set(tree.parent_id))
    assert leaves == sorted(train.category_id.unique())
    assert len(leaves) == CLASSES
    names = train.groupby("category_id").category_name.agg(["first", "nunique"])
    depths = set()
    for leaf in leaves:
        node, path = leaf, []
        while node:
            path.append(tree.title[node])
            node = tree.parent_id[node]
        assert names.loc[leaf, "first"] == "->".join(reversed(path))
        depths.add(len(path) - 1)
    assert (names["nunique"] == 1).all()
    assert depths == {3, 4}


def test_class_sizes_have_a_long_tail_with_single_cards(train: pd.DataFrame) -> None:
    counts = train.category_id.value_counts()
    assert (counts == 1).sum() >= 3
    assert counts.iloc[0] > 5 * counts.median()
    sizes = class_sizes(6000, 80)
    assert sizes.sum() == 6000 and sizes.min() == 1 and 3 <= (sizes == 1).sum() <= 12


def test_every_test_class_has_a_train_card(train: pd.DataFrame, test: pd.DataFrame) -> None:
    truth = demo.answers(ROWS, CLASSES, seed=7)
    assert truth.product_id.tolist() == test.product_id.tolist()
    assert set(truth.category_id) <= set(train.category_id)


def test_some_photos_are_missing_broken_or_blank(shop: Path, train: pd.DataFrame) -> None:
    problems = [photo_problem(shop / "images" / "train" / f"{id_}.jpg") for id_ in train.product_id]
    assert 0.02 < problems.count("missing") / ROWS < 0.09
    assert 1 <= problems.count("broken") <= 0.03 * ROWS
    assert problems.count("blank") <= 0.02 * ROWS
    assert {p.suffix for p in (shop / "images" / "test").iterdir()} == {".jpg"}


def test_the_same_arguments_give_identical_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        demo.generate(tmp_path / name, 300, 60, seed=3)
    demo.generate(tmp_path / "other", 300, 60, seed=4)
    first = all_bytes(tmp_path / "one")
    assert first == all_bytes(tmp_path / "two")
    assert first["train.parquet"] != all_bytes(tmp_path / "other")["train.parquet"]
    assert len(first) > 300


def test_leaving_out_images_does_not_change_the_tables(tmp_path: Path) -> None:
    demo.generate(tmp_path / "with", 200, 60)
    demo.generate(tmp_path / "without", 200, 60, images=False)
    tables = all_bytes(tmp_path / "without")
    assert sorted(tables) == ["categories_tree.csv", "test.parquet", "train.parquet"]
    assert tables.items() <= all_bytes(tmp_path / "with").items()


@pytest.mark.parametrize("classes", [1, 60, 300, 1700, 4000])
def test_the_number_of_classes_is_respected(tmp_path: Path, classes: int) -> None:
    demo.generate(tmp_path / "shop", classes + 10, classes, images=False)
    train = pd.read_parquet(tmp_path / "shop" / "train.parquet")
    assert len(train) == classes + 10
    assert train.category_id.nunique() == train.category_name.nunique() == classes


def test_an_old_shop_is_replaced_but_a_strange_folder_is_not(tmp_path: Path) -> None:
    demo.generate(tmp_path / "shop", 100, 20)
    demo.generate(tmp_path / "shop", 120, 20, images=False)
    assert len(pd.read_parquet(tmp_path / "shop" / "train.parquet")) == 120
    assert not (tmp_path / "shop" / "images").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(GoodsError, match="not a demo shop"):
        demo.generate(tmp_path / "mine", 100, 20)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine", "shop"]


def test_a_real_shop_is_not_replaced(tmp_path: Path) -> None:
    real = write_shop(tmp_path / "real")
    before = {path: path.read_bytes() for path in real.iterdir()}
    with pytest.raises(GoodsError, match="not a demo shop"):
        demo.generate(real, 100, 20, images=False)
    assert {path: path.read_bytes() for path in real.iterdir()} == before
    demo.generate(tmp_path / "shop", 100, 20, images=False)
    (tmp_path / "shop" / "notes.txt").write_text("mine")
    with pytest.raises(GoodsError, match="not a demo shop"):
        demo.generate(tmp_path / "shop", 100, 20, images=False)
    assert (tmp_path / "shop" / "notes.txt").read_text() == "mine"


def test_impossible_sizes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GoodsError, match="every class needs"):
        demo.generate(tmp_path / "shop", rows=10, classes=20)
    with pytest.raises(GoodsError, match="ask for at most"):
        demo.generate(tmp_path / "shop", rows=60_000, classes=50_000)
    assert not (tmp_path / "shop").exists()


@pytest.mark.parametrize(
    "option",
    [
        *(
            "--rows 0",
            "--rows -3",
            "--rows 4 --classes 2",
            "--classes 0",
            "--classes 30 --rows 20 --shape flat",
        ),
        *("--photos 30 --rows 20 --classes 2", "--photos -1 --rows 20 --classes 2", "--seed -1"),
        "--unlabelled -1",
        *("--rows 2 --format ozon", "--seed -1 --format ozon"),
    ],
)
def test_what_no_demo_can_be_made_of_is_one_line_that_names_the_option(run_script, tmp_path, option):
    code, out, err = run_script("make_demo", tmp_path / "shop", *option.split())
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert err.startswith(f"error: {' '.join(option.split()[:2])}")
    assert not (tmp_path / "shop").exists()


def test_what_a_killed_process_left_of_a_shop_is_removed(tmp_path):
    dead, alive = tmp_path / ".shop.999999999.part", tmp_path / f".shop.{os.getppid()}.part"
    for part in (dead, alive):
        part.mkdir()
        (part / "train.parquet").write_bytes(b"half")
    demo.generate(tmp_path / "shop", rows=60, classes=60, images=False)
    assert not dead.exists() and alive.exists()
