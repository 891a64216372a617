"""A finished experiment as a Kaggle dataset and notebook: what it holds, and that it gives the published bytes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT, copied

from goods.competitions.loading import load_competition
from goods.config.competition import CompetitionConfig
from goods.config.loading import load_experiment
from goods.core.artifacts import read_json
from goods.core.done import flaw, mark_done
from goods.core.errors import GoodsError
from goods.core.workspace import Workspace
from goods.presets import Options
from goods.submit.bundle import Bundle, csv_of, make_bundle, move_weights, tests_of
from goods.submit.needed import imported_packages, pins
from goods.submit.notebook import FIND, WRITE, notebook

NAME = "kazanexpress2023"
CARDS = {"files": {"train": "обучение.csv", "test": "тест.csv"}, "title": "name", "target": "kind"}
NETWORKS = {"lightning", "timm", "torch", "torchvision", "transformers"}


@pytest.fixture(scope="module")
def made(tmp_path_factory, plain_run) -> Options:
    return copied(plain_run[0], tmp_path_factory.mktemp("made"))


def bundled(made: Options, out: Path) -> tuple[Path, list[str]]:
    """The dataset's folder, and the lines that wheels were asked for."""
    asked: list[str] = []
    bundle = Bundle(out, user="me", slug="a-contest")
    competition = load_competition(NAME, made.configs)
    workspace = Workspace(made.work, NAME)
    make_bundle(bundle, workspace, competition, "stack", made.configs, lambda lines, _: asked.extend(lines))
    return bundle.dataset, asked


def run_cells(python: str, kernel: Path, **env: object) -> subprocess.CompletedProcess:
    """The notebook's cells one after the other in a process of their own."""
    cells = read_json(kernel)["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    return run_code(python, code, **env)


def run_code(python: str, code: str, **env: object) -> subprocess.CompletedProcess:
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    values = {name: str(value) for name, value in env.items()}
    return subprocess.run([python, "-c", code], env=clean | values, capture_output=True, text=True)


def test_the_published_folds_give_the_published_bytes_from_anywhere(made, tmp_path):
    dataset, _ = bundled(made, tmp_path / "made")
    there = shutil.move(dataset, tmp_path / "input" / "dataset")
    folders = [path.parent for path in there.rglob("DONE")]
    assert folders and [flaw(folder) for folder in folders] == [None] * len(folders)
    for name in ("raw_text.parquet", "oof.npz", "inputs.json"):
        assert not list(there.rglob(name))
    shutil.move(made.work, tmp_path / "away")
    try:
        (tmp_path / "input" / "contest").mkdir()
        shutil.copy(made.data / "test.parquet", tmp_path / "input" / "contest")
        kernel = tmp_path / "made" / "kernel" / "predict.ipynb"
        cells = read_json(kernel)
        cells["cells"] = [cell for cell in cells["cells"] if '"pip"' not in "".join(cell["source"])]
        kernel.write_text(json.dumps(cells))
        (tmp_path / "output").mkdir()
        paths = {"KAGGLE_INPUT": tmp_path / "input", "KAGGLE_OUTPUT": tmp_path / "output"}
        done = run_cells(sys.executable, kernel, **paths, PYTHONPATH=ROOT / "src")
    finally:
        shutil.move(tmp_path / "away", made.work)
    assert done.returncode == 0, done.stderr[-2000:]
    published = made.out / NAME / "result.parquet"
    assert (tmp_path / "output" / "result.parquet").read_bytes() == published.read_bytes()
    lines = (tmp_path / "output" / "submission.csv").read_text().splitlines()
    assert lines[0] == "product_id,predicted_category_id" and len(lines) == 41


@pytest.mark.parametrize(
    ("given", "test"), [({}, "x_test.parquet"), ({"reader": "table", "table": CARDS}, "тест.csv")]
)
def test_the_notebook_finds_the_test_file_by_the_name_that_the_contest_gives_it(tmp_path, given, test):
    names = tests_of(
        CompetitionConfig(name="shop", data="data", **{"reader": NAME, "metric": "macro_f1"} | given)
    )
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "bundle.json").write_text(json.dumps({"test": names}))
    (tmp_path / "dataset" / test).touch()
    done = run_code(sys.executable, FIND, KAGGLE_INPUT=tmp_path)
    assert f"{tmp_path}: no {names[0]} below it; add the contest's data to this notebook" in done.stderr
    (tmp_path / "contest").mkdir()
    (tmp_path / "contest" / test).touch()
    done = run_code(sys.executable, FIND, KAGGLE_INPUT=tmp_path, PYTHONIOENCODING="utf-8")
    assert done.stdout.endswith(f"{tmp_path / 'contest' / test}\n"), done.stderr


