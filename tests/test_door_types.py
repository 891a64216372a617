"""Types, ids and containers of other kinds are read as the plain file is, or noted, or refused."""

from __future__ import annotations

import decimal
import tempfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import competition_config
from disguises import DRESSES, FAULTS, TYPES, as_spark_writes
from file_shop import N_TRAIN, TREE, WORDS, cards_of, write_shop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from goods.cards.table import TEXT_FIELDS, Issues
from goods.competitions import kazanexpress2023, ozon
from goods.core.errors import GoodsError
from goods.core.workspace import Workspace
from goods.prepare.stage import prepare


@pytest.fixture
def plain(tmp_path: Path) -> pd.DataFrame:
    return cards_of(tmp_path / "plain")


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


MIXED = [*TYPES.values(), *(("text_fields", dress) for dress in DRESSES.values())]


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
