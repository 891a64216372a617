"""What stands in the cells of a table: names of photos, attributes, numbers."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from table_contests import CSV, config_of, prepared, write_csv

from goods.competitions import csv_files
from goods.competitions.table_cards import attributes_of
from goods.competitions.table_files import Table
from goods.competitions.table_values import float_of
from goods.config.table import TextFormat
from goods.prepare.stage import prepare


def test_photos_by_pattern_name_and_zip(tmp_path):
    data = write_csv(
        tmp_path / "raw",
        {"image": [11, 12, 13], "product": ["A", "B", "C"], "text": ["a", "b", "c"], "y": ["u", "v", "u"]},
        {"image": [14], "product": ["d"], "text": ["d"]},
    )
    (data / "images" / "deep").mkdir(parents=True)
    photo = Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3))
    photo.save(data / "images" / "deep" / "image_11_product_a.JPG", format="JPEG")
    photo.save(data / "images" / "image_12_product_B.webp")
    photo.save(tmp_path / "p.png")
    with zipfile.ZipFile(data / "image_test.zip", "w") as archive:
        archive.write(tmp_path / "p.png", "x/image_14_product_d.PNG")
    section = {"files": CSV, "title": "text", "target": "y", "photo": "image_{image}_product_{product}.jpg"}
    cards, ws = prepared(tmp_path, data, section)
    assert cards.image.fillna("").tolist() == [
        "images/deep/image_11_product_a.JPG",
        "images/image_12_product_B.webp",
        "",
        "image_test.zip::x/image_14_product_d.PNG",
    ]
    before = ws.cards.stat().st_mtime_ns
    prepare(ws, config_of(section), data)
    assert ws.cards.stat().st_mtime_ns == before  # names of photos are kept: nothing has changed


def test_photos_are_found_by_ids_that_are_texts(tmp_path):
    ids = ["Ab-1", "Ab-1_2", "007"]
    data = write_csv(
        tmp_path / "raw", {"id": ids, "text": ids, "y": ["u", "v", "u"]}, {"id": ["zz"], "text": ["c"]}
    )
    photo = Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3))
    for name in ("Ab-1_1.jpg", "Ab-1_2.jpg", "007.png", "7.png", "zz/3.jpg"):
        path = data / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        photo.save(path)
    cards, _ = prepared(tmp_path, data, {"files": CSV, "id": "id", "title": "text", "target": "y"})
    assert cards.image.tolist() == [
        f"images/{n}" for n in ("Ab-1_1.jpg", "Ab-1_2.jpg", "007.png", "zz/3.jpg")
    ]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ('{"Цвет": ["белый", "синий"], "Вес": 3}', "Цвет: белый, синий; Вес: 3"),
        ('[{"name": "Цвет", "value": "белый"}]', "Цвет: белый"),
        ('[{""a_name"": ""Вес"", ""a_value"": ""3"", ""a_measure"": ""кг""}]', "Вес: 3 кг"),
        ('["новый", "Размер: 5"]', "новый; Размер: 5"),
        ("Цвет: белый; Вес: 3\nЦвет: белый", "Цвет: белый; Вес: 3"),
        (np.array([{"name": "Цвет", "value": "белый"}], dtype=object), "Цвет: белый"),
        ([("Цвет", "белый")], "Цвет: белый"),
        ("<b>просто</b> текст", "просто текст"),
        (None, ""),
    ],
)
def test_attributes_are_read_however_they_are_written(cell, text):
    assert attributes_of(cell) == (text, None)


def test_broken_attributes_are_noted(tmp_path):
    attributes = [json.dumps({"a": 1})] * 29 + ['{"a": ']
    n = len(attributes)
    data = write_csv(
        tmp_path / "raw",
        {"id": range(n), "text": ["x"] * n, "y": ["u", "v"] * 15, "attr": attributes},
        {"id": [99], "text": ["z"], "attr": ["{}"]},
    )
    section = {"files": CSV, "id": "id", "title": "text", "target": "y", "attributes": "attr"}
    _, ws = prepared(tmp_path, data, section)
    issues = pd.read_parquet(ws.issues)
    assert issues[issues.field == "attr"].product_id.tolist() == [29]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1 299,50 ₽", 1299.5),
        ("1,299,000.5", 1299000.5),
        ("1 234,50 руб.", 1234.5),
        ("1\u00a0234,50\u00a0руб", 1234.5),
        ("1.234,50 €", 1234.5),
        ("1.299.000", 1299000.0),
        ("1,299.50 USD", 1299.5),
        ("12.500", 12.5),
        ("-3.5e2", -350.0),
        ("12 x 40", None),
        ("нет", None),
        (".5", 0.5),
    ],
)
def test_numbers_are_read_from_texts(text, number):
    assert float_of(text) == number


def test_a_file_of_many_columns_is_understood_once_and_not_for_each_of_them(tmp_path, monkeypatch):
    path, names, read = tmp_path / "wide.csv", [f"n{i}" for i in range(150)], []
    pd.DataFrame([range(150)] * 3, columns=names).to_csv(path, index=False)
    header = csv_files.csv_header
    monkeypatch.setattr(csv_files, "csv_header", lambda *given: read.append(given) or header(*given))
    assert Table((path,), TextFormat()).frame(names).columns.tolist() == names
    assert len(read) <= 2


@pytest.mark.filterwarnings("error::pandas.errors.PerformanceWarning")
def test_many_numbers_beside_the_text_are_read_without_a_warning(tmp_path):
    wide = {f"n{i}": [i, i + 0.5, i] for i in range(150)}
    train = {"id": [1, 2, 3], "text": ["a", "b", "c"], "y": ["u", "v", "u"], **wide}
    test = {"id": [4, 5, 6], "text": ["d", "e", "f"], **wide}
    section = {"files": CSV, "id": "id", "title": "text", "target": "y", "numbers": list(wide)}
    cards, _ = prepared(tmp_path, write_csv(tmp_path / "raw", train, test), section)
    assert cards["number:n149"].tolist() == [149, 149.5, 149] * 2
