"""A table goes from raw files to a submission, its ids in every artifact as they were written."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from raw_tables import FORMATS, splits
from table_contests import SECTIONS, options_of

from goods.competitions.loading import load_competition
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.pipeline import run_all
from goods.presets import Options
from goods.report.explaining import explain
from goods.submit.prediction import predict_file


def run(folder: Path, name: str, section: dict, **settings: object) -> tuple[Options, Workspace, pd.Series]:
    data = folder / "raw"
    data.mkdir()
    hidden = FORMATS[name](data)
    options = options_of(folder, "mine", data, reader="table", table=section, metric="accuracy", **settings)
    run_all("mine", options)
    return options, Workspace(folder / "work", "mine"), hidden


def test_texts_are_ids_in_every_artifact(tmp_path):
    section = SECTIONS["packed_json_lines"] | {
        "submission": {"columns": {"Label": "target", "sku": "id"}, "csv": True, "separator": ";"}
    }
    options, ws, hidden = run(tmp_path, "packed_json_lines", section)
    table = pd.read_parquet(tmp_path / "out" / "mine" / "result.parquet")
    assert list(table.columns) == ["Label", "sku"]
    assert table.Label.dtype == "int64" and table.sku.tolist() == [f"{i:07d}" for i in range(280, 310)]
    assert (table.Label.to_numpy() == hidden.to_numpy()).mean() > 0.8
    lines = (tmp_path / "out" / "mine" / "result.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "Label;sku" and lines[1].endswith(";0000280")

    for file in (ws.run("linear").oof, ws.run("stack").test):
        arrays = np.load(file, allow_pickle=False)
        assert arrays["product_id"].dtype == "<U7"
    assert Predictions.load(ws.run("stack").oof).product_id[0] == "0000100"
    for path in (ws.cards, ws.folds, ws.issues):
        assert set(pd.read_parquet(path).product_id.map(len)) == {7}
    said = explain(ws, load_competition("mine", options.configs), "stack", ["0000100", "0000280"], 2)
    assert said.startswith("0000100  ") and "\n0000280  " in said

    with gzip.open(tmp_path / "raw" / "test.jsonl.gz", "rt", encoding="utf-8") as file:
        cards = [json.loads(line) for line in file][:5]
    (tmp_path / "new.jsonl").write_text("\n".join(map(json.dumps, cards)), encoding="utf-8")
    competition = load_competition("mine", options.configs)
    predict_file(
        ws, competition, "stack", tmp_path / "new.jsonl", tmp_path / "raw", tmp_path / "new.csv", rows=2
    )
    labelled = pd.read_csv(tmp_path / "new.csv", dtype={"sku": str})
    assert list(labelled.columns) == ["Label", "sku", "confidence"]
    assert labelled.sku.tolist() == table.sku.tolist()[:5]
    assert labelled.Label.tolist() == table.Label.tolist()[:5]


@pytest.mark.slow
def test_several_targets_are_submitted_as_the_files_have_them(tmp_path):
    data = tmp_path / "raw"
    data.mkdir()
    known, asked = splits(150, 30)
    for file, part in (("train", known), ("test", asked)):
        table = pd.DataFrame({"id": part.number, "name": part.name, "brand": part.brand})
        if file == "train":
            table = table.assign(
                leaf=part.leaf.where(part.number % 5 > 0), top=part.top
            )  # floats beside missing ones
        table.to_csv(data / f"{file}.csv", index=False)
    section = {
        "files": {"train": "train.csv", "test": "test.csv"},
        "id": "id",
        "title": "name",
        "categories": ["brand"],
        "target": ["leaf", "top"],
        "submission": {"columns": {"id": "id", "its_top": "top", "leaf": "leaf"}},
    }
    options = options_of(tmp_path, "mine", data, reader="table", table=section, metric="accuracy")
    run_all("mine", options)
    result = pd.read_parquet(tmp_path / "out" / "mine" / "result.parquet")
    assert list(result.columns) == ["id", "its_top", "leaf"] and result.leaf.dtype == "int64"
    assert (result.leaf == asked.leaf).mean() > 0.8 and (result.its_top == asked.top).mean() > 0.8


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gets_a_submission_in_the_order_of_its_test_cards(tmp_path, name):
    _, ws, hidden = run(tmp_path, name, SECTIONS[name])
    table = pd.read_parquet(tmp_path / "out" / "mine" / "result.parquet")
    cards = pd.read_parquet(ws.cards)
    assert table.iloc[:, 0].tolist() == cards.product_id[cards.split == "test"].tolist()
    assert (table.iloc[:, 1].to_numpy() == hidden.to_numpy()).mean() > 0.8
