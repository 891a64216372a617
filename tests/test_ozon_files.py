"""Raw files of the matching competition, bad ones included."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import OZON, ozon_config

from goods.competitions.ozon import read_ozon
from goods.core.errors import GoodsError
from goods.core.workspace import Workspace
from goods.prepare.folds import make_folds
from goods.prepare.stage import prepare
from goods.train.stage import train


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Five products, six pairs, two test pairs, by hand."""
    cards = pd.DataFrame(
        {
            "variantid": range(1, 6),
            "name": ["Чайник А1", "чайник a1", "Чайник Б2", None, "Кот"],
            "categories": ['{"1": "EPG", "2": "Дом", "3": "Кухня", "4": "Чайники"}'] * 4 + ["{broken"],
            "color_parsed": [["Белый"], None, ["белый", "синий"], [], None],
            "characteristic_attributes_mapping": ['{"Бренд": ["Vekin"]}', None, '{"Бренд": "x"}', "[1]", ""],
        }
    )
    cards.to_parquet(tmp_path / "train_data.parquet", index=False)
    cards.assign(variantid=range(5, 10)).to_parquet(tmp_path / "test_data.parquet", index=False)
    write_pairs(tmp_path, [(1, 2, 1), (1, 3, 0), (2, 3, 0), (3, 4, 0), (4, 5, 1), (2, 5, 0)])
    test = pd.DataFrame({"variantid1": [6, 7, 6, 7], "variantid2": [7, 6, 6, 99]})
    test.to_parquet(tmp_path / "test_pairs_wo_target.parquet", index=False)
    return tmp_path


def write_pairs(folder: Path, rows: list[tuple]) -> None:
    table = pd.DataFrame(rows, columns=["variantid1", "variantid2", "target"])
    table.to_parquet(folder / "train_pairs.parquet", index=False)


def test_cards_and_pairs_are_read(raw):
    found = read_ozon(raw)
    assert found.cards.product_id.tolist() == list(range(1, 10))  # 5 is in both files, once here
    first = found.cards.iloc[0]
    assert (first.title, first.attributes) == ("Чайник А1", "Бренд: Vekin")
    assert json.loads(first.characteristics) == {"бренд": ["Vekin"]}
    assert json.loads(found.cards.colours[2]) == ["белый", "синий"]
    assert found.cards.title[3] == ""
    pairs = found.pairs
    assert pairs.product_id.tolist() == list(range(10))
    assert pairs[pairs.split == "test"].variantid2.tolist() == [7, 6, 6, 99]
    assert set(pairs.category) == {"rest"}
    problems = {(row[0], row[1]) for row in found.issues.rows}
    assert {(4, "characteristic_attributes_mapping"), (5, "categories"), (4, "title")} <= problems


def test_prices_are_read_with_their_signs_and_thousands(raw):
    cards = pd.read_parquet(raw / "train_data.parquet")
    prices = ["$1,299.00", "1 299,50 ₽", "49", None, "on request"]
    cards.assign(price=prices).to_parquet(raw / "train_data.parquet", index=False)
    found = read_ozon(raw)
    np.testing.assert_array_equal(found.cards.price[:5], [1299, 1299.5, 49, np.nan, np.nan])
    assert [row[0] for row in found.issues.rows if row[1] == "price"] == [5]


def test_train_pairs_that_cannot_be_learned_from_are_left_out_and_noted(raw):
    write_pairs(
        raw, [(1, 2, 1), (2, 1, 1), (1, 3, 0), (3, 1, 1), (4, 4, 1), (5, 77, 0), (2, 3, 0), (3, 4, 0)]
    )
    found = read_ozon(raw)
    train_pairs = found.pairs[found.pairs.split == "train"]
    assert list(zip(train_pairs.variantid1, train_pairs.variantid2, strict=True)) == [(1, 2), (2, 3), (3, 4)]
    problems = [row[2] for row in found.issues.rows if row[1] == "pair" and "left out" in row[3]]
    assert len(problems) == 5
    for told in ("with itself", "not in the data", "labelled 0 and 1", "given before"):
        assert any(told in problem for problem in problems)


