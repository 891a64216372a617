"""Shapes of the demo: a tree, class sizes and texts like a real contest's."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pandas as pd
import pytest

from goods.demo import generator as demo
from goods.demo.sizes import real_sizes

ROWS, CLASSES = 20_000, 400


@pytest.fixture(scope="module", params=["wide", "flat"])
def shop(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param) / "shop"
    demo.generate(folder, ROWS, CLASSES, seed=7, images=False, shape=request.param)
    return request.param, pd.read_parquet(folder / "train.parquet"), folder


def test_a_wide_root_has_many_children_of_one_card_and_flat_leaves_hang_below_it(shop):
    shape, train, folder = shop
    path = train.category_name.str.split("->").str[1:]
    depths = path.str.len().groupby(train.category_id).first()
    below_root = path.str[0].value_counts()
    if shape == "flat":
        assert set(depths) == {1}
        assert len(below_root) == CLASSES
    else:
        assert set(depths) == {1, 2, 3}
        assert 0.1 < (depths == 1).mean() < 0.2
        assert (below_root == 1).sum() > 0.6 * (depths == 1).sum()
    tree = pd.read_csv(folder / "categories_tree.csv")
    assert sorted(set(tree.id) - set(tree.parent_id)) == sorted(train.category_id.unique())
    assert train.groupby("category_id").category_name.nunique().max() == 1
    assert train.category_name.nunique() == CLASSES


def test_texts_are_titles_in_two_languages_and_hardly_anything_besides(shop):
    _, train, _ = shop
    cards = train.text_fields.map(json.loads)
    titles = cards.map(lambda card: card["title"])
    words = titles.str.split().str.len()
    assert 5 <= words.median() <= 7
    assert 0.3 < titles.map(str.isascii).mean() < 0.5
    assert (cards.map(lambda card: card["description"]) == "").mean() > 0.95
    assert (train.shop_title == "").mean() == pytest.approx(0.21, abs=0.02)


def test_class_sizes_are_those_of_a_real_contest():
    sizes = real_sizes(88_180, 1_728)
    assert sizes.sum() == 88_180
    assert sizes.min() == 1
    assert 500 < (sizes == 1).sum() < 700
    assert sizes[sizes > 100].sum() / sizes.sum() == pytest.approx(0.78, abs=0.03)
    for rows, classes in ((1, 1), (3, 2), (60, 60), (61, 60), (5000, 80)):
        assert real_sizes(rows, classes).sum() == rows
        assert real_sizes(rows, classes).min() == 1


def test_answers_are_those_of_the_shape(shop):
    shape, train, folder = shop
    truth = demo.answers(ROWS, CLASSES, 7, shape)
    test = pd.read_parquet(folder / "test.parquet")
    assert truth.product_id.tolist() == test.product_id.tolist()
    assert set(truth.category_id) <= set(train.category_id)


def test_a_part_of_the_cards_has_photos(tmp_path):
    for name in ("one", "two"):
        demo.generate(tmp_path / name, 200, 60, shape="wide", photos=50)
    drawn = {split: len(list((tmp_path / "one" / "images" / split).iterdir())) for split in ("train", "test")}
    assert 40 <= drawn["train"] <= 50  # some are missing, as in any shop
    assert 7 <= drawn["test"] <= 10
    one, two = (
        {p.name: p.read_bytes() for p in (tmp_path / name).rglob("*") if p.is_file()}
        for name in ("one", "two")
    )
    assert one == two


def test_further_cards_are_like_the_others_and_change_none_of_them(tmp_path):
    for name, n in (("none", 0), ("some", 900)):
        demo.generate(tmp_path / name, 1000, 60, seed=3, images=False, shape="wide", unlabelled=n)
    files = sorted(path.name for path in (tmp_path / "none").iterdir())
    assert files == ["categories_tree.csv", "test.parquet", "train.parquet"]
    for name in files:
        assert (tmp_path / "none" / name).read_bytes() == (tmp_path / "some" / name).read_bytes()
    train, test, further = (
        pd.read_parquet(tmp_path / "some" / f"{name}.parquet") for name in ("train", "test", "unlabelled")
    )
    assert len(further) == 900 and list(further) == list(test)
    assert not set(further.product_id) & {*train.product_id, *test.product_id}
    assert further.product_id.is_unique
    assert set(further.shop_title) <= set(train.shop_title) | set(test.shop_title)

    def words_of(table):
        return table.text_fields.map(lambda card: json.loads(card)["title"]).str.lower().str.split().explode()

    known = [words_of(table).isin(words_of(train)).mean() for table in (test, further)]
    assert known[1] == pytest.approx(known[0], abs=0.05)
    assert (further.shop_title == "").mean() == pytest.approx(0.21, abs=0.05)
    demo.generate(tmp_path / "some", 1000, 60, seed=3, images=False, shape="wide")  # replaces what it made
    assert sorted(path.name for path in (tmp_path / "some").iterdir()) == files


def test_the_narrow_shape_stays_as_it_is(tmp_path):
    demo.generate(tmp_path / "shop", 300, 70, images=False)
    train = pd.read_parquet(tmp_path / "shop" / "train.parquet")
    told = "\n".join(train.text_fields + train.shop_title + train.category_name)
    sums = [told.encode(), train.category_id.to_numpy(np.int64).tobytes()]
    sums.append((tmp_path / "shop" / "categories_tree.csv").read_bytes())
    assert [hashlib.sha256(part).hexdigest()[:16] for part in sums] == [
        "5dad939b406e4942",
        "1ff794e7241a86dd",
        "8da8c62ca871acbe",
    ]
