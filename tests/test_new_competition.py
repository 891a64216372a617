"""A YAML is written for files nobody has seen; what was guessed is said, and wrong guesses are told."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import ROOT
from guessed import prepared, table_of, words, write
from raw_contests import CONTESTS
from raw_tables import FORMATS
from table_contests import SECTIONS, raw_files

from goods.cards.labels import Labels
from goods.competitions.guess.checks import is_card
from goods.competitions.guess.columns import Column
from goods.competitions.guess.stage import new_competition
from goods.competitions.loading import load_competition
from goods.config.loading import load_experiment
from goods.core.errors import GoodsError
from goods.core.workspace import Workspace
from goods.pipeline import run_all
from goods.prepare.stage import prepare
from goods.presets import Options


@pytest.mark.parametrize("name", FORMATS)
def test_formats_never_seen_are_understood(tmp_path, configs, name, capsys):
    data, hidden = raw_files(tmp_path, name)
    new_competition(name, data, configs)
    section, wanted = table_of(configs, name), SECTIONS[name]
    for key in ("id", "title", "target", "photo"):
        assert section.get(key) == wanted.get(key)
    assert bool(section.get("tree")) == bool(wanted.get("tree"))
    told = capsys.readouterr().err
    assert f"target: '{wanted['target']}' (" in told and "warning" not in told
    ws = Workspace(tmp_path / "work", name)
    prepare(ws, load_competition(name, configs), None)
    cards = pd.read_parquet(ws.cards)
    assert (cards.split == "test").sum() == len(hidden)
    assert set(Labels.load(ws).ids) == set(hidden.tolist())
    stack = load_experiment(configs / name / "stack.yaml").model
    assert ("image-frozen" in stack.experiments) == ("photo" in wanted)
    assert "navec" in stack.experiments  # the texts are Russian


@pytest.mark.parametrize("name", CONTESTS)
def test_contests_that_are_yamls_would_have_been_guessed(tmp_path, configs, name):
    data = tmp_path / "raw"
    data.mkdir()
    CONTESTS[name](data)
    new_competition(name, data, configs)
    guessed, wanted = table_of(configs, name), table_of(ROOT / "configs", name)
    for key in set(wanted) - {"files", "labels", "submission"}:
        assert guessed[key] == wanted[key], key
    assert guessed["files"].keys() == wanted["files"].keys()
    assert guessed.get("labels", {}).get("key") == wanted.get("labels", {}).get("key")


def test_what_may_be_wrong_is_told(tmp_path, configs, capsys):
    n = 50
    train = {
        "id": list(range(n)),
        "title": [w if i % 2 else None for i, w in enumerate(words(n))],
        "description": words(n, 1),
        "added": [f"2024-01-{i % 28 + 1:02d}" for i in range(n)],
        "country": ["RU"] * n,
        "rating": [i / 7 for i in range(n)],
        "label": [f"k{i % 4}" for i in range(n)],
    }
    test = {name: cells[:9] for name, cells in train.items() if name not in ("label", "rating")}
    test |= {"id": list(range(100, 109)), "stock": [1] * 9}
    new_competition("odd", write(tmp_path / "raw", train=train, test=test), configs)
    told = capsys.readouterr().err
    for warning in (
        "test has columns that train lacks, which are not used: 'stock'",
        "not used, as test cards do not have them: 'rating'",
        "'added' holds dates, which are read as texts: not used",
        "'country' is the same in all rows: not used",
        "50% of the cells of 'title' are empty",
    ):
        assert f"warning: {warning}" in told
    assert "target: 'label' (" in told
    section = table_of(configs, "odd")
    assert "numbers" not in section and "categories" not in section


def test_a_column_of_another_name_in_test_is_no_target(tmp_path, configs, capsys):
    n = 60
    brands, prices = [f"brand{i % 7}" for i in range(n)], [100 + i * 13 % 997 for i in range(n)]
    train = {
        "id": list(range(n)),
        "title": words(n),
        "brand": brands,
        "price": prices,
        "kind": list("abcd") * 15,
    }
    test = {"id": list(range(100, 130)), "title": words(30, 2), "vendor": brands[:30], "cost": prices[30:]}
    new_competition("renamed", write(tmp_path / "raw", train=train, test=test), configs)
    told = capsys.readouterr().err
    for pair in ("'brand' of train looks like 'vendor'", "'price' of train looks like 'cost'"):
        assert f"warning: {pair} of test under another name: rename one of both" in told
    assert "target: 'kind' (likely: the only column that test lacks)" in told


def test_a_class_like_a_column_of_test_alone_stays_the_target(tmp_path, configs):
    n = 40
    train = {"id": list(range(n)), "title": words(n), "answer": [i % 9 for i in range(n)]}
    test = {"id": [100, 101, 102], "title": words(3, 2), "stock": [1, 5, 7]}
    new_competition("stock", write(tmp_path / "raw", train=train, test=test), configs)
    assert table_of(configs, "stock")["target"] == "answer"


def test_prices_with_a_unit_are_numbers_and_what_is_left_out_is_named(tmp_path, configs, capsys):
    n = 90
    train = {
        "id": list(range(n)),
        "title": words(n),
        "description": [f"{text} {text}" for text in words(n, 1)],
        "price": [f"1 {200 + i},50 руб" for i in range(n)],
        "made": [f"series{i} rev{i}" for i in range(n)],
        "kind": [f"k{i % 3}" for i in range(n)],
    }
    test = {name: cells[:5] for name, cells in train.items() if name != "kind"} | {
        "id": list(range(100, 105))
    }
    new_competition("priced", write(tmp_path / "raw", train=train, test=test), configs)
    assert table_of(configs, "priced")["numbers"] == ["price"]
    assert (
        "warning: not used, as their cells are neither numbers nor of at most 60 values: 'made'; name them"
        in (capsys.readouterr().err)
    )
    ws = Workspace(tmp_path / "work", "priced")
    prepare(ws, load_competition("priced", configs), None)
    assert pd.read_parquet(ws.cards)["number:price"].tolist()[:2] == [1200.5, 1201.5]


@pytest.mark.parametrize(("sign", "told"), [("|", True), ("; ", True), (",", True), (" - ", False)])
def test_several_classes_in_a_cell_are_told(tmp_path, configs, capsys, sign, told):
    tags = [sign.join("abcdef"[k] for k in range(6) if i >> k & 1) for i in range(1, 64)]
    train = {"id": list(range(189)), "title": words(189), "tags": tags * 3}
    test = {"id": list(range(200, 230)), "title": words(30, 2)}
    new_competition("tags", write(tmp_path / "raw", train=train, test=test), configs)
    line = f"target 'tags' holds several values in a cell, divided by {sign.strip()!r}: each combination counts as a"
    assert (line in capsys.readouterr().err) == told


def test_a_path_of_levels_is_not_several_classes_in_a_cell(tmp_path, configs, capsys):
    paths = [f"shop|{top}|{leaf}" for top in ("men", "women", "kids") for leaf in range(10)]
    train = {"id": list(range(60)), "title": words(60), "path": paths * 2}
    test = {"id": list(range(100, 130)), "title": words(30, 2)}
    new_competition("paths", write(tmp_path / "raw", train=train, test=test), configs)
    assert "several values" not in capsys.readouterr().err


@pytest.mark.parametrize("headless", ["train", "test"])
def test_a_file_without_names_of_columns_is_told(tmp_path, configs, headless):
    n = 40
    train = pd.DataFrame({"id": range(n), "title": words(n), "kind": ["mug", "knife"] * 20})
    test = pd.DataFrame({"id": range(100, 110), "title": words(10, 2)})
    (tmp_path / "raw").mkdir()
    for name, table in (("train", train), ("test", test)):
        table.to_csv(tmp_path / "raw" / f"{name}.csv", index=False, header=name != headless)
    message = rf"{headless}\.csv: its first line looks like a card, .*; write a line of names above it$"
    with pytest.raises(GoodsError, match=message):
        new_competition("headless", tmp_path / "raw", configs)


@pytest.mark.parametrize(
    ("cells", "numeric"),
    [
        (["A1", "B1", "C2"], 0),
        (["XL2", "M1"], 0),
        (["G00", "G11"], 0),
        (["12 kg", "1e5", "USD12", "1 234,50 руб"], 1),
    ],
)
def test_letters_before_a_digit_make_a_code_and_no_number(cells, numeric):
    assert Column("code", pd.Series(cells)).numeric == numeric


def test_a_price_among_the_names_of_columns_is_a_cell():
    cells = {"1000": [1, 2], "mug": ["knife", "cup"], "8 740,84 руб": ["10 руб", "1 200,50 руб"]}
    for names, card in ((list(cells), True), (["id", "mug", "price 2"], False)):
        columns = [Column(name, pd.Series(its)) for name, its in zip(names, cells.values(), strict=True)]
        assert is_card(names, columns) == card


@pytest.mark.parametrize("names", [["0", "1", "2"], ["id", "2019", "2020"], ["", "designation", "code"]])
def test_odd_names_of_columns_are_names(names):
    cells = [[1, 2, 3], [5, 6, 7], [8, 9, 7]] if names[1].isdigit() else [[1, 2, 3], list("abc"), list("xyz")]
    assert not is_card(names, [Column(name, pd.Series(c)) for name, c in zip(names, cells, strict=True)])


def test_a_target_that_test_has_too_is_asked_for(tmp_path, configs, capsys):
    train = {"id": [1, 2, 3, 4], "text": words(4), "label": list("abab")}
    data = write(tmp_path / "raw", train=train, test={"id": [5, 6], "text": words(2), "label": list("ab")})
    with pytest.raises(GoodsError, match=r"competition\.yaml: fill in table\.target, .*one of 'label'$"):
        new_competition("both", data, configs)
    assert "'label' may be the target, but test has it too" in capsys.readouterr().err
    assert table_of(configs, "both")["target"] is None
    with pytest.raises(GoodsError, match=r"key 'table\.target': .*is empty; name the column of the classes"):
        load_competition("both", configs)


def test_a_label_that_is_an_id_is_no_target(tmp_path, configs, capsys):
    train = {"id": [1, 2, 3, 4], "text": words(4), "label": [11, 12, 13, 14]}
    data = write(tmp_path / "raw", train=train, test={"id": [5, 6], "text": words(2)})
    with pytest.raises(GoodsError, match=r"fill in table\.target"):
        new_competition("ids", data, configs)
    assert "'label' has a value of its own in each row: an id, not a class" in capsys.readouterr().err


@pytest.mark.parametrize("order", [1, -1])
def test_numbers_of_rows_are_no_feature(tmp_path, configs, capsys, order):
    n = 40
    cards = {"id": [f"a{i}" for i in range(n)], "title": words(n), "price": [5 * i for i in range(n)]}
    train = cards | {"№": list(range(1, n + 1))[::order], "label": [i % 3 for i in range(n)]}
    test = {"id": ["b0", "b1"], "title": words(2), "price": [1, 2], "№": [1, 2]}
    new_competition("counted", write(tmp_path / "raw", train=train, test=test), configs)
    assert table_of(configs, "counted")["numbers"] == ["price"]
    assert "not used, as they number the rows: '№'" in capsys.readouterr().err


def test_what_is_there_stays_without_force(tmp_path, configs):
    data, _ = raw_files(tmp_path, "columns_of_levels")
    new_competition("mine", data, configs)
    path = configs / "mine" / "competition.yaml"
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(GoodsError, match="is there already; add --force to write it anew"):
        new_competition("mine", data, configs)
    assert path.read_text(encoding="utf-8") == "mine"
    new_competition("mine", data, configs, force=True)
    assert table_of(configs, "mine")["target"] == "level_2"


@pytest.mark.parametrize(
    "names", [("l1", "l2", "l3"), ("category_level_1", "category_level_2", "category_level_3")]
)
def test_of_levels_one_to_one_the_deepest_is_the_target(tmp_path, configs, names):
    n = 60
    kinds = [i % 6 for i in range(n)]
    levels = [[f"top {k % 2}" for k in kinds], [f"middle {k}" for k in kinds], [f"leaf {k}" for k in kinds]]
    cards = {"id": list(range(n)), "title": words(n)}
    test = {"id": [100, 101], "title": words(2, 1)}
    data = write(tmp_path / "raw", train=cards | dict(zip(names, levels, strict=True)), test=test)
    new_competition("levels", data, configs)
    section = table_of(configs, "levels")
    assert section["target"] == names[2] and section["tree"] == {"columns": list(names)}
    paths = Labels.load(prepared(tmp_path, configs, "levels")).paths
    assert ("top 1", "middle 3", "leaf 3") in paths and len(paths) == 6


@pytest.mark.slow
def test_from_an_unknown_folder_to_a_submission(tmp_path, configs):
    data, hidden = raw_files(tmp_path, "text_and_label")
    new_competition("fresh", data, configs)
    options = Options(configs=configs, work=tmp_path / "work", out=tmp_path / "out", offline=True)
    run_all("fresh", options)
    table = pd.read_parquet(tmp_path / "out" / "fresh" / "result.parquet")
    assert list(table.columns) == ["id", "label"] and table.id.tolist() == list(range(len(hidden)))
    assert (table.label.to_numpy() == hidden.to_numpy()).mean() > 0.8


def test_photos_decimals_and_dates_of_parquet_are_no_attributes(tmp_path, configs, capsys):
    data = tmp_path / "data"
    data.mkdir()
    for name, first, n in (("train", 0, 60), ("test", 500, 20)):
        columns = {
            "number": range(first, first + n),
            "name": [f"кружка белая большая {i}" for i in range(n)],
            "cost": [Decimal(i) / 4 for i in range(n)],
            "seen": [datetime.date(2023, 1, 1 + i % 28) for i in range(n)],
            "picture": [{"bytes": b"\xff\xd8\xff%d" % i, "path": None} for i in range(n)],
            "thumbnail": [b"\x89PNG\r\n\x1a\n\x00%d" % i for i in range(n)],
        }
        kinds = {"kind": ["a", "b"] * 30} if name == "train" else {}
        pq.write_table(pa.table(columns | kinds), data / f"{name}.parquet")
    new_competition("shop", data, configs)
    table = load_competition("shop", configs).table
    assert table.numbers == ("cost",) and table.attributes is None and table.title == "name"
    said = capsys.readouterr().err
    for name in ("picture", "thumbnail"):
        assert f"{name!r} holds bytes that are no text: not used; if they are photos" in said


def test_names_of_columns_with_halves_of_signs_are_read(tmp_path, configs):
    data = tmp_path / "data"
    data.mkdir()
    for name, first in (("train", 0), ("test", 500)):
        rows = [{"sku": first + i, "name": f"кружка белая {i}", "\ud800": i % 5} for i in range(40)]
        if name == "train":
            rows = [row | {"kind": "ab"[i % 2]} for i, row in enumerate(rows)]
        text = "\n".join(map(json.dumps, rows))
        (data / f"{name}.jsonl").write_text(text)
    new_competition("shop", data, configs)
    assert load_competition("shop", configs).table.target == "kind"
