"""What a newcomer adds is one file, one entry or one line: each is put into a copy of the house and runs there to
result.parquet."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT
from shop import LEAVES

from goods.core.artifacts import read_json

CONFIG = {
    "reader": "kazanexpress2023",
    "metric": "weighted_f1",
    "n_folds": 3,
}


@pytest.fixture
def house(tmp_path) -> Path:
    """A copy of the package, its configs and scripts, with a competition of its own in it."""
    for name in ("src", "configs", "scripts"):
        shutil.copytree(
            ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
        )
    (tmp_path / "configs" / "mycontest").mkdir()
    compete(tmp_path)
    stack_of(tmp_path, "linear")
    return tmp_path


def compete(house: Path, **changes: object) -> None:
    (house / "configs/mycontest/competition.yaml").write_text(yaml.safe_dump(CONFIG | changes))


def stack_of(house: Path, *experiments: str) -> None:
    model = {"experiments": list(experiments), "iterations": 20, "with_local_text": None}
    (house / "configs/mycontest/stack.yaml").write_text(yaml.safe_dump({"model": model}))


def in_house(house: Path, *command: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(part) for part in command],
        cwd=house,
        env={**os.environ, "PYTHONPATH": str(house / "src")},
        capture_output=True,
        text=True,
    )


def script(house: Path, name: str, *arguments: object) -> str:
    """What scripts/<name>.py of the copied house prints."""
    ran = in_house(house, sys.executable, f"scripts/{name}.py", *arguments, "--work", house / "work")
    assert ran.returncode == 0, ran.stderr[-3000:]
    return ran.stdout


def run(house: Path, data: Path) -> pd.DataFrame:
    """The result of the main job in the copied house."""
    told = script(house, "run_all", "mycontest", "--offline", "--data", data, "--out", house / "out")
    assert told.startswith("result: ")
    return pd.read_parquet(house / "out/mycontest/result.parquet")


def report(house: Path, experiment: str) -> dict:
    return read_json(house / "work/mycontest/runs" / experiment / "report.json")


def insert(path: Path, before: str, line: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1, (path, before)
    path.write_text(text.replace(before, line + before), encoding="utf-8")


def block(file: str, title: str, language: str = "python") -> str:
    """The first code block of a language after some words of a page: what the docs say is what runs here."""
    text = (ROOT / file).read_text(encoding="utf-8")
    found = re.search(rf"```{language}\n(.*?)```", text[text.index(title) :], re.DOTALL)
    assert found is not None, title
    return found[1]


@pytest.mark.slow
def test_a_family_a_metric_and_a_feature_are_a_file_an_entry_and_a_line(house, shop):
    source = block("docs/own-model.md", "# Your own model")
    assert len(source.splitlines()) <= 40
    (house / "src/goods/models/text/bayes.py").write_text(source, encoding="utf-8")
    (house / "configs/mycontest/bayes.yaml").write_text(
        block("docs/own-model.md", "# Your own model", "yaml")
    )
    stack_of(house, "linear", "bayes")
    insert(
        house / "src/goods/metrics/classification.py",
        '    ClassMetric(\n        "accuracy",',
        block("docs/architecture.md", "**A metric**"),
    )
    compete(house, metric="worst_class")
    line = block("docs/architecture.md", "**A feature of the stack**")
    assert len(line.splitlines()) == 1
    insert(house / "src/goods/stack/features.py", '    "title_chars": lambda', line)
    assert len(run(house, shop)) == 40

    assert report(house, "bayes")["scores"]["weighted_f1"] > 0.8
    told = report(house, "stack")
    assert told["base"].keys() == {"linear", "bayes"}
    assert told["metric"] == "worst_class"
    assert told["score"] == pytest.approx(told["scores"]["worst_class"])
    assert told["score"] <= told["scores"]["accuracy"]
    assert "title_words" in told["importance"]
    assert "Least share of a class" in (house / "out/mycontest/report.html").read_text(encoding="utf-8")
    said = house / "labelled.parquet"
    script(
        house, "predict", "mycontest", "bayes", shop / "test.parquet", "--out", said
    )  # what was saved is loaded
    assert set(pd.read_parquet(said).predicted_category_id) <= set(LEAVES)


@pytest.mark.slow
def test_a_competition_is_one_file(house, tmp_path):
    rng = np.random.default_rng(0)
    data = tmp_path / "table"
    data.mkdir()
    for split, n in (("train", 150), ("test", 30)):
        kinds = rng.choice(list(LEAVES), n)
        names = [" ".join(rng.permutation(LEAVES[kind][1].split())) for kind in kinds]
        table = pd.DataFrame({"sku": np.arange(n) + (10_000 if split == "test" else 0), "name": names})
        if split == "train":
            table = table.assign(kind=kinds, kind_path=["Всё->" + LEAVES[kind][0] for kind in kinds])
        table.to_parquet(data / f"{split}.parquet")
    (house / "src/goods/competitions/mystore.py").write_text(
        block("docs/architecture.md", "**A competition**"), encoding="utf-8"
    )
    compete(house, reader="mystore")
    result = run(house, data)
    assert list(result.columns) == ["sku", "kind"]
    assert set(result.kind) <= set(LEAVES)
    assert report(house, "stack")["score"] == 1.0


def test_import_contracts_are_run_by_the_test_command():
    assert "lint-imports" in (ROOT / "scripts/test.sh").read_text(encoding="utf-8")


def test_a_file_that_imports_upward_breaks_the_contract(house):
    with (house / "src/goods/core/log.py").open("a", encoding="utf-8") as file:
        file.write("\nfrom goods.train import keys\n")
    shutil.copy(ROOT / "pyproject.toml", house)
    ran = in_house(house, Path(sys.executable).with_name("lint-imports"), "--no-cache")
    assert ran.returncode == 1
    assert "Rooms import downward only BROKEN" in ran.stdout


def test_every_file_the_architecture_page_names_is_there():
    named = re.findall(r"`([a-z_/0-9]+\.py)`", (ROOT / "docs/architecture.md").read_text(encoding="utf-8"))
    there = [(ROOT / "src/goods" / n).is_file() or (ROOT / n).is_file() for n in named]
    missing = {n for n, found in zip(named, there, strict=True) if not found} - {
        "src/goods/competitions/mystore.py"
    }
    assert len(named) > 20
    assert not missing


def test_every_room_says_what_is_in_it():
    rooms = [p for p in (ROOT / "src/goods").rglob("__init__.py") if p.parent.name != "goods"]
    told = {p.parent.name: p.read_text(encoding="utf-8").strip() for p in rooms}
    assert {"core", "config", "cards", "models", "stack", "text", "pairs"} <= set(told)
    for room, text in told.items():
        assert text.startswith('"""') and text.count("\n") <= 2, room
        assert "todo" not in text, room


def test_no_file_is_longer_than_a_room_should_be():
    lengths = {
        p.relative_to(ROOT).as_posix(): len(p.read_text(encoding="utf-8").splitlines())
        for p in (ROOT / "src").rglob("*.py")
        if "words" not in p.stem
    }
    assert {name: n for name, n in lengths.items() if n > 300} == {}
    assert np.median(list(lengths.values())) <= 100
