"""JSON and attributes in other dress are read as the plain file is; what cannot be read is noted, or ends prepare."""

from __future__ import annotations

import datetime
import decimal
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import competition_config
from disguises import DRESSES, spoilt
from file_shop import N_TEST, N_TRAIN, cards_of, write_shop

from goods.cards.table import EXCERPT, Issues
from goods.cards.text import strip_html
from goods.competitions import kazanexpress2022, kazanexpress2023, wildberries
from goods.competitions.characteristics import parse_characteristics
from goods.competitions.ozon_products import cards_of as ozon_cards_of
from goods.core.errors import GoodsError
from goods.core.workspace import Workspace
from goods.prepare.stage import prepare


@pytest.fixture
def plain(tmp_path: Path) -> pd.DataFrame:
    return cards_of(tmp_path / "plain")


@pytest.mark.parametrize("dress", DRESSES)
def test_json_in_other_dress_is_read_as_the_plain_one(dress, plain, tmp_path):
    pd.testing.assert_frame_equal(cards_of(tmp_path / "shop", text_fields=DRESSES[dress]), plain)


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ({"name": "Иван"}, "name: Иван"),
        ([{"name": "Цвет", "value": None}], "Цвет"),
        (
            [{"name": "Цвет", "value": ["синий"]}, {"name": "Цвет", "value": "белый"}],
            "Цвет: синий; Цвет: белый",
        ),
        ([["Цвет: синий"], 5, True], "Цвет: синий; 5; true"),
        ({"name": "Цвет", "value": "синий", "id": 7}, "Цвет: синий"),
    ],
)
def test_attributes_are_objects_lists_or_texts(value, line):
    assert kazanexpress2023.parse_text_fields(json.dumps({"filters": value}))[0]["attributes"] == line


def test_a_struct_without_a_value_is_a_name_alone():
    items = np.array([{"name": "Цвет", "value": None, "unit": None}], dtype=object)
    assert kazanexpress2023.parse_text_fields({"filters": items})[0]["attributes"] == "Цвет"


def test_numbers_keep_their_digits_and_flags_are_told_apart(plain):
    assert plain.attributes[0] == (
        "Объём: 300 мл; Штрихкод: 4601234567990; Новинка: false; Цвет: белый, синий"
    )
    assert "Новинка: true" in plain.attributes[2]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("4601234567890", "4601234567890"),
        ("4601234567890.0", "4601234567890"),
        ("1234567", "1234567"),
        ("1234567.5", "1234567.5"),
        ("0.30000000000000004", "0.3"),
        ("12345678901234567890123", "12345678901234567890123"),
        ("2.50", "2.5"),
        ("NaN", ""),
    ],
)
def test_a_number_is_written_with_all_its_digits(number, text):
    cell = f'{{"title": {number}}}'
    assert kazanexpress2023.parse_text_fields(cell)[0]["title"] == text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("Чехол <Samsung A50> чёрный", "Чехол <Samsung A50> чёрный"),
        ("Чехол <b>Samsung</b> <A50> чёрный", "Чехол Samsung <A50> чёрный"),
        ("объём <5 л> & <10 л>", "объём <5 л> & <10 л>"),
        ("лампа <!не нагревается", "лампа <!не нагревается"),
        ("a <!-- видно", "a <!-- видно"),
        ("<!-- <b>скрыто</b> --> <Samsung> видно", "<Samsung> видно"),
        ("<DIV CLASS='x'>Чашка<BR/>белая</DIV>", "Чашка белая"),
        ("<noindex>Чашка</noindex> <o:p>белая</o:p> <x-y>да</x-y>", "Чашка белая да"),
        ("&lt;Samsung&gt;", "<Samsung>"),
        ("размер <s", "размер <s"),
    ],
)
def test_only_tags_are_stripped(raw, text):
    assert strip_html(raw) == text


@pytest.mark.parametrize("kind", ["list<struct>", "map", "JSON", "str(dict)"])
def test_named_values_of_2022_are_read_in_other_dress(kind, tmp_path):
    pairs = {"Цвет": ["красный", "синий"], "Размер": ["XL"]}
    cells = {
        "list<struct>": pa.array([[{"name": n, "value": v} for n, v in pairs.items()]]),
        "map": pa.array([list(pairs.items())], pa.map_(pa.string(), pa.list_(pa.string()))),
        "JSON": pa.array([json.dumps(pairs)]),
        "str(dict)": pa.array([str(pairs)]),
    }
    table = {"id": [1], "title": ["x"], "short_description": ["y"], "name_value_characteristics": cells[kind]}
    pq.write_table(pa.table(table), tmp_path / "new.parquet")
    cards = kazanexpress2022.read_new(tmp_path / "new.parquet", Issues())
    assert cards.attributes.tolist() == ["Цвет: красный, синий; Размер: XL"]


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        ([{"name": "Пол", "value": "Женский"}], {"Пол": ["Женский"]}),
        (
            '{"Пол": ["Женский"], "Штрихкод": 4601234567890}',
            {"Пол": ["Женский"], "Штрихкод": ["4601234567890"]},
        ),
        ([("Пол", np.array(["Женский"], dtype=object))], {"Пол": ["Женский"]}),
        ([{"charcName": "Новинка", "value": True}], {"Новинка": ["true"]}),
        ("[{'charcName': 'Код', 'value': 46012345678901234567}]", {"Код": ["46012345678901234567"]}),
    ],
)
def test_characteristics_of_wildberries_in_other_dress(raw, found):
    assert parse_characteristics(raw) == (found, None)


