"""The runner of benchmarks/ablations.yaml, and that every row of that file is a valid experiment."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys

import pytest
import yaml
from conftest import ROOT, competition_config

from goods.cards.labels import Labels
from goods.cards.table import load_cards, select
from goods.core.predictions import Predictions
from goods.metrics.evaluation import score
from goods.prepare.folds import load_folds

FILE = ROOT / "benchmarks" / "ablations.yaml"


@pytest.fixture
def ablations():
    spec = importlib.util.spec_from_file_location("ablations", ROOT / "benchmarks" / "ablations.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_row_is_a_valid_experiment_with_a_name_of_its_own(ablations):
    args = argparse.Namespace(
        competition="kazanexpress2023", offline=True, text_weights=ROOT, image_weights=None
    )
    rows = [row for rows in yaml.safe_load(FILE.read_text(encoding="utf-8")).values() for row in rows]
    names = [row["name"] for row in rows]
    assert len(set(names)) == len(names)
    for i, row in enumerate(rows):
        assert set(row) <= {"name", "config", "set", "folds", "needs"}
        config = ablations.experiment(args, row)
        assert config.name == row["name"]
        assert set(config.model.upstream) <= set(names[:i]), "what a row builds on stands above it"


def test_rows_are_trained_compared_and_left_out_with_a_reason(ablations, ws, tmp_path, monkeypatch, capsys):
    rows = {
        "linear": [
            {"name": "plain", "config": "linear"},
            {"name": "soft", "config": "linear", "set": ["model.C=0.01"], "folds": [0, 2]},
            {"name": "photos", "config": "image-frozen", "needs": ["photos"]},
        ]
    }
    (tmp_path / "rows.yaml").write_text(yaml.safe_dump(rows), encoding="utf-8")
    monkeypatch.setattr(ablations, "ROWS", tmp_path / "rows.yaml")
    monkeypatch.setattr(
        "goods.competitions.loading.load_competition", lambda name, configs: competition_config()
    )
    arguments = ["ablations.py", "kazanexpress2023", "--work", ws.root, "--out", tmp_path / "out.json"]
    monkeypatch.setattr(sys, "argv", [str(a) for a in arguments])
    ablations.main()
    out, err = capsys.readouterr()
    assert "photos: left out, no photos" in err
    table = [line for line in out.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    assert [row[:2] for row in cells[1:]] == [["plain", "0, 1, 2"], ["soft", "0, 2"]]
    assert cells[2][-1] == "`linear --set model.C=0.01`"
    figures = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["linear"]
    cards = select(load_cards(ws), "train")
    fold = load_folds(ws, cards)
    found = Predictions.load(ws.run("soft").fold(2) / "valid.npz").aligned(
        cards.product_id.to_numpy()[fold == 2]
    )
    target = cards.target.to_numpy()[fold == 2]
    expected = score("macro_f1", target, found.classes[:, 0], Labels.load(ws))
    assert figures[1]["macro_f1"][1] == pytest.approx(expected)
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--only-report", "--force"])
    for k in (0, 2):
        (ws.run("soft").fold(k) / "DONE").unlink()
    ablations.main()
    out, err = capsys.readouterr()
    assert "soft: left out, folds [0, 2] are not trained" in err and "| soft" not in out


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([0.93, 0.92, 0.91], "+0.0200"),
        ([0.93, 0.88, 0.91], "+0.0067 (noise)"),
        ([0.88, 0.87, 0.87], "-0.0267"),
    ],
)
def test_a_difference_below_its_spread_is_noise(ablations, scores, expected):
    base = {"folds": [0, 1, 2], "weighted_f1": [0.91, 0.90, 0.89]}
    assert ablations.difference({"folds": [0, 1, 2], "weighted_f1": scores}, base) == expected
    assert ablations.difference(base, base) == "–"
    one = {"folds": [2], "weighted_f1": [0.9]}
    assert ablations.difference(one, base) == "+0.0100 (one fold)"
