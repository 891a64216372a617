"""Types, containers, ids and JSON in other dress are read as the plain file is, or noted, or refused."""

from __future__ import annotations

import datetime
import decimal
import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import competition_config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from goods.cards.table import EXCERPT, TEXT_FIELDS, Issues
from goods.cards.text import strip_html
from goods.competitions import kazanexpress2022, kazanexpress2023, ozon, wildberries
from goods.competitions.characteristics import parse_characteristics
from goods.competitions.ozon_products import cards_of as ozon_cards_of
from goods.core.errors import GoodsError
from goods.core.workspace import Workspace
from goods.prepare.stage import prepare

N_TRAIN, N_TEST = 24, 6
TREE = "id,title,parent_id\n1,Все,\n10,Дом,1\n11,Кружки,10\n12,Ложки,10\n"
WORDS = {11: "Кружка", 12: "Ложка"}


def fields(i: int) -> dict:
    leaf = 11 + i % 2
    return {
        "title": f"{WORDS[leaf]} д'Артаньян {i}",
        "description": f"<p>Белая &amp; {i}</p>",
        "attributes": ["Объём: 300 мл"],
        "custom_characteristics": {"Штрихкод": 4601234567890 + i, "Новинка": i % 3 == 0},
        "defined_characteristics": {"Цвет": ["белый", "синий"]},
        "filters": {},
    }


def columns(first: int, n: int) -> dict[str, list]:
    """The plain columns of a small shop in the format of 2023."""
    ids = range(first, first + n)
    return {
        "product_id": list(ids),
        "text_fields": [json.dumps(fields(i), ensure_ascii=False) for i in ids],
        "shop_title": [f"Магазин {i % 3}" for i in ids],
        "sale": [i % 2 == 0 for i in ids],
        "category_id": [11 + i % 2 for i in ids],
    }