def test_test_pairs_are_all_kept_whatever_they_name(raw):
    notes = [row for row in read_ozon(raw).issues.rows if row[3] == "predicted all the same"]
    assert {row[2].split(": ")[1] for row in notes} == {
        "names a product that is not in the data",
        "a product with itself",
        "given before, in this or the other order",
    }


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda f: (f / "train_pairs.parquet").unlink(), "train_pairs.parquet: missing"),
        (lambda f: (f / "test_data.parquet").write_bytes(b"PAR1 nonsense"), "not a readable parquet file"),
        (lambda f: write_pairs(f, [(1, 2, 1), (1, 3, 2)]), "row 1: target is not 0 or 1"),
        (
            lambda f: write_pairs(f, [(1, 2, 1), (2, None, 0)]),
            "row 1: 'variantid2' is empty; give that row a whole number",
        ),
        (lambda f: write_pairs(f, [(1, 2, 1), (2, 3, 1)]), "its 2 usable pairs are all alike, of target 1"),
        (
            lambda f: write_pairs(f, [(1, 1, 1), (2, 2, 0)]),
            r"none of its 2 pairs can be learned from, such as 1 with 1 \(a product with itself\); give",
        ),
        (
            lambda f: write_pairs(f, [(1, 2, 1), (2, 1, 0)]),
            r"none of its 2 pairs can be learned from, such as 1 with 2 \(labelled 0 and 1\); give",
        ),
        (lambda f: write_pairs(f, [(71, 72, 1), (1, 2, 0), (8, 99, 1)]), "variantid 71"),
        (
            lambda f: pd.DataFrame({"variantid": [1, 1], "name": ["a", "b"]}).to_parquet(
                f / "train_data.parquet"
            ),
            "variantid 1 occurs more than once",
        ),
        (
            lambda f: pd.DataFrame({"variantid": [1, 2]}).to_parquet(f / "train_data.parquet"),
            "column 'name' is missing",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_file_and_the_mend(raw, damage, told):
    damage(raw)
    with pytest.raises(GoodsError, match=told):
        read_ozon(raw)


def test_a_missing_folder_says_what_belongs_there(tmp_path):
    with pytest.raises(GoodsError, match=r"train_pairs\.parquet.*--data"):
        read_ozon(tmp_path / "nowhere")


def with_embeddings(folder: Path, name: str, column: str, values: list, type_: pa.DataType) -> None:
    table = pq.read_table(folder / name)
    pq.write_table(table.append_column(column, pa.array(values, type_)), folder / name)


def test_embeddings_flat_nested_missing_and_broken(raw):
    pictures = pa.list_(pa.list_(pa.float32()))
    with_embeddings(
        raw,
        "train_data.parquet",
        "pic_embeddings_resnet_v1",
        [[[1, 2], [3, 4]], None, [[5, 6, 7]], [[float("nan"), 1]], [[7, 8]]],
        pictures,
    )
    with_embeddings(
        raw,
        "train_data.parquet",
        "name_bert_64",
        [[1.0, 0.0], None, [0.0, 1.0], [], None],
        pa.list_(pa.float64()),
    )
    with_embeddings(
        raw, "test_data.parquet", "name_bert_64", [[9.0, 9.0]] + [None] * 4, pa.list_(pa.float64())
    )
    found = read_ozon(raw)
    owner, values = found.embeddings["pictures"]
    assert owner.tolist() == [0, 0, 4]
    np.testing.assert_array_equal(values, [[1, 2], [3, 4], [7, 8]])
    owner, values = found.embeddings["name"]
    assert owner.tolist() == [0, 2] and values.dtype == np.float32  # product 5's is the train file's: none
    assert len(found.embeddings["main"][0]) == 0
    noted = {row[0]: row[2] for row in found.issues.rows if row[1] == "pic_embeddings_resnet_v1"}
    assert noted.keys() == {3, 4} and noted[3] == "a vector of 3 numbers, where most are of 2"


def test_embeddings_of_another_kind_are_refused(raw):
    with_embeddings(raw, "train_data.parquet", "name_bert_64", ["1,2"] * 5, pa.string())
    with pytest.raises(GoodsError, match=r"'name_bert_64' is string, expected lists of numbers"):
        read_ozon(raw)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_embeddings_of_endless_numbers_are_left_out(raw):
    values = [[1.0, 2], [1e38, 1e38], [3, 4], [np.inf, 1e300], [5, 6]]
    with_embeddings(raw, "train_data.parquet", "name_bert_64", values, pa.list_(pa.float64()))
    found = read_ozon(raw)
    assert found.embeddings["name"][0].tolist() == [0, 2, 4]
    told = {row[0]: row[2] for row in found.issues.rows if row[1] == "name_bert_64"}
    assert told == dict.fromkeys((2, 4), "a vector with a number that is missing, infinite or beyond 1e+15")


def test_prices_that_are_no_numbers_and_contradictions_are_noted(raw):
    cards = pd.read_parquet(raw / "train_data.parquet").assign(price=["10.5", "on request", None, "7", "8"])
    cards.to_parquet(raw / "train_data.parquet", index=False)
    found = read_ozon(raw)
    assert found.cards.price[[0, 1, 3]].tolist()[::2] == [10.5, 7] and np.isnan(found.cards.price[1])
    assert [row[0] for row in found.issues.rows if row[1] == "price"] == [2]
    told = [row[0] for row in found.issues.rows if "told otherwise" in row[2]]
    assert told == [5]  # "Кот" in one file, "Чайник А1" in the other
    assert found.cards.title[found.cards.product_id == 5].tolist() == ["Кот"]


def test_a_damaged_embedding_column_is_refused(raw):
    values = np.random.default_rng(0).normal(size=(5, 64)).tolist()
    with_embeddings(raw, "train_data.parquet", "name_bert_64", values, pa.list_(pa.float64()))
    file = raw / "train_data.parquet"
    start = pq.ParquetFile(file).metadata.row_group(0).column(5).data_page_offset
    bytes_ = bytearray(file.read_bytes())
    bytes_[start : start + 40] = b"\xff" * 40
    file.write_bytes(bytes_)
    with pytest.raises(GoodsError, match=r"'name_bert_64' cannot be read.*copy the file again"):
        read_ozon(raw)


def test_lists_without_any_number_are_no_embeddings(raw):
    with_embeddings(raw, "train_data.parquet", "name_bert_64", [[], [], None, [], []], pa.list_(pa.null()))
    assert len(read_ozon(raw).embeddings["name"][0]) == 0


def test_categories_of_the_metric_are_those_with_more_than_a_thousand_train_pairs(raw):
    n = 1001
    cards = pd.DataFrame({"variantid": range(n + 2), "name": "x", "categories": '{"3": "Кухня"}'})
    cards.to_parquet(raw / "train_data.parquet")
    cards.assign(variantid=range(5000, 5000 + len(cards)), categories='{"3": "Иное"}').to_parquet(
        raw / "test_data.parquet"
    )
    write_pairs(raw, [(i, i + 1, i % 2) for i in range(n)])
    pd.DataFrame({"variantid1": [5000, 1], "variantid2": [5001, 3]}).to_parquet(
        raw / "test_pairs_wo_target.parquet"
    )
    pairs = read_ozon(raw).pairs
    assert set(pairs.category[:n]) == {"Кухня"}
    assert pairs.category[n:].tolist() == ["rest", "Кухня"]
    write_pairs(raw, [(i, i + 1, i % 2) for i in range(n - 1)])
    assert set(read_ozon(raw).pairs.category) == {"rest"}


def test_too_few_pairs_for_the_folds_are_refused(raw, tmp_path):
    write_pairs(raw, [(1, 2, 1), (1, 3, 0)])
    ws = Workspace(tmp_path / "work", "ozon")
    prepare(ws, OZON.model_copy(update={"max_unreadable": 0.25}), raw)
    with pytest.raises(GoodsError, match="2 pairs cannot fill 3 folds; lower n_folds"):
        make_folds(ws, OZON)


def test_test_pairs_whose_answer_is_known_are_warned_of(raw):
    assert not read_ozon(raw).warnings
    write_pairs(raw, [(7, 6, 1), (1, 3, 0), (2, 3, 0)])
    (told,) = read_ozon(raw).warnings  # test pairs 6 with 7, 7 with 6
    assert told.startswith("2 of 4 test pairs are train pairs too, such as 6 with 7")


def test_pairs_that_all_share_a_product_are_refused(raw, tmp_path):
    write_pairs(raw, [(1, 2, 1), (2, 3, 0), (3, 4, 1), (4, 1, 0)])
    competition = OZON.model_copy(update={"n_folds": 2, "max_unreadable": 0.25})
    ws = Workspace(tmp_path / "work", "ozon")
    prepare(ws, competition, raw)
    make_folds(ws, competition)
    with pytest.raises(GoodsError, match=r"single class \(0 rows\).*lower n_folds"):
        train(ws, competition, ozon_config("words"))
