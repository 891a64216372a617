"""What came in, train beside test: the table, what is loud, and scores that hold on test."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, competition_config, write_shop
from shop import raw_rows

from goods.cards.hiding import differs, hidden, without_photos
from goods.cards.table import Issues, has_photo
from goods.core.artifacts import read_json
from goods.core.workspace import Workspace
from goods.prepare.door import describe, lines
from goods.prepare.stage import prepare

CONFIGS = ROOT / "configs" / "kazanexpress2023"


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