def test_characteristics_as_a_column_of_structs(tmp_path):
    items = [{"charcName": "Пол", "charcValues": ["Женский"], "value": None}]
    table = {"nm": [1], "characteristics": [items], "title": pa.array(["платье"]).dictionary_encode()}
    pq.write_table(pa.table(table | {"description": [b"x"]}), tmp_path / "wb.parquet")
    issues = Issues()
    cards = wildberries.read_new(tmp_path / "wb.parquet", issues)
    assert cards[["title", "description"]].to_numpy().tolist() == [["платье", "x"]]
    assert not issues.rows


@pytest.mark.parametrize("dress", [json.dumps, str, lambda v: json.dumps(json.dumps(v)), "struct"])
def test_categories_and_attributes_of_ozon_in_other_dress(dress, tmp_path):
    category = {"1": "EPG", "2": "Дом", "3": "Кухня", "4": "Чайники"}
    mapping, colours = {"Бренд": ["Vekin"], "Код": 4601234567890}, ["Белый", "синий"]
    write = (lambda value: value) if dress == "struct" else dress
    table = {
        "variantid": [1],
        "name": ["Чайник"],
        "categories": [write(category)],
        "characteristic_attributes_mapping": [write(mapping)],
        "color_parsed": [write(colours)],
    }
    pq.write_table(pa.table(table), tmp_path / "train_data.parquet")
    issues = Issues()
    card = ozon_cards_of(tmp_path / "train_data.parquet", "train", issues).iloc[0]
    assert json.loads(card.levels) == list(category.values())
    assert json.loads(card.characteristics) == {"бренд": ["Vekin"], "код": ["4601234567890"]}
    assert json.loads(card.colours) == ["белый", "синий"]
    assert card.attributes == "Бренд: Vekin; Код: 4601234567890"
    assert not issues.rows


def test_too_many_unreadable_cells_end_prepare_unless_allowed(tmp_path, capsys):
    shop = write_shop(tmp_path / "shop", text_fields=spoilt(0.25))
    ws = Workspace(tmp_path / "work", "kazanexpress2023")
    told = r"column 'text_fields': 6 of 24 train cells cannot be read, such as that of product 100: .*max_unreadable"
    with pytest.raises(GoodsError, match=told):
        prepare(ws, competition_config(), shop)
    assert not ws.cards.exists()
    prepare(ws, competition_config(max_unreadable=0.5), shop)
    assert "column 'text_fields': 6 of 24 train cells cannot be read" in capsys.readouterr().err
    assert len(pd.read_parquet(ws.cards)) == N_TRAIN + N_TEST


def test_the_share_of_unreadable_cells_is_that_of_each_split(tmp_path):
    shop = write_shop(tmp_path / "shop")
    whole = pq.read_table(shop / "test.parquet").to_pandas()
    whole.loc[0, "text_fields"] = "{broken"
    whole.to_parquet(shop / "test.parquet")
    with pytest.raises(GoodsError, match="1 of 6 test cells"):
        prepare(Workspace(tmp_path / "work", "kazanexpress2023"), competition_config(), shop)


@pytest.mark.parametrize(
    "raw", ["__import__('os')", "{'a': date(2023, 1, 1)}", "{" * 5000, "{'title': 'x'", "1 +"]
)
def test_what_is_no_literal_is_unreadable(raw):
    assert kazanexpress2023.parse_text_fields(raw)[1]


def test_dates_and_decimals_of_nested_columns_are_texts(tmp_path):
    day, sum_ = datetime.date(2023, 1, 2), decimal.Decimal("1.50")
    fields, problem = kazanexpress2023.parse_text_fields(
        {"title": "x", "filters": {"С": day, "Цена": [sum_]}}
    )
    assert (fields["attributes"], problem) == ("С: 2023-01-02; Цена: 1.50", None)
    when = pa.array([[datetime.datetime(2023, 1, 2)]])
    pq.write_table(pa.table({"variantid": [1], "name": ["x"], "color_parsed": when}), tmp_path / "x.parquet")
    assert json.loads(ozon_cards_of(tmp_path / "x.parquet", "test", Issues()).colours[0]) == [
        "2023-01-02 00:00:00"
    ]


def test_an_unreadable_array_is_told_in_one_line():
    issues = Issues()
    issues.add_unreadable(1, "characteristics", "unreadable", "left out", np.array([{"a": "b" * 60}] * 9))
    ((_, told),) = issues.unreadable["characteristics"]
    assert told.startswith("array([{'a': 'bbb") and told.isprintable() and len(told) == EXCERPT