def test_the_notebook_writes_the_csv_file_that_the_contest_takes(tmp_path):
    section = CARDS | {"submission": {"separator": ";", "encoding": "cp1251"}}
    competition = CompetitionConfig(
        name="shop", data="data", reader="table", metric="macro_f1", table=section
    )
    pd.DataFrame({"ид": [7], "вид": ["чай"]}).to_parquet(tmp_path / "result.parquet")
    how = f"import subprocess, sys; from pathlib import Path; OUT = Path({str(tmp_path)!r})"
    code = f"{how}; ABOUT = {{'csv': {csv_of(competition)}}}\n{WRITE}"
    done = run_code(sys.executable, code, PYTHONIOENCODING="utf-8")
    assert done.stdout.startswith("ид;вид\n7;чай"), done.stderr
    assert (tmp_path / "submission.csv").read_text("cp1251") == "ид;вид\n7;чай\n"


def test_kaggle_is_told_what_goes_with_what(made, tmp_path):
    dataset, asked = bundled(made, tmp_path)
    about = read_json(dataset / "dataset-metadata.json")
    kernel = read_json(tmp_path / "kernel" / "kernel-metadata.json")
    assert about["id"] == "me/goods-kazanexpress2023-stack" and 6 <= len(about["title"]) <= 50
    assert kernel["dataset_sources"] == [about["id"]] and kernel["competition_sources"] == ["a-contest"]
    assert (kernel["enable_internet"], kernel["enable_gpu"]) == (False, False)
    assert (tmp_path / "kernel" / kernel["code_file"]).is_file()
    lines = (dataset / "requirements.txt").read_text().split()
    assert lines == [*asked, "goods"] and all(re.fullmatch(r"[a-z0-9-]+==\S+", line) for line in asked)
    with pytest.raises(GoodsError, match="not an empty folder"):
        bundled(made, tmp_path)


def test_only_packages_that_labelling_imports_are_asked_for():
    light = {line.partition("==")[0] for line in pins(["goods.models.text.linear_model"], networks=False)}
    assert {"numpy", "pandas", "pyarrow", "scikit-learn", "scipy"} <= light
    assert not light & (NETWORKS | {"optuna", "jinja2", "pytest", "goods"})
    stacked = {line.partition("==")[0] for line in pins(["goods.stack.finished"], networks=False)}
    assert {"catboost", "natasha"} <= stacked  # Navec's vectors are files of natasha's
    deep = imported_packages("goods.models.text.transformer_model")
    assert {"torch", "transformers"} <= deep


def test_what_was_not_finished_is_no_hindrance_and_what_is_somebody_else_s_is_one(made, tmp_path):
    def offline(lines: list[str], folder: Path) -> None:
        raise GoodsError("no index")

    bundle, workspace = Bundle(tmp_path / "out"), Workspace(made.work, NAME)
    competition = load_competition(NAME, made.configs)
    with pytest.raises(GoodsError, match="no index"):
        make_bundle(bundle, workspace, competition, "stack", made.configs, offline)
    (bundle.out / "goods-run-killed" / "dataset").mkdir(parents=True)
    bundled(made, bundle.out)
    assert sorted(path.name for path in bundle.out.iterdir()) == ["dataset", "kernel"]
    with pytest.raises(GoodsError, match="not an empty folder; name another"):
        bundled(made, bundle.out)


