"""Scripts start at once: what is heavy is imported by what uses it, and only then."""

from __future__ import annotations

import argparse
import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, SCRIPTS, competition_config

from goods.prepare.folds import make_folds

HEAVY = {
    "catboost",
    "lightning",
    "numpy",
    "optuna",
    "pandas",
    "pydantic",
    "sklearn",
    "timm",
    "torch",
    "transformers",
}
NEURAL = {"lightning", "timm", "torch", "torchvision", "transformers"}
FITTING = NEURAL | {"catboost", "optuna", "scipy", "sklearn"}


def imported(*command: object) -> set[str]:
    """Top-level names of all modules that a script and the processes it starts import."""
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        env=os.environ | {"PYTHONPROFILEIMPORTTIME": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    lines = (line for line in done.stderr.splitlines() if line.startswith("import time:"))
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


# one process for all scripts: which modules each has added to those before, in the order of SCRIPTS
HELP = """
import contextlib, io, json, runpy, sys

def added(path, name):
    before, sys.argv = set(sys.modules), [name, "--help"]
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
        runpy.run_path(f"{path}/{name}.py", run_name="__main__")
    assert out.getvalue().startswith("usage: ")
    return sorted({module.partition(".")[0] for module in set(sys.modules) - before})

path, *names = sys.argv[1:]
sys.path.insert(0, path)
print(json.dumps([added(path, name) for name in names]))
"""


@pytest.fixture(scope="module")
def added_by_help() -> dict[str, list[str]]:
    command = [sys.executable, "-c", HELP, ROOT / "scripts", *SCRIPTS]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return dict(zip(SCRIPTS, json.loads(told), strict=True))


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_imports_nothing_heavy(name, added_by_help):
    assert {"argparse", "goods"} <= set(added_by_help[SCRIPTS[0]])
    assert not set(added_by_help[name]) & HEAVY


def test_a_linear_training_and_its_repeat_import_no_torch(ws, run_script):
    make_folds(ws, competition_config(n_folds=5))
    config = ROOT / "configs" / "kazanexpress2023" / "linear.yaml"
    train = (config, "--work", ws.root)
    first = imported(ROOT / "scripts" / "train.py", *train, "--fold", 0)
    assert "sklearn" in first and not first & NEURAL
    code, _, err = run_script("train", *train)
    assert code == 0, err
    repeat = imported(ROOT / "scripts" / "train.py", *train)
    assert "pandas" in repeat and not repeat & FITTING


def test_what_every_stage_of_the_main_job_needs_to_find_itself_unchanged_fits_and_draws_nothing():
    names = imported("-c", "import goods.pipeline")
    assert {"goods", "pandas"} <= names and not names & (FITTING | {"matplotlib"})


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_ends_with_a_command_that_the_script_takes(name, monkeypatch, run_script):
    _, out, _ = run_script(name, "--help")
    example = re.search(r"\nexample:\n  (.+)\n$", out)
    assert example, out[-300:]
    *_, script, arguments = re.split(r"(\S*scripts/\w+\.\w+)", example[1])
    path = ROOT / script
    assert path.is_file() and path.stem == name
    parsed = []

    def parse(parser: argparse.ArgumentParser, *_: object) -> None:
        parsed.append(parser.parse_known_args(shlex.split(arguments)))
        raise SystemExit

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse)
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(path.with_suffix(".py")), run_name="__main__")
    assert stop.value.code is None
    ((_, unknown),) = parsed
    assert unknown == []


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """A copy of the scripts, from where `goods` cannot be found."""
    return shutil.copytree(ROOT / "scripts", tmp_path / "check out" / "scripts")


def bare(script: Path, *arguments: str) -> subprocess.CompletedProcess:
    """A script run by a Python that has no packages."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-S", script.name, *arguments]
    return subprocess.run(command, cwd=script.parent, env=env, capture_output=True, text=True)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_python_without_the_package_says_which_one_has_it(scripts, name):
    done = bare(scripts / f"{name}.py", "--help")
    assert done.returncode == 2 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert ".venv/bin/python" in line and "bash scripts/setup_env.sh" in line


def test_a_python_without_the_package_gives_way_to_the_one_that_has_it(scripts):
    python = scripts.parent / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    python.chmod(0o755)
    done = bare(scripts / "prepare.py", "demo", "--work", "two words")
    assert (done.returncode, done.stdout) == (0, "prepare.py\ndemo\n--work\ntwo words\n"), done.stderr
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    done = bare(scripts / "prepare.py", "demo")
    assert done.returncode == 2 and "has no goods in it: run `bash scripts/setup_env.sh`" in done.stderr
