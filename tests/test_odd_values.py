"""Values that a column of a table should not hold: read as what they mean, noted, or refused in one line."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from file_shop import write_shop
from table_contests import config_of

from goods.cards.table import Issues
from goods.competitions import kazanexpress2023
from goods.competitions.loading import competition_of
from goods.competitions.raw import Raw, integer_ids, tree_from_names
from goods.competitions.table_values import float_of, floats_of, ids_of, keys_of
from goods.core.errors import GoodsError
from goods.prepare.unreadable import check_unreadable

N = 12
SECTION = {
    "files": {"train": "train.parquet", "test": "test.parquet"},
    "id": "sku",
    "title": "name",
    "target": "kind",
}
LINES = {"train": "train.jsonl", "test": "test.jsonl"}
UNKNOWN_ZONE = pa.array([0] * N, pa.timestamp("us", "Mars/Olympus"))
FAR_DATE = pa.array([30_000_000] * N, pa.int32()).cast(pa.date32())  # in the year 84107


def columns(first: int = 0, **more: Any) -> dict[str, Any]:
    ids = range(1000 + first, 1000 + first + N)
    return {"sku": list(ids), "name": [f"кружка {i}" for i in ids], "kind": [10 + i % 2 for i in ids], **more}


def read(folder: Path, train: dict[str, Any], test: dict[str, Any], **section: Any) -> Raw:
    """What the reader of tables makes of parquet files, or of JSON lines where the files' names say so."""
    config = config_of({**SECTION, **section})
    for name, table in ((config.table.files.train, train), (config.table.files.test, test)):
        if name.endswith(".parquet"):
            pq.write_table(pa.table(table), folder / name)
        else:
            rows = [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
            (folder / name).write_text("\n".join(map(json.dumps, rows)))
    return competition_of(config).read(folder)


def asked(**more: Any) -> dict[str, Any]:
    table = columns(100, **more)
    del table["kind"]
    return table


@pytest.mark.parametrize(
    "cells",
    [
        [[1.0, 2.0]] * N,
        pa.array([[]] * N, pa.list_(pa.int64())),
        [{"a": 1}] * N,
        [datetime.datetime(2023, 1, 1)] * N,
        [datetime.date(2023, 1, 1)] * N,
        [datetime.timedelta(1)] * N,
        [datetime.time(1)] * N,
        [b"abc"] * N,
    ],
    ids=["list", "empty list", "struct", "timestamp", "date", "duration", "time", "bytes"],
)
def test_what_is_no_number_counts_as_missing_and_is_noted(tmp_path, cells):
    raw = read(tmp_path, columns(price=cells), asked(price=cells), numbers=["price"])
    assert raw.cards["number:price"].isna().all()
    assert len(raw.issues.unreadable["price"]) == 2 * N
    with pytest.raises(
        GoodsError, match=r"column 'price': 12 of 12 t.* cells cannot be .*; write that column as numbers"
    ):
        check_unreadable(raw.issues, raw.cards, config_of(SECTION))


def test_a_number_of_hundreds_of_digits_counts_as_missing(tmp_path):
    prices = [10**400, *[5] * (N - 1)]
    raw = read(tmp_path, columns(price=prices), asked(price=prices), numbers=["price"], files=LINES)
    assert raw.cards["number:price"].isna().sum() == 2
    assert (1000, "price", "not a number", "counts as missing") in raw.issues.rows


@pytest.mark.parametrize("role", ["numbers", "categories", "description", "attributes", "target"])
@pytest.mark.parametrize("cells", [UNKNOWN_ZONE, FAR_DATE], ids=["zone", "date"])
def test_times_that_python_cannot_hold_are_refused_in_one_line(tmp_path, role, cells):
    named = {role: ["seen"] if role in ("numbers", "categories") else "seen"}
    with pytest.raises(
        GoodsError, match=r"t\w+.parquet: column 'seen' of .* cannot be read .*; write it as text"
    ):
        read(tmp_path, columns(seen=cells), asked(seen=cells), **named)


def test_decimals_without_a_fraction_are_whole_numbers(tmp_path):
    def decimals(values: list[int], places: int) -> pa.Array:
        return pa.array(map(Decimal, values), pa.decimal128(20, places))

    train, test = columns(), asked()
    train |= {"sku": decimals(train["sku"], 0), "kind": decimals(train["kind"], 2)}
    raw = read(tmp_path, train, test | {"sku": decimals(test["sku"], 0)})
    assert raw.cards.product_id.dtype == "int64"
    assert set(raw.cards.category_id.dropna()) == {10, 11}


def test_classes_that_went_through_a_float_are_refused_with_their_row(tmp_path):
    kinds = [1.0, 1e16, *[2.0] * (N - 2)]
    with pytest.raises(
        GoodsError, match=r"train.parquet: row 1: 'kind' 10000000000000000 went through a float"
    ):
        read(tmp_path, columns(kind=kinds), asked())
    raw = read(tmp_path, columns(kind=[1.0, None] * (N // 2)), asked())
    assert set(raw.cards.category_id.dropna()) == {1}


@pytest.mark.parametrize("files", [SECTION["files"], LINES], ids=["parquet", "json"])
def test_numbers_beyond_64_bits_are_texts(tmp_path, files):
    huge = [2**63 + 5 + i % 2 for i in range(N)]
    table = columns(kind=pa.array(huge, pa.uint64()) if files != LINES else huge)
    raw = read(tmp_path, table, asked(), files=files)
    assert set(raw.cards.category_id.dropna()) == {str(2**63 + 5), str(2**63 + 6)}


def test_halves_of_signs_are_replaced_in_classes_and_names_of_photos(tmp_path):
    table = columns(kind=["a", "a\ud800"] * (N // 2), picture=["\ud800.jpg"] * N)
    raw = read(tmp_path, table, asked(picture=["x"] * N), files=LINES, photo="picture")
    assert set(raw.cards.category_id.dropna()) == {"a", "a\ufffd"}
    assert raw.cards.photo[0] == "\ufffd.jpg"


def test_classes_that_look_alike_are_one_and_told(tmp_path, capsys):
    kinds = ["Чай чёрный", "Чаи\u0306 чёрный", "Чай\u200b чёрный", "Чай\u00a0чёрный", "Чай чёрный ", "Кофе"]
    raw = read(tmp_path, columns(kind=kinds * 2), asked())
    assert len(set(raw.cards.category_id.dropna())) == 2
    assert (
        "1 class is written in several ways that look alike, such as 'Чай чёрный'" in capsys.readouterr().err
    )


def test_a_class_called_as_nothing_is_told(tmp_path):
    raw = read(tmp_path, columns(kind=["nan", "a", "b"] * 4), asked())
    assert raw.warnings == [
        "4 train cards are of a class called 'nan': leave those cells empty if they have none"
    ]


def test_a_class_of_an_attribute_called_as_nothing_is_told_with_the_attribute(tmp_path):
    train = columns(kind=["nan", "a", "b"] * 4, size=["x", "y", None, "None"] * 3)
    raw = read(tmp_path, train, asked(), target={"kind": "kind", "cut": "size"})
    assert raw.warnings == [
        "kind: 4 train cards are of a class called 'nan': leave those cells empty if they have none",
        "cut: 3 train cards are of a class called 'None': leave those cells empty if they have none",
    ]


def test_whole_ids_that_become_texts_by_other_files_are_told(tmp_path):
    raw = read(tmp_path, columns(sku=[f"A{i}" for i in range(N)]), asked())
    assert [warning.partition(":")[0] for warning in raw.warnings] == [
        "ids of test.parquet are whole numbers, those of other files texts"
    ]


@pytest.mark.parametrize("section", [{"target": "name"}, {"categories": ["kind"]}])
def test_a_target_that_cards_are_read_from_is_refused(section):
    with pytest.raises(GoodsError, match="is a target and read as a part of the cards; leave it in one"):
        config_of({**SECTION, **section})


def test_a_target_that_is_the_id_is_refused(tmp_path):
    with pytest.raises(
        GoodsError, match=r"test.parquet: table.id is the target, 'sku'; name the column of ids"
    ):
        read(tmp_path, columns(), asked(), target="sku")


def test_classes_of_a_file_of_their_own_take_no_place_of_a_text(tmp_path):
    pq.write_table(pa.table({"sku": columns()["sku"], "name": ["a", "b"] * (N // 2)}), tmp_path / "y.parquet")
    section = {"labels": {"file": "y.parquet", "key": "sku"}, "target": "name"}
    with pytest.raises(
        GoodsError, match=r"y.parquet: its column 'name' of classes is called as one that cards are"
    ):
        read(tmp_path, columns(), asked(), **section)


def test_the_largest_ids_of_64_bits_are_ids_and_larger_ones_are_none(tmp_path):
    ends = [2**63 - 1, -(2**63)]
    for ids in (pd.Series(ends), pd.Series(ends, dtype=object), pd.Series(ends[:1], dtype="uint64")):
        assert integer_ids(ids.to_frame("id"), "id", tmp_path).tolist() == ids.tolist()
    for ids in (pd.Series([1, 2**63], dtype="uint64"), pd.Series([1, -(2**63) - 1], dtype=object)):
        with pytest.raises(
            GoodsError, match=r"row 1: 'id' -?922337203685477580[89] is not a whole number of 64 bits"
        ):
            integer_ids(ids.to_frame("id"), "id", tmp_path)


@pytest.mark.parametrize("asked", [ids_of, lambda cells, whole, _, path: keys_of(cells, whole, path)])
def test_an_infinite_number_is_no_id(tmp_path, asked):
    with pytest.raises(GoodsError, match=r"row 1: 'id' is empty"):
        asked(pd.Series([1.5, float("inf")], name="id"), False, "id", tmp_path)


def test_a_minus_sign_is_a_minus():
    assert float_of("\u22125,5 °C") == -5.5


def test_classes_in_a_test_file_that_nobody_can_read_do_not_matter(tmp_path):
    data = write_shop(tmp_path)
    table = pq.read_table(data / "test.parquet")
    zone = pa.array([0] * len(table), pa.timestamp("us", "Mars/Olympus"))
    pq.write_table(table.append_column("category_id", zone), data / "test.parquet")
    raw = kazanexpress2023.read(data)
    assert raw.warnings == []
    assert (raw.cards.split == "test").sum() == len(table)


def test_empty_pieces_of_a_path_are_left_out():
    names = pd.Series(["->Дом->->Кружки", "Дом->", "->"])
    tree = tree_from_names(pd.Series([11, 12, 13]), names, Path("train.parquet"))
    assert [tree[i].names for i in (11, 12, 13)] == [("Дом", "Кружки"), ("Дом",), ("13",)]


@pytest.mark.parametrize("cells", [[1e308, 5.0, -1e39], ["1e308", "5", "-1e39"]])
def test_numbers_beyond_float32_count_as_missing_and_are_noted(cells):
    issues = Issues()
    found = floats_of(pd.Series(cells), pd.Series([7, 8, 9]), "price", issues)
    assert found.isna().tolist() == [True, False, True]
    told = ("price", "larger than a number of 32 bits", "counts as missing")
    assert issues.rows == [(7, *told), (9, *told)] and len(issues.unreadable["price"]) == 2
