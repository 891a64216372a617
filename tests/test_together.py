"""Mistakes of several files and settings are told by one run."""

from __future__ import annotations

import pytest
from conftest import ROOT
from table_contests import CSV, config_of, write_csv

from goods.competitions.loading import competition_of, load_competition
from goods.config.loading import load_experiment
from goods.core.errors import GoodsError, SeveralErrors, together


def test_one_mistake_stays_what_it_is_and_several_are_told_each_once():
    with pytest.raises(GoodsError, match=r"^one$") as alone, together() as apart, apart():
        raise GoodsError("one")
    assert not isinstance(alone.value, SeveralErrors)
    with pytest.raises(SeveralErrors) as several, together() as apart:
        for lines in (["one"], ["two", "one"], ["three"]):
            with apart():
                raise SeveralErrors(*lines)
        raise GoodsError("the last")
    assert several.value.lines == ("one", "two", "three", "the last")


def test_what_is_no_mistake_of_the_user_is_not_held_back():
    with pytest.raises(KeyError), together() as apart:
        with apart():
            raise GoodsError("one")
        with apart():
            raise KeyError("fault")


def test_all_settings_of_a_command_line_and_the_file_s_own():
    with pytest.raises(GoodsError) as error:
        load_experiment(
            ROOT / "configs" / "demo" / "linear.yaml",
            ["seed", "model.C=[1", "model.family.x=1", "shar=1", "=2", "tune.trials=0"],
        )
    lines = str(error.value).splitlines()
    assert [line.partition(":")[0].removeprefix(str(ROOT)) for line in lines] == [
        "--set seed",
        "--set model.C=[1",
        "key model.family.x",
        "--set =2",
        *["/configs/demo/linear.yaml"] * 2,
    ]


@pytest.fixture
def contest(tmp_path, monkeypatch):
    """configs/mine/ with mistakes in each of its files; the current folder is that of configs/."""
    folder = tmp_path / "configs" / "mine"
    folder.mkdir(parents=True)
    (folder / "competition.yaml").write_text("reader: tabel\nmetric: f1\nfolds: 5\n")
    (folder / "linear.yaml").write_text("model: {structur: flat}\n")
    (folder / "fasttext.yaml").write_text("model: {epoch: 3}\n")
    (folder / "stack.yaml").write_text("model: {experiments: [linear, fasttext]}\n")
    monkeypatch.setattr("goods.cli.CONFIGS", folder.parent)
    return folder


COMPETITION = ["unknown reader 'tabel'", "unknown metric 'f1'", "unknown key 'folds'"]


def test_a_competition_s_reader_metric_and_keys(contest):
    with pytest.raises(GoodsError) as error:
        load_competition("mine", contest.parent)
    lines = str(error.value).splitlines()
    assert len(lines) == len(COMPETITION)
    assert all(told in line for told, line in zip(COMPETITION, lines, strict=True))


def test_an_experiment_and_its_competition(contest, run_script, tmp_path):
    settings = ("--set", "model.C", "--text-weights", "nowhere")
    code, _, said = run_script("train", contest / "linear.yaml", "--work", tmp_path / "work", *settings)
    told = ["--text-weights nowhere", "--set model.C: expected", "unknown key 'model.structur'", *COMPETITION]
    lines = said.splitlines()
    assert code == 2 and len(lines) == len(told), said
    assert all(one in line for one, line in zip(told, lines, strict=True))


def test_a_whole_run_s_experiments_and_its_competition(contest, run_script, tmp_path):
    code, _, said = run_script("run_all", "mine", "--work", tmp_path / "work")
    told = [
        *COMPETITION,
        "linear.yaml: unknown key 'model.structur'",
        "fasttext.yaml: unknown key 'model.epoch'",
    ]
    lines = said.splitlines()
    assert code == 2 and len(lines) == len(told), said
    assert all(one in line for one, line in zip(told, lines, strict=True))


def test_what_does_not_fit_together_within_a_section():
    section = {"files": CSV, "title": "kind", "target": "kind", "submission": {"columns": {"id": "di"}}}
    with pytest.raises(GoodsError) as error:
        config_of(section)
    lines = str(error.value).splitlines()
    assert len(lines) == 2 and "'kind' is a target and read" in lines[0] and "holds 'di'" in lines[1]


def test_all_files_of_a_table_that_lack_something(tmp_path):
    data = write_csv(tmp_path, {"id": [1, 2], "text": ["a", "b"]}, {"id": [3]})
    (data / "tree.csv").write_text("id,titel,parent_id\n1,a,\n")
    (data / "sample.csv").write_text("id,kind\n3,u\n")
    section = {
        "files": CSV | {"unlabelled": "more.csv"},
        "id": "id",
        "title": "text",
        "target": "y",
        "labels": {"file": "y.csv"},
        "tree": {"file": "tree.csv"},
        "submission": {"sample": "sample.csv"},
    }
    with pytest.raises(GoodsError) as error:
        competition_of(config_of(section)).read(data)
    lines = str(error.value).splitlines()
    files = ["test.csv", "more.csv", "y.csv", "tree.csv", "sample.csv"]
    assert len(lines) == len(files), lines
    assert all(str(data / file) in line for file, line in zip(files, lines, strict=True))
