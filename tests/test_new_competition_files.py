"""A YAML is written for files nobody has seen: parts of tables, sample submissions."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from guessed import parts_of, prepared, table_of, words, write

from goods.competitions.guess.stage import new_competition
from goods.competitions.loading import load_competition
from goods.core.errors import GoodsError
from goods.metrics.evaluation import METRICS
from goods.submit.elsewhere import checked_file


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (
            {"train": {"a": [1]}},
            r"holds the test cards \(train\.csv\); give two files of the same columns: train with .+, test with",
        ),
        (
            {"products": {"a": [1]}},
            r"that it holds the train or the test cards \(products\.csv\); give two files of the same columns: train",
        ),
        (
            {"train": {"a": [1]}, "other": {"a": [1]}},
            r"holds the test cards \(other\.csv, train\.csv\); rename it to test with its own suffix",
        ),
        (
            {"one": {"a": [1]}, "other": {"a": [1]}},
            r"train or the test cards \(one\.csv, other\.csv\); rename them to train and test with their own suffix",
        ),
        (
            {},
            r"raw: holds no table \(parquet, CSV .*\); put those of the train and the test cards there, or name",
        ),
    ],
)
def test_a_folder_without_train_or_test_is_refused(tmp_path, configs, tables, message):
    with pytest.raises(GoodsError, match=message):
        new_competition("none", write(tmp_path / "raw", **tables), configs)


def test_numbered_files_are_parts_of_one_table(tmp_path, configs, capsys):
    data = tmp_path / "raw"
    data.mkdir()
    for k, part in zip((0, 1, 2, 10), parts_of(12, 0, 1, 2, 10), strict=True):
        pd.DataFrame(part).to_json(data / f"train_{k}.jsonl.gz", orient="records", lines=True)
    for k, part in zip((1, 2), parts_of(6, 50, 51), strict=True):
        pd.DataFrame(part).drop(columns="label").to_csv(data / f"test_part{k}.csv", index=False)
    new_competition("parts", data, configs)
    files = table_of(configs, "parts")["files"]
    assert files["train"] == [f"train_{k}.jsonl.gz" for k in (0, 1, 2, 10)]  # by number, not by name
    assert files["test"] == ["test_part1.csv", "test_part2.csv"]
    assert "warning" not in capsys.readouterr().err
    cards = pd.read_parquet(prepared(tmp_path, configs, "parts").cards)
    assert cards.split.value_counts().to_dict() == {"train": 48, "test": 12}


def test_numbered_files_of_other_columns_are_told(tmp_path, configs, capsys):
    one, two, test = parts_of(12, 1, 2, 3)
    del test["label"]
    data = write(tmp_path / "raw", train_1=one, train_2=two | {"price": [1] * 12}, test=test)
    new_competition("differ", data, configs)
    told = "warning: train_1.csv, train_2.csv look like parts of one table, but their columns differ"
    assert told in capsys.readouterr().err
    assert table_of(configs, "differ")["files"]["train"] == "train_1.csv"


def test_one_part_in_a_folder_is_what_the_folder_is_called(tmp_path, configs):
    train, test = parts_of(12, 1, 2)
    del test["label"]
    (tmp_path / "raw").mkdir()
    write(tmp_path / "raw" / "train", part_0=train)
    write(tmp_path / "raw" / "test", part_0=test)
    new_competition("folders", tmp_path / "raw", configs)
    assert table_of(configs, "folders")["files"] == {"train": "train/part_0.csv", "test": "test/part_0.csv"}
    cards = pd.read_parquet(prepared(tmp_path, configs, "folders").cards)
    assert cards.split.value_counts().to_dict() == {"train": 12, "test": 12}


def test_of_several_contests_in_one_folder_one_is_asked_for(tmp_path, configs):
    for name in ("groceries", "shoes"):
        train, test = parts_of(12, 1, 2)
        del test["label"]
        (tmp_path / "raw" / name).mkdir(parents=True)
        write(tmp_path / "raw" / name, train=train, test=test)
    with pytest.raises(
        GoodsError, match=rf"^{tmp_path / 'raw'}: .*name one with --data, .*groceries, shoes$"
    ):
        new_competition("both", tmp_path / "raw", configs)
    assert not (configs / "both").exists()
    new_competition("one", tmp_path / "raw" / "shoes", configs)
    assert table_of(configs, "one")["files"] == {"train": "train.csv", "test": "test.csv"}


@pytest.mark.parametrize("sampled", [True, False])
def test_an_id_that_is_there_twice_stays_the_id(tmp_path, configs, capsys, sampled):
    train, test = parts_of(60, 1, 2)
    train["id"][1] = train["id"][0]
    del test["label"]
    sample = {"sample_submission": {"id": test["id"], "label": ["k0"] * 60}} if sampled else {}
    new_competition("twice", write(tmp_path / "raw", train=train, test=test, **sample), configs)
    told = "though 1 of 60 rows of train repeat that of another, such as 100, in 2 rows (0, 1): drop the duplicate rows"
    assert f"warning: 'id' is taken for the id, {told}, or remove table.id" in capsys.readouterr().err
    assert table_of(configs, "twice")["id"] == "id"
    with pytest.raises(GoodsError, match=r"id 100\b"):
        prepared(tmp_path, configs, "twice")


def with_sample(tmp_path: Path, sample: str, **test_ids: list) -> Path:
    train, test = parts_of(12, 1, 2)
    del test["label"]
    data = write(tmp_path / "raw", train=train, test=test | test_ids)
    (data / "sample_submission.csv").write_text(sample, encoding="utf-8")
    return data


@pytest.mark.parametrize(
    ("first", "sign", "style"),
    [
        ("id;label", ";", {"separator": ";"}),
        ("id\tlabel", "\t", {"separator": "\t"}),
        (None, ",", {"header": False}),
        (None, ";", {"separator": ";", "header": False}),
    ],
)
def test_the_sample_passes_as_it_is_written(tmp_path, configs, first, sign, style):
    rows = [f"{200 + i}{sign}k0" for i in range(12)]
    data = with_sample(tmp_path, "\n".join([*([first] if first else []), *rows]) + "\n")
    new_competition("styled", data, configs)
    submission = table_of(configs, "styled")["submission"]
    assert submission["columns"] == {"id": "id", "label": "target"}
    assert {name: submission.get(name) for name in style} == style
    ws = prepared(tmp_path, configs, "styled")
    competition = load_competition("styled", configs)
    assert len(checked_file(ws, competition, data / "sample_submission.csv")) == 12
    spelled = [row.replace(sign, f".0{sign}", 1) for row in rows]
    (tmp_path / "spelled.csv").write_text("\n".join([*([first] if first else []), *spelled]) + "\n")
    assert checked_file(ws, competition, tmp_path / "spelled.csv").iloc[:, 0].tolist() == list(
        range(200, 212)
    )


@pytest.mark.parametrize("first", ["item,answer", "answer,item"])
def test_a_sample_of_other_names_is_matched_by_its_ids(tmp_path, configs, capsys, first):
    rows = [(str(200 + i), "k1") for i in reversed(range(12))]
    rows = rows if first.startswith("item") else [row[::-1] for row in rows]
    data = with_sample(tmp_path, "\n".join([first, *map(",".join, rows)]) + "\n")
    new_competition("renamed", data, configs)
    submission = table_of(configs, "renamed")["submission"]
    assert submission["columns"] == {"item": "id", "answer": "target"}
    assert list(submission["columns"]) == first.split(",") and "warning" not in capsys.readouterr().err
    ws = prepared(tmp_path, configs, "renamed")
    competition = load_competition("renamed", configs)
    assert len(checked_file(ws, competition, data / "sample_submission.csv")) == 12


def test_a_sample_in_a_code_page_of_cyrillic_passes_as_it_is_written(tmp_path, configs):
    data = with_sample(tmp_path, "")
    rows = [f"{200 + i};k0" for i in range(12)]
    text = "\n".join(["Код товара;Подраздел магазина", *rows]) + "\n"
    (data / "sample_submission.csv").write_bytes(text.encode("cp1251"))
    new_competition("cyrillic", data, configs)
    submission = table_of(configs, "cyrillic")["submission"]
    assert (submission["separator"], submission["encoding"]) == (";", "cp1251")
    ws = prepared(tmp_path, configs, "cyrillic")
    competition = load_competition("cyrillic", configs)
    assert len(checked_file(ws, competition, data / "sample_submission.csv")) == 12


def test_a_sample_of_numbered_rows_is_matched_by_the_numbers(tmp_path, configs):
    train, test = parts_of(12, 1, 2)
    del train["id"], test["id"], test["label"]
    data = write(tmp_path / "raw", train=train, test=test, sample={"n": range(12), "answer": ["k0"] * 12})
    new_competition("numbered", data, configs)
    assert table_of(configs, "numbered")["submission"]["columns"] == {"n": "id", "answer": "target"}


def test_a_sample_of_other_ids_and_names_is_told(tmp_path, configs, capsys):
    data = with_sample(tmp_path, "item,answer\n1,k0\n2,k1\n")
    new_competition("foreign", data, configs)
    assert "warning: the sample submission has columns item, answer" in capsys.readouterr().err


def test_how_each_file_was_read_is_said(tmp_path, configs, capsys):
    n, data = 60, tmp_path / "raw"
    data.mkdir()
    train = pd.DataFrame(
        {"id": range(n), "title": words(n), "kind": ["кружки большие", "столовые ложки"] * (n // 2)}
    )
    train.to_csv(data / "train.csv", index=False, sep=";", encoding="cp1251")
    train.assign(id=train.id + n).drop(columns="kind").head(20).to_parquet(data / "test.parquet")
    new_competition("read", data, configs)
    said = capsys.readouterr().err.splitlines()
    assert "table: 60 rows, 3 columns of train from train.csv (cp1251, columns divided by ';')" in said
    assert "table: 20 rows, 2 columns of test from test.parquet" in said


def test_the_metric_says_that_it_is_a_default_and_what_else_there_is(tmp_path, configs):
    train, test = parts_of(60, 1, 2)
    del test["label"]
    new_competition("scored", write(tmp_path / "raw", train=train, test=test), configs)
    lines = (configs / "scored" / "competition.yaml").read_text(encoding="utf-8").splitlines()
    before = " ".join(line.strip("# ") for line in lines[: lines.index("metric: weighted_f1")])
    assert "the files do not say" in before and "the default" in before
    of_cards = {name for name, metric in METRICS.items() if metric.problem == "cards"}
    assert of_cards <= set(re.findall(r"\w+", before)) and "recall_at_75" not in before
    assert max(map(len, lines)) <= 120
