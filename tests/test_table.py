"""Any table of products is a competition by the section `table` of its YAML."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from raw_tables import FORMATS
from table_contests import CSV, SECTIONS, config_of, prepared, raw_files, write_csv

from goods.cards.labels import Labels
from goods.competitions.loading import competition_of
from goods.config.competition import CompetitionConfig
from goods.config.loading import validated
from goods.core.errors import GoodsError
from goods.prepare.folds import make_folds
from goods.problems.kinds import problem_of


@pytest.mark.parametrize("name", FORMATS)
def test_formats_never_seen_become_cards(tmp_path, name):
    data, hidden = raw_files(tmp_path, name)
    cards, ws = prepared(tmp_path, data, SECTIONS[name])
    assert (cards.split == "test").sum() == len(hidden)
    assert (cards.title.str.len() > 10).all()
    labels = Labels.load(ws)
    assert set(labels.ids) == set(hidden.tolist())
    assert type(labels.ids[0]) is type(hidden.tolist()[0])
    assert cards.target[cards.split == "train"].between(0, 5).all()


def test_decimal_commas_and_a_sample_s_order(tmp_path):
    data, _ = raw_files(tmp_path, "semicolons_in_cp1251")
    cards, _ = prepared(tmp_path, data, SECTIONS["semicolons_in_cp1251"])
    test = cards[cards.split == "test"]
    assert test.product_id.tolist() == list(range(309, 279, -1))
    assert cards["number:Цена"].between(100, 2000).all()
    assert set(cards["category:Цвет"]) == {"белый", "синий", "красный"}
    assert cards.description[0].startswith("Артикул 100: ")  # a semicolon within quotes divides nothing


def test_ids_with_zeros_stay_texts_and_photos_come_by_their_paths(tmp_path):
    data, _ = raw_files(tmp_path, "packed_json_lines")
    cards, _ = prepared(tmp_path, data, SECTIONS["packed_json_lines"])
    assert cards.product_id[0] == "0000100"
    has = cards.product_id.astype(int) % 4 > 0
    assert cards.image[has].tolist() == [f"pictures/p{int(i)}.jpg" for i in cards.product_id[has]]
    assert cards.image[~has].isna().all()
    assert cards["number:price"].isna().equals(cards.product_id.astype(int) % 7 == 0)
    assert cards.attributes.str.match("Цвет: .*; Бренд: ").all()


def test_paths_become_a_tree(tmp_path):
    for name in ("parquet_of_structs", "columns_of_levels"):
        folder = tmp_path / name
        folder.mkdir()
        data, _ = raw_files(folder, name)
        _, ws = prepared(folder, data, SECTIONS[name])
        labels = Labels.load(ws)
        assert labels.paths[labels.ids.index("Ножи")] == ("Дом", "Ножи")


def test_numbers_in_parquet_and_in_csv_are_the_same_ids(tmp_path):
    data, _ = raw_files(tmp_path, "folder_of_parts")
    cards, _ = prepared(tmp_path, data, SECTIONS["folder_of_parts"])
    assert cards.product_id.dtype == "int64"
    assert sorted(cards.product_id) == list(range(100, 310))


def test_rows_without_ids_are_numbered_those_of_test_from_zero(tmp_path):
    data = write_csv(tmp_path / "raw", {"text": ["a", "b", "c"], "y": ["u", "v", "u"]}, {"text": ["d", "e"]})
    raw = competition_of(config_of({"files": CSV, "title": "text", "target": "y"})).read(data)
    assert raw.cards.product_id.tolist() == [2, 3, 4, 0, 1]


def test_labels_in_a_file_of_their_own_are_joined_by_a_column_or_row_by_row(tmp_path):
    data = write_csv(tmp_path / "raw", {"": [5, 6, 7], "text": ["a", "b", "c"]}, {"": [8], "text": ["d"]})
    pd.DataFrame({"": [7, 5, 6], "code": [30, 10, 20]}).to_csv(data / "y.csv", index=False)
    section = {
        "files": CSV,
        "id": "",
        "title": "text",
        "target": "code",
        "labels": {"file": "y.csv", "key": ""},
    }
    cards = competition_of(config_of(section)).read(data).cards
    assert dict(zip(cards.product_id, cards.category_id.fillna(0), strict=True)) == {
        5: 10,
        6: 20,
        7: 30,
        8: 0,
    }
    by_row = competition_of(config_of(section | {"labels": {"file": "y.csv"}})).read(data).cards
    assert by_row.category_id.tolist()[:3] == [30, 10, 20]
    pd.DataFrame({"": [7, 5], "code": [30, 10]}).to_csv(data / "y.csv", index=False)
    with pytest.raises(GoodsError, match=r"y\.csv: no row with '' 6, which train\.csv has"):
        competition_of(config_of(section)).read(data)


def test_several_targets_with_missing_values(tmp_path):
    n = 30
    train = {
        "id": list(range(n)),
        "text": [f"вещь {i % 3}" for i in range(n)],
        "Цвет": ["белый" if i % 2 else "синий" for i in range(n)],
        "size": [None if i % 5 == 0 else 40 + i % 3 for i in range(n)],
    }
    data = write_csv(tmp_path / "raw", train, {"id": [90, 91], "text": ["вещь", "вещь"]})
    section = {"files": CSV, "id": "id", "title": "text", "target": {"colour": "Цвет", "size": "size"}}
    cards, ws = prepared(tmp_path, data, section)
    assert Labels.load(ws.target("size")).ids == [40, 41, 42]
    assert (pd.read_parquet(ws.target("size").cards).target >= 0).sum() == 24
    assert (cards.target_size < 0).sum() == 6 + 2
    with pytest.raises(GoodsError, match="cannot name a folder; write target"):
        config_of(section | {"target": ["Цвет товара", "size"]})


def test_cards_without_a_class_or_from_a_file_without_labels_are_unlabelled(tmp_path):
    train = {"id": list(range(9)), "text": ["x"] * 9, "y": ["u", "v", None] * 3}
    data = write_csv(tmp_path / "raw", train, {"id": [90], "text": ["z"]})
    pd.DataFrame({"id": [50, 51], "text": ["p", "q"]}).to_csv(data / "more.csv", index=False)
    files = CSV | {"unlabelled": "more.csv"}
    cards, ws = prepared(tmp_path, data, {"files": files, "id": "id", "title": "text", "target": "y"})
    assert cards.split.value_counts().to_dict() == {"train": 6, "unlabelled": 5, "test": 1}
    assert (cards.target[cards.split != "train"] == -1).all()
    problem = problem_of(ws)
    assert set(problem.rows(ws).split) == {"train", "test"}  # what is fitted, scored and submitted
    assert len(problem.all_rows(ws)) == 12  # what warm-ups and pretraining learn from
    make_folds(ws, config_of({"files": files, "id": "id", "title": "text", "target": "y"}))
    assert len(pd.read_parquet(ws.folds)) == 6


def test_validation_cards_are_train_cards_and_an_array_is_read_as_lines_are(tmp_path):
    data = write_csv(
        tmp_path / "raw", {"id": [1, 2], "text": ["a", "b"], "y": ["u", "v"]}, {"id": [9], "text": ["c"]}
    )
    rows = [{"id": 3, "text": "d", "y": "v"}, {"id": 4, "text": None, "y": "u", "more": {"a": 1}}]
    (data / "dev.json").write_text(json.dumps(rows), encoding="utf-8")
    section = {"files": CSV | {"validation": "dev.json"}, "id": "id", "title": "text", "target": "y"}
    cards = competition_of(config_of(section)).read(data).cards
    assert cards.product_id.tolist() == [1, 2, 3, 4, 9] and cards.title.tolist() == ["a", "b", "d", "", "c"]
    (data / "dev.json").write_text('{"id": 5, "text": "x", "y": "u"}\n{"id": 6,', encoding="utf-8")
    with pytest.raises(GoodsError, match=r"dev\.json: line 2 is not JSON"):
        competition_of(config_of(section)).read(data)


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (["a", "b"], ["b"], "id b is in train.csv and in test.csv; leave it in one"),
        (["a", "a"], ["b"], r"train\.csv: id a occurs more than once, in 2 rows \(0, 1\)"),
        (["a", None], ["b"], r"train\.csv: row 1: 'id' is empty; give that card an id"),
        (["a", "b\u0007"], ["c"], r"train\.csv: row 1: 'id' .* is no id"),
    ],
)
def test_ids_that_are_none_are_refused_with_their_row(tmp_path, train, test, message):
    data = write_csv(
        tmp_path / "raw",
        {"id": train, "text": train, "y": ["u", "v"]},
        {"id": test, "text": ["c"] * len(test)},
    )
    with pytest.raises(GoodsError, match=message):
        competition_of(config_of({"files": CSV, "id": "id", "title": "text", "target": "y"})).read(data)


def test_a_tree_file_names_classes_without_a_card(tmp_path):
    data = write_csv(
        tmp_path / "raw",
        {"id": ["a1", "a2"], "text": ["x", "y"], "cat": ["k1", "k2"]},
        {"id": ["b"], "text": ["z"]},
    )
    rows = {
        "cat_id": ["r", "t", "k1", "k2", "k3"],
        "up": [None, "r", "t", "t", "r"],
        "cat_name": list("ABCDE"),
    }
    pd.DataFrame(rows).to_csv(data / "tree.csv", index=False)
    tree = {"file": "tree.csv", "id": "cat_id", "parent": "up", "title": "cat_name"}
    section = {"files": CSV, "id": "id", "title": "text", "target": "cat", "tree": tree}
    _, ws = prepared(tmp_path, data, section)
    labels = Labels.load(ws)
    assert labels.ids == ["k1", "k2", "k3"]
    assert labels.paths == [("B", "C"), ("B", "D"), ("E",)]


def test_classes_that_a_tree_file_has_by_their_names_are_told_how(tmp_path):
    data = write_csv(
        tmp_path / "raw",
        {"id": ["a1", "a2"], "text": ["x", "y"], "cat": ["cups", "jugs"]},
        {"id": ["b"], "text": ["z"]},
    )
    rows = {"no": [1, 2, 3, 4], "label": ["all", "old", "cups", "jugs"], "up": [None, 1, 2, 1]}
    pd.DataFrame(rows).to_csv(data / "tree.csv", index=False)
    tree = {"file": "tree.csv", "id": "no", "parent": "up", "title": "label"}
    section = {"files": CSV, "id": "id", "title": "text", "target": "cat", "tree": tree}
    with pytest.raises(GoodsError) as problem:
        competition_of(config_of(section)).read(data)
    assert str(problem.value).endswith(
        "class cups is not in tree.csv; add it to the tree or correct the row, or write tree: {id: label, key: no}, "
        "as it is there by its name"
    )
    section["tree"] = tree | {"id": "label", "key": "no"}
    _, ws = prepared(tmp_path, data, section)
    assert Labels.load(ws).paths == [("old", "cups"), ("jugs",)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"title": "nmae"}, r"test\.csv: no column 'nmae' \(table\.title\); its columns are id, text: "),
        ({"numbers": ["price"]}, r"no column 'price' \(table\.numbers\)"),
        (
            {"files": {"train": "trian.csv", "test": "test.csv"}},
            r"trian\.csv: no such file \(table\.files\.train",
        ),
        ({"id": "y"}, r"no column 'y' \(table\.id\)"),
        ({"target": "label"}, r"no column 'label' \(table\.target\)"),
        ({"tree": {"columns": ["top"]}}, r"no column 'top' \(table\.tree\.columns\[0\]\)"),
        ({"submission": {"sample": "sample.csv"}}, r"sample\.csv: its columns are 'id', 'kind'"),
    ],
)
def test_what_the_files_do_not_hold_is_told_with_what_they_hold(tmp_path, change, message):
    data = write_csv(
        tmp_path / "raw", {"id": [1, 2], "text": ["a", "b"], "y": ["u", "v"]}, {"id": [3], "text": ["c"]}
    )
    pd.DataFrame({"id": [3], "kind": ["u"]}).to_csv(data / "sample.csv", index=False)
    section = {"files": CSV, "id": "id", "title": "text", "target": "y"} | change
    with pytest.raises(GoodsError, match=message):
        competition_of(config_of(section)).read(data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": ""}, r"key 'table\.target': .*is empty; name the column of the classes"),
        ({"title": None}, "there is no text to read"),
        ({"target": ["id", "y"]}, "a target of several cannot be called 'id'"),
        ({"tree": {}}, "name one of column, columns and file"),
        ({"submission": {"columns": {"a": "answer"}}}, "holds 'answer'; known are confidence, id, target"),
        ({"tytle": "text"}, "unknown key 'table.tytle'"),
        ({"target": 3}, "key 'table.target': is 3, expected a text or a list or a mapping"),
        ({"target": {"kind": 3}}, "key 'table.target.kind': is 3, expected a text; write '3'"),
        ({"numbers": "price"}, r"key 'table.numbers': is 'price', expected a list; write \[price\]"),
    ],
)
def test_a_section_that_says_too_little_is_refused_with_its_key(change, message):
    with pytest.raises(GoodsError, match=message):
        config_of({"files": CSV, "id": "id", "title": "text", "target": "y"} | change)


def test_the_section_goes_with_its_reader_alone():
    with pytest.raises(GoodsError, match="reader: table needs a section `table`"):
        validated(CompetitionConfig, {"name": "a", "reader": "table", "data": "b"}, Path("c.yaml"))
    with pytest.raises(GoodsError, match="goes with reader: table, not with reader: ozon"):
        config_of({"files": CSV, "title": "text", "target": "y"}, reader="ozon")


def with_sample(folder: Path, sample: str, **submission: object) -> tuple[Path, dict]:
    ids = {"id": [3, 4]} if "id" in submission["columns"].values() else {}
    data = write_csv(
        folder / "raw", {"id": [1, 2], "name": ["a", "b"], "kind": ["u", "v"]}, ids | {"name": ["c", "d"]}
    )
    if not ids:
        pd.read_csv(data / "train.csv").drop(columns="id").to_csv(data / "train.csv", index=False)
    (data / "sample.csv").write_text(sample)
    section = {
        "files": CSV,
        "title": "name",
        "target": "kind",
        "submission": {"sample": "sample.csv", **submission},
    }
    return data, section | ({"id": "id"} if ids else {})


def test_a_sample_without_names_of_columns_gives_its_order_from_its_first_row_on(tmp_path):
    columns = {"kind": "target", "id": "id"}
    data, section = with_sample(tmp_path, "u,4\nu,3\n", columns=columns, header=False)
    cards, _ = prepared(tmp_path, data, section)
    assert cards.product_id[cards.split == "test"].tolist() == [4, 3]
    (data / "sample.csv").write_text("4\n3\n")
    with pytest.raises(GoodsError, match=r"sample\.csv: .*; give one with a column for each of kind, id, w"):
        prepared(tmp_path / "again", data, section)


def test_a_sample_without_ids_has_a_row_for_each_test_card(tmp_path):
    data, section = with_sample(tmp_path, "kind\nu\n", columns={"kind": "target"})
    with pytest.raises(
        GoodsError, match=r"sample\.csv: 1 row for 2 test cards; give the sample that belongs to"
    ):
        prepared(tmp_path, data, section)
    (data / "sample.csv").write_text("kind\nu\nu\n")
    prepared(tmp_path, data, section)
