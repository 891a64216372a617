"""A name that nothing has is told with what there is, and with the one that was probably meant."""

from __future__ import annotations

import re
import subprocess
import sys

import pandas as pd
import pytest
from conftest import ROOT
from table_contests import CSV, config_of, write_csv

from goods.competitions.loading import competition_of, load_competition
from goods.config.loading import load_experiment
from goods.core.done import mark_done
from goods.core.errors import GoodsError
from goods.core.meant import among, meant
from goods.core.workspace import Workspace

CONFIGS = ROOT / "configs"
LINEAR = CONFIGS / "demo" / "linear.yaml"


@pytest.mark.parametrize(
    ("name", "known", "told"),
    [
        ("linaer", ["linear", "navec"], "; did you mean 'linear'?"),
        ("Linear", ["linear", "LINEAR2"], "; did you mean 'linear'?"),
        ("titel", ["Title", "text"], "; did you mean 'Title'?"),
        ("alfa", ["alpha", "C"], "; did you mean 'alpha'?"),
        ("forest", ["linear", "navec"], ""),
        ("", ["linear"], ""),
        ("linear", [], ""),
    ],
)
def test_only_a_close_name_is_suggested(name, known, told):
    assert meant(name, known) == told
    assert among(name, known) == ", ".join(known) + told


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (["model.family=liner"], "known are .*linear.*; did you mean 'linear'"),
        (["model.structur=flat"], "unknown key 'model.structur'; did you mean 'structure'"),
        (
            ["model.fields.titel={weight: 1}"],
            "cards have no text 'titel'; known are .*; did you mean 'title'",
        ),
        (["model.fields.title.wieght=1"], "unknown key 'model.fields.title.wieght'; did you mean 'weight'"),
        (["tune.space.structur={choices: [tree]}"], "which model does not have; did you mean 'structure'"),
        (["model.forest=1"], "unknown key 'model.forest'; check its spelling$"),
    ],
)
def test_a_setting_that_is_misspelt(settings, told):
    with pytest.raises(GoodsError, match=told):
        load_experiment(LINEAR, settings)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("configs/demo/linaer.yaml", "no such config file; known are .*; did you mean 'linear'"),
        ("configs/dmeo/linear.yaml", "unknown competition 'dmeo': known are .*; did you mean 'demo'"),
        ("linaer", "EXPERIMENT.yaml, of the experiments known are clip, .*; did you mean 'linear'"),
        ("runs/bset.yaml", "name one that is in runs: best; did you mean 'best'"),
    ],
)
def test_a_config_that_is_not_there(tmp_path, monkeypatch, path, told):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "best.yaml").write_text("seed: 1")
    with pytest.raises(GoodsError, match=told):
        load_experiment(
            ROOT / path if path.startswith("configs") else tmp_path.joinpath(path).relative_to(tmp_path)
        )


def test_a_competition_and_its_target():
    with pytest.raises(GoodsError, match=r"folders of .*\); did you mean 'wildberries'"):
        load_competition("wildberrys", CONFIGS)
    with pytest.raises(GoodsError, match="name one of them; did you mean 'season'"):
        load_competition("wildberries/seasn", CONFIGS)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"title": "txet"}, r"no column 'txet' \(table\.title; did you mean 'text'\?\)"),
        ({"files": {"train": "trian.csv", "test": "test.csv"}}, "did you mean 'train.csv'"),
        ({"tree": {"file": "tree.csv", "id": "idd"}}, "column 'idd' is missing; did you mean 'id'"),
    ],
)
def test_what_a_table_s_files_are_said_to_hold(tmp_path, change, told):
    data = write_csv(
        tmp_path, {"id": [1, 2], "text": ["a", "b"], "y": ["u", "v"]}, {"id": [3], "text": ["c"]}
    )
    pd.DataFrame({"id": ["u", "v"], "title": ["U", "V"], "parent_id": ""}).to_csv(
        data / "tree.csv", index=False
    )
    section = {"files": CSV, "id": "id", "title": "text", "target": "y"}
    with pytest.raises(GoodsError, match=told):
        competition_of(config_of(section | change)).read(data)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("run_all", "demo", "--preset", "quik"), "did you mean 'quick'"),
        (("run_all", "demo", "--ofline"), "unrecognized arguments: --ofline; did you mean '--offline'"),
        (("status", "demo", "--prest=full"), "did you mean '--preset'"),
    ],
)
def test_an_option_and_its_choices(run_script, words, told):
    code, _, said = run_script(*words)
    assert code == 2 and told in said


def test_a_command():
    done = subprocess.run([sys.executable, "-m", "goods", "trian"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2 and "did you mean 'train'" in done.stderr


@pytest.mark.parametrize(
    ("words", "out"),
    [(("explain", "1"), ()), (("predict", "cards.csv"), ("--out", "new.csv")), (("submit",), ())],
)
def test_a_run_that_is_not_there(run_script, tmp_path, words, out):
    ws = Workspace(tmp_path, "kazanexpress2023")
    for name in ("linear", "stack"):
        ws.run(name).path.mkdir(parents=True)
        ws.run(name).config.write_text("seed: 1")
        mark_done(ws.run(name).path, "key")
    ws.prepared.mkdir()
    (ws.prepared / "source.json").write_text('{"problem": "cards"}')
    pd.DataFrame({"product_id": [1], "split": ["test"], "title": "a", "target": -1}).to_parquet(ws.cards)
    mark_done(ws.prepared, "key")
    (tmp_path / "cards.csv").write_text("a\n1")
    script, *rest = words
    code, _, said = run_script(script, "kazanexpress2023", "stck", *rest, *out, "--work", tmp_path)
    assert code == 2 and re.search("; finished are linear, stack; did you mean 'stack'", said)


def test_reasons_of_one_of_several_targets_are_asked_for_by_its_name(run_script, tmp_path):
    code, _, said = run_script("explain", "wildberries", "stack", "1", "--work", tmp_path)
    assert code == 2
    assert said.startswith(
        "error: competition wildberries has several targets; name one of wildberries/sex, "
    )
