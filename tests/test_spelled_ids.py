"""Ids that files write with decimals or marks between thousands: 12.0, 1,234 and 1 234."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from table_contests import config_of

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