def test_nothing_is_made_of_models_of_two_trainings(made, tmp_path):
    work = copied(made, tmp_path).work
    fold = Workspace(work, NAME).run("linear").fold(0)

    def trained_again(lines: list[str], folder: Path) -> None:
        mark_done(fold, "another")

    bundle = Bundle(tmp_path / "bundle")
    competition, workspace = load_competition(NAME, made.configs), Workspace(work, NAME)
    with pytest.raises(
        GoodsError, match=r"experiment stack: .* made anew meanwhile; run the same command again"
    ):
        make_bundle(bundle, workspace, competition, "stack", made.configs, trained_again)
    assert not list(bundle.out.iterdir())


def test_it_does_not_go_among_the_files_that_it_is_made_of(made):
    with pytest.raises(GoodsError, match="keeps its own files there; name a folder elsewhere"):
        bundled(made, made.work / NAME / "runs" / "bundle")


def test_local_weights_go_along_and_the_copied_settings_name_them(made, tmp_path):
    workspace, bundle = Workspace(made.work, NAME), Bundle(tmp_path / "out")
    (tmp_path / "encoder").mkdir()
    (tmp_path / "encoder" / "config.json").write_text("{}")
    path = made.configs / NAME / "transformer.yaml"
    config = load_experiment(path, text_weights=tmp_path / "encoder")
    assert config.model.local_files() == {str(tmp_path / "encoder")}
    run = workspace.run("linear").path
    copy = bundle.dataset / "work" / NAME / "runs" / "linear"
    copy.mkdir(parents=True)
    move_weights(bundle, workspace, run, config)
    found = load_experiment(copy / "config.yaml").model.weights
    assert re.fullmatch(r"weights/[0-9a-f]{12}-encoder", found)
    assert (bundle.dataset / found / "config.json").read_text() == "{}" and flaw(copy) is None
    (tmp_path / "cards").mkdir()
    learned = load_experiment(made.configs / NAME / "student.yaml", [f"model.further={tmp_path / 'cards'}"])
    move_weights(bundle, workspace, run, learned)
    assert len(list((bundle.dataset / "weights").iterdir())) == 1  # of cards it has learned from


def test_the_notebook_is_one(tmp_path):
    nbformat = pytest.importorskip("nbformat")
    nbformat.validate(nbformat.from_dict(notebook("title")))


@pytest.mark.exhaustive
@pytest.mark.timeout(1500)
def test_an_environment_of_the_bundles_wheels_alone_gives_the_published_bytes(
    made, tmp_path, run_script, monkeypatch
):
    monkeypatch.setattr("goods.cli.CONFIGS", made.configs)
    code, out, err = run_script(
        "kaggle_bundle", NAME, "stack", "--work", made.work, "--out", tmp_path / "input"
    )
    if code == 2 and "pip could not get the wheels" in err:
        pytest.skip("no index to take wheels from")
    assert code == 0 and re.search(r"MB  wheels\n", out), err
    shutil.copy(made.data / "test.parquet", tmp_path / "input" / "kernel")
    base = Path(sys.base_prefix) / "bin" / "python3"
    subprocess.run([base, "-m", "venv", tmp_path / "venv"], check=True)
    (tmp_path / "output").mkdir()
    paths = {"KAGGLE_INPUT": tmp_path / "input", "KAGGLE_OUTPUT": tmp_path / "output"}
    done = run_cells(str(tmp_path / "venv/bin/python"), tmp_path / "input/kernel/predict.ipynb", **paths)
    assert done.returncode == 0, done.stderr[-2000:]
    published = made.out / NAME / "result.parquet"
    assert (tmp_path / "output" / "result.parquet").read_bytes() == published.read_bytes()
