"""Ids that files write with decimals or marks between thousands: 12.0, 1,234 and 1 234."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from batches_of_cards import read_new_cards
from table_contests import CSV, config_of, write_csv

from goods.cards.table import Issues
from goods.competitions.guess.section import guess
from goods.competitions.loading import competition_of
from goods.core.errors import GoodsError

Spelling = Callable[[int], str]
DECIMALS, COMMAS, BLANKS = "{}.0".format, "{:,}".format, lambda i: f"{i:,}".replace(",", " ")
PRODUCTS = ("кружка", "миска", "ложка", "вилка")


def contest(folder: Path, train: Spelling, test: Spelling, sample: Spelling) -> Path:
    """Cards from 900 on, so that some ids have no thousands."""
    title = "красная {} {} большая из стали".format
    cards = [f"{train(i)};{title(PRODUCTS[i % 4], i)};вид {i % 4}" for i in range(900, 1100)]
    asked = [f"{test(i)};{title(PRODUCTS[i % 4], i)}" for i in range(1100, 1140)]
    answers = [f"{sample(i)};вид 0" for i in range(1139, 1099, -1)]
    for name, lines in (
        ("train", ["item_id;title;kind", *cards]),
        ("test", ["item_id;title", *asked]),
        ("sample_submission", ["item_id;kind", *answers]),
    ):
        (folder / f"{name}.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("train", "test", "sample", "asked"),
    [
        (DECIMALS, DECIMALS, str, 1139),
        (DECIMALS, str, str, 1139),
        (str, DECIMALS, DECIMALS, 1139),
        (COMMAS, COMMAS, str, 1139),
        (BLANKS, str, COMMAS, 1139),
        (DECIMALS, COMMAS, str, 1139),
        (DECIMALS, DECIMALS, DECIMALS, "1139.0"),
        (COMMAS, COMMAS, COMMAS, "1,139"),
        (BLANKS, BLANKS, BLANKS, "1 139"),
    ],
)
def test_ids_are_guessed_and_read_alike_in_all_files_whatever_their_spelling(
    tmp_path, train, test, sample, asked
):
    made = guess(contest(tmp_path, train, test, sample))
    assert made.section["id"] == "item_id" and made.section["submission"]["sample"] == "sample_submission.csv"
    cards = competition_of(config_of(made.section)).read(tmp_path).cards
    assert cards.product_id[cards.split == "test"].iloc[0] == asked


def test_a_number_that_lost_its_last_digits_is_told(tmp_path):
    data = contest(tmp_path, DECIMALS, DECIMALS, str)
    text = (data / "train.csv").read_text(encoding="utf-8")
    (data / "train.csv").write_text(text.replace("\n905.0;", "\n90512345678901234.0;"), encoding="utf-8")
    with pytest.raises(GoodsError, match=r"train\.csv: row 5: 'item_id' .* went through a float"):
        competition_of(config_of(guess(data).section)).read(data)


def test_cards_that_two_files_write_otherwise_are_the_same(tmp_path):
    data = contest(tmp_path, DECIMALS, str, str)
    (data / "test.csv").write_text("item_id;title\n900;кружка\n", encoding="utf-8")
    (data / "sample_submission.csv").unlink()
    section = {"files": {"train": "train.csv", "test": "test.csv"}, "id": "item_id", "title": "title"}
    with pytest.raises(GoodsError, match=r"item_id 900 is in train\.csv and in test\.csv"):
        competition_of(config_of(section | {"target": "kind"})).read(data)


@pytest.mark.parametrize(
    ("known", "spelling", "asked"),
    [
        ([7, 8], DECIMALS, 1139),
        ([7, 8], COMMAS, 1139),
        (["7.0", "8.0"], DECIMALS, "1139.0"),
        (["a7", "8"], str, "1139"),
        (None, str, 1139),
        (None, DECIMALS, "1139.0"),
    ],
)
def test_ids_of_new_cards_are_of_the_kind_that_the_known_ones_are(tmp_path, known, spelling, asked):
    path = tmp_path / "new.csv"
    path.write_text(f"item_id;title\n{spelling(1139)};кружка\n{spelling(1200)};миска\n", encoding="utf-8")
    section = {"files": {"train": "a.csv", "test": "b.csv"}, "id": "item_id", "title": "title"}
    config = config_of(section | {"target": "kind"})
    cards = read_new_cards(path, config, None, Issues(), known=None if known is None else pd.Series(known))
    assert cards.product_id[0] == asked


@pytest.mark.parametrize(("most", "kind"), [(2**63 - 1, int), (2**63, str)])
def test_numbers_of_64_bits_are_numbers_and_longer_ones_texts(tmp_path, most, kind):
    ids = [-(2**63), 10**18, most]
    data = write_csv(
        tmp_path / "raw", {"id": ids, "text": ["a", "b", "c"], "y": ids}, {"id": [2**62], "text": ["d"]}
    )
    cards = (
        competition_of(config_of({"files": CSV, "id": "id", "title": "text", "target": "y"})).read(data).cards
    )
    assert cards.product_id.tolist() == [kind(i) for i in (*ids, 2**62)]
    assert cards.category_id.tolist()[:3] == [kind(i) for i in ids]


def test_a_class_that_lost_its_last_digits_is_told(tmp_path):
    labels = ["12.0", "90512345678901234.0"]
    data = write_csv(
        tmp_path / "raw", {"id": [1, 2], "text": ["a", "b"], "y": labels}, {"id": [3], "text": ["d"]}
    )
    with pytest.raises(GoodsError, match=r"train\.csv: row 1: 'y' .* went through a float"):
        competition_of(config_of({"files": CSV, "id": "id", "title": "text", "target": "y"})).read(data)


LABELS = {"files": CSV, "id": "id", "title": "text", "target": "y", "labels": {"file": "y.csv", "key": "id"}}


@pytest.mark.parametrize(
    ("cards", "labels"),
    [
        (["1212", "13"], ["13.0", "1212.0"]),
        (["1,212", "13"], ["13", "1212"]),
        (["007", "7"], [" 7", "007 "]),
        (["long " * 60, "7"], ["7", "long " * 60]),
    ],
)
def test_labels_are_joined_by_a_key_however_it_is_spelled(tmp_path, cards, labels):
    data = write_csv(
        tmp_path / "raw",
        {"id": [1, 2], "sku": cards, "text": ["a", "b"]},
        {"id": [3], "sku": ["9"], "text": ["d"]},
    )
    pd.DataFrame({"sku": labels, "y": ["second", "first"]}).to_csv(data / "y.csv", index=False)
    section = LABELS | {"labels": {"file": "y.csv", "key": "sku"}}
    cards_read = competition_of(config_of(section)).read(data).cards
    assert cards_read.category_id.tolist()[:2] == ["first", "second"]


@pytest.mark.parametrize(("file", "labels"), [("train", ["1", "2"]), ("y", ["1", None, "2"])])
def test_a_key_that_is_empty_joins_nothing(tmp_path, file, labels):
    train = {"id": [1, 2], "sku": ["1", None if file == "train" else "2"], "text": ["a", "b"]}
    data = write_csv(tmp_path / "raw", train, {"id": [3], "text": ["d"]})
    pd.DataFrame({"sku": labels, "y": range(len(labels))}).to_csv(data / "y.csv", index=False)
    with pytest.raises(GoodsError, match=rf"{file}\.csv: row 1: 'sku' is empty"):
        competition_of(config_of(LABELS | {"labels": {"file": "y.csv", "key": "sku"}})).read(data)
