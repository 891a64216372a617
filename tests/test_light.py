"""Text alone, without neural networks: nothing of torch and what stands on it is needed, or imported."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT, write_shop

from goods.config.presets import PRESETS

NAME = "kazanexpress2023"
REFUSED = (
    "kornia",
    "lightning",
    "tensorboard",
    "timm",
    "torch",
    "torchmetrics",
    "torchvision",
    "transformers",
)
REFUSE = """\
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Refuse())
"""
COMMANDS = f"""\
import json, runpy, sys
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
told = []
for words in json.loads(sys.argv[1]):
    sys.argv, code = ["goods", *words, "--work", "work"], 0
    with redirect_stderr(StringIO()) as err:
        try:
            runpy.run_module("goods", run_name="__main__")
        except SystemExit as end:
            code = end.code
    told.append((code, err.getvalue(), Path("work/{NAME}/prepared").exists()))
print(json.dumps(told))
"""
OWN = {
    "competition": f"reader: {NAME}\nn_folds: 2\n",
    "linear": "tune: {trials: 2, startup_trials: 1, shares: [1.0]}\n",
    "fasttext": "model: {epochs: 5, dim: 16, buckets: 2000}\n",
    "stack-light": "model: {iterations: 20}\n",
}


@pytest.fixture
def goods(tmp_path: Path):
    """Calls commands of `goods`, one after the other in a process, in a folder with a small shop, where torch and what
    stands on it cannot be imported: of each its code, its stderr and whether cards are prepared afterwards."""
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(REFUSE.format(names=set(REFUSED)))
    write_shop(tmp_path / "shop", n_train=120, n_test=20)
    (tmp_path / "configs" / NAME).mkdir(parents=True)
    for name, text in OWN.items():
        (tmp_path / "configs" / NAME / f"{name}.yaml").write_text(text)
    env = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{tmp_path / 'hook'}"}

    def call(*commands: tuple[str, ...]) -> list[tuple[int | None, str, bool]]:
        command = [sys.executable, "-c", COMMANDS, json.dumps(commands)]
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout.splitlines()[-1])

    return call


@pytest.mark.parametrize("workers", [pytest.param((), marks=pytest.mark.slow), ("--workers", "1")])
def test_the_light_preset_runs_where_torch_cannot_be_imported(goods, tmp_path, workers):
    run = ("run", NAME, "--data", "shop", "--out", "out", *workers)
    predict = ("predict", NAME, "stack-light", "shop/test.parquet", "--out", "labelled.parquet")
    refused, light, labelled = goods(run, (*run, "--preset", "light"), predict)
    assert (refused[0], refused[2]) == (2, False)
    assert "torch, which is not installed; " in refused[1]
    assert "-m pip install 'goods[networks]', or take --preset light" in refused[1]
    assert not light[0] and light[2], light[1][-2000:]
    assert len(pd.read_parquet(tmp_path / "out" / NAME / "result.parquet")) == 20
    assert not labelled[0], labelled[1][-2000:]
    assert "predict stack-light: 20 cards labelled in labelled.parquet" in labelled[1]


def test_a_stack_without_networks_is_all_the_light_preset_names():
    from goods.config.loading import SHIPPED, load_experiment

    config = load_experiment(SHIPPED / NAME / PRESETS["light"])
    names = [name.removesuffix("-tuned") for name in config.model.experiments]
    assert not any(load_experiment(SHIPPED / NAME / f"{name}.yaml").model.on_gpu for name in names)


def test_networks_are_an_extra_and_the_full_set_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    core = {line.partition(">")[0] for line in project["dependencies"]}
    networks = {line.partition(">")[0] for line in project["optional-dependencies"]["networks"]}
    assert not core & {*networks, *REFUSED} and "torch" in networks
    pinned = {line.partition("==")[0] for line in (ROOT / "requirements.txt").read_text().split()}
    assert core | networks <= pinned


def test_every_extra_that_a_message_or_a_page_has_installed_is_one():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {
        (name, file.relative_to(ROOT).as_posix())
        for folder, kind in (("src", "py"), ("benchmarks", "py"), ("configs", "yaml"), ("docs", "md"))
        for file in [*(ROOT / folder).rglob(f"*.{kind}"), ROOT / "CONTRIBUTING.md"]
        for line in re.findall(r"install .*'(?:goods|\.)\[(.+)\]'", file.read_text(encoding="utf-8"))
        for name in line.split(",")
    }
    assert {"app", "ray", "sklearn"} <= {name for name, _ in named}
    assert [one for one in sorted(named) if one[0] not in project["optional-dependencies"]] == []
