"""Values nested too deeply to be told, wherever they stand: noted, and the card is kept."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from goods.cards.fields import parse_name_value_characteristics, parse_text_fields
from goods.cards.literals import MAX_NESTED, Malformed, read_cell
from goods.cards.table import Issues
from goods.competitions import wildberries
from goods.competitions.characteristics import parse_characteristics
from goods.competitions.ozon_products import cards_of, colours_of

DEPTHS = [MAX_NESTED + 1, 300, 900, 3_000]


def brackets(depth: int, inside: str = '"x"') -> str:
    return "[" * depth + inside + "]" * depth


def lists(depth: int) -> list:
    value: list = ["x"]
    for _ in range(depth - 1):
        value = [value]
    return value


def column(depth: int) -> pa.Array:
    type_ = pa.string()
    for _ in range(depth):
        type_ = pa.list_(type_)
    return pa.array([lists(depth)], type_)


def test_what_is_told_is_as_deep_as_that():
    assert read_cell(brackets(MAX_NESTED)) == lists(MAX_NESTED)
    flat = json.dumps([[str(i)] for i in range(1_000)])
    assert len(read_cell(flat)) == 1_000


@pytest.mark.parametrize("depth", DEPTHS)
def test_every_cell_that_is_deeper_is_noted(depth):
    deep = brackets(depth)
    with pytest.raises(Malformed):
        read_cell(deep)
    for cell in (
        f'{{"title": {deep}}}',
        {"title": lists(depth)},
        {"title": np.array(lists(depth), dtype=object)},
    ):
        fields, problem = parse_text_fields(cell)
        assert fields["title"] == "" and problem, cell
    assert colours_of(deep) == [deep] and colours_of(lists(depth)) == []
    assert parse_characteristics(deep)[1] and parse_characteristics(lists(depth))[1]
    named = f'[{{"charcName": "Цвет", "charcValues": {deep}}}]'
    assert parse_characteristics(named)[1] and parse_characteristics([{"Цвет": lists(depth)}])[1]
    assert parse_name_value_characteristics({"Цвет": lists(depth)}) == ""


def test_deep_columns_cost_no_card(tmp_path):
    path = tmp_path / "x.parquet"
    names = ("color_parsed", "categories", "characteristic_attributes_mapping")
    deep = column(45)  # pyarrow reads none that is much deeper
    pq.write_table(pa.table({"variantid": [1], "name": ["чайник"], **dict.fromkeys(names, deep)}), path)
    issues = Issues()
    cards = cards_of(path, "test", issues)
    assert cards.product_id.tolist() == [1]
    assert {field for _, field, *_ in issues.rows} == {"categories", "characteristic_attributes_mapping"}
    pq.write_table(pa.table({"nm": [1], "characteristics": deep}), path)
    issues = Issues()
    assert wildberries.read_new(path, issues).product_id.tolist() == [1]
    assert "characteristics" in {field for _, field, *_ in issues.rows}