def write_shop(folder: Path, tree: str | bytes = TREE, **changed: object) -> Path:
    """A small shop whose columns `changed` replaces or, called with the plain values, converts."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, first, n in (("train", 100, N_TRAIN), ("test", 900, N_TEST)):
        table = columns(first, n)
        for column, change in changed.items():
            table[column] = change(table[column])
        if name == "test":
            del table["category_id"]
        pq.write_table(pa.table(table), folder / f"{name}.parquet")
    (folder / "categories_tree.csv").write_bytes(tree.encode() if isinstance(tree, str) else tree)
    return folder


def cards_of(folder: Path, **changed: object) -> pd.DataFrame:
    return kazanexpress2023.read(write_shop(folder, **changed)).cards


@pytest.fixture
def plain(tmp_path: Path) -> pd.DataFrame:
    return cards_of(tmp_path / "plain")


def rewritten(change):
    """JSON cells → what `change` makes of the values they hold."""
    return lambda cells: [change(json.loads(cell)) for cell in cells]


def named(values: dict) -> list[dict]:
    return [{"name": name, "value": value} for name, value in values.items()]


def with_named_objects(value: dict) -> dict:
    keys = ("custom_characteristics", "defined_characteristics", "filters")
    return value | {key: named(value[key]) for key in keys}


TYPES = {
    "category": ("shop_title", lambda cells: pa.array(cells).dictionary_encode()),
    "category of large text": (
        "shop_title",
        lambda cells: pa.array(cells, pa.large_string()).dictionary_encode(),
    ),
    "category of ids": ("category_id", lambda cells: pa.array(cells).dictionary_encode()),
    "string_view": ("text_fields", lambda cells: pa.array(cells, pa.string_view())),
    "large string": ("text_fields", lambda cells: pa.array(cells, pa.large_string())),
    "binary": ("text_fields", lambda cells: pa.array([c.encode() for c in cells])),
    "large binary": ("shop_title", lambda cells: pa.array([c.encode() for c in cells], pa.large_binary())),
    "binary_view": ("shop_title", lambda cells: pa.array([c.encode() for c in cells], pa.binary_view())),
    "decimal ids": ("product_id", lambda cells: pa.array([decimal.Decimal(f"{c}.00") for c in cells])),
    "text ids": ("product_id", lambda cells: [f" {c}" for c in cells]),
    "text ids with .0": ("category_id", lambda cells: [f"{c}.0" for c in cells]),
    "float ids": ("product_id", lambda cells: pa.array(cells, pa.float64())),
    "unsigned ids": ("product_id", lambda cells: pa.array(cells, pa.uint16())),
    "float flag": ("sale", lambda cells: pa.array([float(c) for c in cells])),
    "text flag": ("sale", lambda cells: [str(c) for c in cells]),
    "decimal flag": ("sale", lambda cells: pa.array([decimal.Decimal(int(c)) for c in cells])),
    "category of flags": ("sale", lambda cells: pa.array(cells).dictionary_encode()),
}


@pytest.mark.parametrize("dress", TYPES)
def test_a_column_of_another_type_is_read_as_the_plain_one(dress, plain, tmp_path):
    column, change = TYPES[dress]
    pd.testing.assert_frame_equal(cards_of(tmp_path / "shop", **{column: change}), plain)


@pytest.mark.parametrize("type_", [pa.bool_(), pa.float64()])
def test_a_flag_without_an_answer_is_false(type_, plain, tmp_path):
    found = cards_of(
        tmp_path / "shop", sale=lambda cells: pa.array([None, *map(float, cells[1:])]).cast(type_)
    )
    assert plain.sale[0] and not found.sale[0]
    assert found.sale[1:N_TRAIN].tolist() == plain.sale[1:N_TRAIN].tolist()


DRESSES = {
    "str(dict)": rewritten(str),
    "JSON in JSON": lambda cells: [json.dumps(cell) for cell in cells],
    "JSON in JSON in JSON": lambda cells: [json.dumps(json.dumps(cell)) for cell in cells],
    "escaped": rewritten(json.dumps),
    "list of named objects": rewritten(lambda v: json.dumps(with_named_objects(v))),
    "struct": lambda cells: pa.array([json.loads(cell) | {"filters": None} for cell in cells]),
    "struct of list<struct>": lambda cells: pa.array(
        [
            json.loads(cell)
            | {
                "custom_characteristics": [
                    {"name": name, "value": as_said(value)}
                    for name, value in json.loads(cell)["custom_characteristics"].items()
                ],
                "filters": None,
            }
            for cell in cells
        ]
    ),
}


def as_said(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


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


def spoilt(share: float):
    """Every so many cells cut off in the middle."""
    return lambda cells: [c[: len(c) // 2] if i < share * len(cells) else c for i, c in enumerate(cells)]


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


def test_an_unreadable_array_is_told_in_one_line():
    issues = Issues()
    issues.add_unreadable(1, "characteristics", "unreadable", "left out", np.array([{"a": "b" * 60}] * 9))
    ((_, told),) = issues.unreadable["characteristics"]
    assert told.startswith("array([{'a': 'bbb") and told.isprintable() and len(told) == EXCERPT


@pytest.mark.parametrize(
    "raw", ["__import__('os')", "{'a': date(2023, 1, 1)}", "{" * 5000, "{'title': 'x'", "1 +"]
)
def test_what_is_no_literal_is_unreadable(raw):
    assert kazanexpress2023.parse_text_fields(raw)[1]


# ids


def refusal(tmp_path: Path, **changed: object) -> str:
    with pytest.raises(GoodsError) as told:
        cards_of(tmp_path / "shop", **changed)
    return str(told.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda cells: pa.array([float(10**17 + c) for c in cells]),
        lambda cells: pa.array([f"1.000000000000{c}e+17" for c in cells]),
        lambda cells: pa.array([f"{10**17 + c}.0" for c in cells]),
        lambda cells: pa.array([2**24 + c for c in cells], pa.int64()).cast(pa.float32(), safe=False),
    ],
)
def test_ids_that_went_through_a_float_are_refused_with_the_reason(change, tmp_path):
    told = refusal(tmp_path, product_id=change)
    assert "train.parquet: row 0: 'product_id'" in told
    assert "went through a float, its last digits are lost; read the source as text or integer" in told
    assert "drop" not in told


def test_long_ids_are_kept_where_they_are_whole(tmp_path):
    for change in (
        lambda cells: [10**17 + c for c in cells],
        lambda cells: [str(10**17 + c) for c in cells],
        lambda cells: pa.array([decimal.Decimal(10**17 + c) for c in cells]),
    ):
        assert cards_of(tmp_path / "shop", product_id=change).product_id[0] == 10**17 + 100


def test_long_whole_numbers_beside_a_null_do_not_become_floats(tmp_path):
    from goods.competitions.raw import read_table

    pq.write_table(pa.table({"kind": [10**17 + 1, None]}), tmp_path / "x.parquet")
    assert int(read_table(tmp_path / "x.parquet", {"kind": "int"}).kind[0]) == 10**17 + 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda cells: [f"sku{c}" for c in cells],
            "is a string, expected int; number them if they are texts",
        ),
        (lambda cells: [f"{c}.5" for c in cells], "'100.5' is not a whole number; mend that row"),
        (lambda cells: ["inf", *map(str, cells[1:])], "row 0: 'product_id' 'inf' is not a whole number"),
        (lambda cells: pa.array([decimal.Decimal("0.5") + c for c in cells]), "row 0: 'product_id' '100.5'"),
        (lambda cells: [str(2**64 + c) for c in cells], "is not a whole number of 64 bits"),
    ],
)
def test_ids_that_are_no_whole_numbers_are_refused_with_their_row(change, told, tmp_path):
    assert told in refusal(tmp_path, product_id=change)


@pytest.mark.parametrize("tree", [None, TREE + "-1,Иное,10\n"])
def test_the_category_that_stands_for_none_is_refused_with_file_and_row(tree, tmp_path):
    shop = write_shop(tmp_path / "shop", TREE if tree is None else tree)
    table = pq.read_table(shop / "train.parquet").to_pandas()
    table["category_name"] = "Дом->" + table.category_id.map(WORDS)
    table.loc[[3, 5], ["category_id", "category_name"]] = (-1, "Иное")
    table.to_parquet(shop / "train.parquet")
    if tree is None:
        (shop / "categories_tree.csv").unlink()
    with pytest.raises(GoodsError, match=r"train\.parquet: row 3: category_id -1 stands for no category"):
        prepare(Workspace(tmp_path / "work", "kazanexpress2023"), competition_config(), shop)


# containers


def as_spark_writes(file: Path) -> None:
    """train.parquet → a folder of two parts, with what Spark leaves beside them."""
    table = pq.read_table(file)
    file.unlink()
    file.mkdir()
    half = len(table) // 2
    for i, part in enumerate((table.slice(0, half), table.slice(half), table.slice(0, 0))):
        pq.write_table(part, file / f"part-0000{i}-af3.snappy.parquet")
        (file / f".part-0000{i}-af3.snappy.parquet.crc").write_bytes(b"crc")
    (file / "_SUCCESS").write_bytes(b"")


def test_a_folder_of_parts_is_one_table(plain, tmp_path):
    shop = write_shop(tmp_path / "shop")
    for name in ("train", "test"):
        as_spark_writes(shop / f"{name}.parquet")
    pd.testing.assert_frame_equal(kazanexpress2023.read(shop).cards, plain)
    ws = Workspace(tmp_path / "work", "kazanexpress2023")
    prepare(ws, competition_config(), shop)
    assert pd.read_parquet(ws.cards).product_id.tolist() == plain.product_id.tolist()


def test_parts_of_different_types_are_one_table(plain, tmp_path):
    shop = write_shop(tmp_path / "shop")
    as_spark_writes(shop / "train.parquet")
    part = shop / "train.parquet" / "part-00001-af3.snappy.parquet"
    table = pq.read_table(part)
    table = table.set_column(0, "product_id", table["product_id"].cast(pa.int32()))
    table = table.set_column(2, "shop_title", table["shop_title"].dictionary_encode())
    pq.write_table(table, part)
    pd.testing.assert_frame_equal(kazanexpress2023.read(shop).cards, plain)


def test_folders_that_hold_no_table_are_refused(tmp_path):
    shop = write_shop(tmp_path / "shop")
    as_spark_writes(shop / "train.parquet")
    for part in (shop / "train.parquet").glob("part-*"):
        (part.parent / "sale=true").mkdir(exist_ok=True)
        part.rename(part.parent / "sale=true" / part.name)
    with pytest.raises(GoodsError, match=r"divided by a column \(sale=true\).*without partitionBy"):
        kazanexpress2023.read(shop)
    (tmp_path / "empty.parquet").mkdir()
    with pytest.raises(GoodsError, match="a folder without parquet files"):
        kazanexpress2023.read_new(tmp_path / "empty.parquet", Issues())


def test_broken_pandas_metadata_is_left_out(plain, tmp_path):
    shop = write_shop(tmp_path / "shop")
    for name in ("train", "test"):
        table = pq.read_table(shop / f"{name}.parquet")
        pq.write_table(table.replace_schema_metadata({"pandas": "{broken"}), shop / f"{name}.parquet")
    pd.testing.assert_frame_equal(kazanexpress2023.read(shop).cards, plain)


def test_embeddings_of_a_folder_of_parts(tmp_path):
    ids = list(range(1, 5))
    table = {"variantid": ids, "name": ["a"] * 4, "name_bert_64": [[float(i)] * 4 for i in ids]}
    for name in ozon.CARD_FILES.values():
        pq.write_table(pa.table(table), tmp_path / name)
        as_spark_writes(tmp_path / name)
    vectors = ozon.embeddings_of(
        tmp_path,
        "name_bert_64",
        {split: pd.DataFrame({"product_id": ids}) for split in ozon.CARD_FILES},
        pd.Index(ids),
        Issues(),
    )
    assert vectors[1][:, 0].tolist() == [1, 2, 3, 4]


# any mix

MIXED = [*TYPES.values(), *(("text_fields", dress) for dress in DRESSES.values())]
FAULTS = [
    ("text_fields", spoilt(0.04)),
    ("product_id", lambda cells: pa.array([float(10**17 + c) for c in cells])),
    ("category_id", lambda cells: [f"{c}.5" for c in cells]),
]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_mix_of_dresses_gives_the_same_cards_or_a_note_or_a_refusal(data, plain, tmp_path):
    chosen = data.draw(st.lists(st.sampled_from([*MIXED, *FAULTS]), max_size=4, unique_by=lambda c: c[0]))
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    write_shop(folder, **dict(chosen))
    for name in data.draw(st.sets(st.sampled_from(["train", "test"]))):
        as_spark_writes(folder / f"{name}.parquet")
    try:
        raw = kazanexpress2023.read(folder)
    except GoodsError:
        assert any(fault in chosen for fault in FAULTS)
        return
    noted = {product_id for product_id, *_ in raw.issues.rows}
    kept = ~plain.product_id.isin(noted)
    assert raw.cards.product_id.tolist() == plain.product_id.tolist()
    pd.testing.assert_frame_equal(raw.cards[kept], plain[kept])
    assert (raw.cards.loc[~kept, list(TEXT_FIELDS)] != plain.loc[~kept, list(TEXT_FIELDS)]).any(axis=1).all()
    assert (~kept).sum() == (2 if FAULTS[0] in chosen else 0)
