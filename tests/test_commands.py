"""The command `goods`: scripts as its sub-commands, configs that come with the package, what a shell completes."""

from __future__ import annotations

import io
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, SCRIPTS

from goods.__main__ import commands
from goods.competitions.loading import load_competition
from goods.config.loading import SHIPPED, load_experiment
from goods.core.commands import TAKEN_BY, spelled, to_type, with_given
from goods.core.errors import GoodsError
from goods.core.log import say
from goods.core.progress import live
from goods.core.workspace import Workspace
from goods.train.commands import given_to_a_script, how_to_have

HEAVY = {"catboost", "numpy", "pandas", "pydantic", "sklearn", "torch", "yaml"}


def goods(*words: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "goods", *words],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")} | env,
        capture_output=True,
        text=True,
    )


def test_a_config_in_a_folder_with_blanks_is_one_word_of_a_command(tmp_path):
    ws = Workspace(tmp_path / "my work", "shop")
    saved = ws.run("made").config
    saved.parent.mkdir(parents=True)
    saved.touch()
    assert shlex.split(given_to_a_script(ws, "made")) == [str(saved)]


@pytest.mark.parametrize("studied", [False, True])
def test_what_is_tuned_is_trained_by_what_its_study_writes(tmp_path, studied):
    ws = Workspace(tmp_path, "shop")
    best = ws.tuning("linear") / "best.yaml"
    if studied:
        best.parent.mkdir(parents=True)
        best.touch()
    study = "" if studied else " (scripts/tune.py configs/shop/linear.yaml writes it)"
    assert given_to_a_script(ws, "linear-tuned") == f"{best}{study}"


@pytest.mark.parametrize(
    ("experiment", "how"),
    [
        (
            "stack-light",
            "run scripts/run_all.sh shop --preset light, or for it alone, where what it joins is ",
        ),
        ("mine", "run scripts/run_all.sh shop for all of a preset, or for it alone scripts/train.py "),
    ],
)
def test_a_stack_of_a_preset_is_made_by_the_preset(tmp_path, experiment, how):
    assert how_to_have(Workspace(tmp_path, "shop"), experiment).startswith(how)


@pytest.fixture
def run_goods(run_program, monkeypatch):
    """Call `goods` in this process; returns (exit code, stdout, stderr)."""
    monkeypatch.setattr(sys, "path", sys.path[:])
    return lambda *words: run_program(ROOT / "src" / "goods" / "__main__.py", "goods", *words)


def test_every_script_is_a_command():
    assert sorted(path.stem for path in commands().values()) == SCRIPTS
    assert {"run", "demo", "make-folds", "train", "predict"} <= set(commands())


def test_the_overview_names_all_commands_and_imports_nothing_heavy():
    done = goods("--help", PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0 and all(f"\n  {name} " in done.stdout for name in commands())
    imports = (line for line in done.stderr.splitlines() if line.startswith("import time:"))
    assert not {line.rpartition("|")[2].strip().partition(".")[0] for line in imports} & HEAVY


def test_a_command_takes_what_its_script_takes_and_speaks_of_commands(tmp_path, run_goods):
    _, out, _ = run_goods("run", "--help")
    assert out.startswith("usage: goods run ") and "--time-limit" in out
    assert out.endswith("\nexample:\n  goods run kazanexpress2023 --data DIR\n")
    done = goods("submit", "demo", "--work", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and "goods " in done.stderr and "scripts/" not in done.stderr


@pytest.mark.parametrize("words", [[], ["no-such-command"]])
def test_what_is_no_command_ends_with_exit_code_2(words, run_goods):
    code, _, err = run_goods(*words)
    assert code == 2 and "COMMAND" in err


def test_configs_of_the_package_are_found_from_anywhere_and_those_of_the_current_folder_first(tmp_path):
    configs = tmp_path / "configs"
    shipped = load_experiment(configs / "demo" / "fasttext.yaml")
    assert shipped == load_experiment(SHIPPED / "demo" / "fasttext.yaml")
    assert load_competition("demo", configs) == load_competition("demo", SHIPPED)
    (configs / "demo").mkdir(parents=True)
    (configs / "demo" / "fasttext.yaml").write_text("model: {epochs: 3}\n")
    own = load_experiment(configs / "demo" / "fasttext.yaml")
    assert own.model == shipped.model.changed(epochs=3)
    assert load_experiment(configs / "demo" / "linear.yaml").competition == "demo"


def test_a_contest_of_ones_own_needs_one_file_where_the_package_is_installed(tmp_path):
    configs = tmp_path / "configs"
    (configs / "mine").mkdir(parents=True)
    said = {"reader": "kazanexpress2023", "metric": "weighted_f1"}
    (configs / "mine" / "competition.yaml").write_text(yaml.safe_dump(said))
    assert load_competition("mine", configs).metric == "weighted_f1"
    assert load_experiment(configs / "mine" / "stack.yaml").model.family == "stack"
    with pytest.raises(GoodsError, match=r"known are .*demo, .*mine"):
        load_competition("other", configs)
    with pytest.raises(GoodsError, match=r"no such config file; known are .*fasttext"):
        load_experiment(configs / "mine" / "nothing.yaml")


@pytest.mark.parametrize(
    ("words", "at", "expected"),
    [
        (["ma"], 1, ["make-folds", "match"]),
        (["prepare", "kazan"], 2, ["kazanexpress2022", "kazanexpress2023"]),
        (["run", "demo", "--pres"], 3, ["--preset"]),
        (["run", "--preset", "fu"], 3, ["full"]),
        (["run", "--force", "de"], 3, ["demo"]),
        (["report", "demo", "stack", ""], 4, []),
        (["completion", "z"], 2, ["zsh"]),
    ],
)
def test_a_shell_is_told_what_may_stand_next(words, at, expected, run_goods, monkeypatch):
    monkeypatch.setenv("GOODS_COMPLETE", str(at))
    code, out, err = run_goods(*words)
    assert code == 0 and out.split() == expected, err


def test_bash_completes_with_the_printed_lines(tmp_path):
    (tmp_path / "goods").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m goods "$@"\n')
    (tmp_path / "goods").chmod(0o755)
    asked = 'source <(goods completion bash); COMP_WORDS=(goods ver); COMP_CWORD=1; _goods; echo "${COMPREPLY[@]}"'
    env = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(["bash", "-c", asked], env=env, capture_output=True, text=True)
    assert done.stdout == "verify\n", done.stderr


WHOLE = "next:\n  .venv/bin/python scripts/app.py ozon stack\n  scripts/report.py ozon stack"
WITHIN = "no report.html; scripts/report.py ozon stack makes it, scripts/make_folds.py ozon its folds"


def test_a_command_in_a_message_has_the_options_given_that_it_takes():
    given = ["scripts/run_all.py", "ozon", "--out=my out", "--work", "w", "--offline", "--time-limit", "1m"]
    with with_given(given):
        assert to_type(WHOLE) == (
            "next:\n  .venv/bin/python scripts/app.py ozon stack --work w\n"
            "  scripts/report.py ozon stack --out 'my out' --work w"
        )
        assert to_type(WITHIN) == (
            "no report.html; scripts/report.py --out 'my out' --work w ozon stack makes it, scripts/make_folds.py "
            "--work w ozon its folds"
        )
        assert to_type("scripts/stack.py X") == "scripts/stack.py X --out 'my out' --work w --offline"
    assert to_type(WITHIN) == WITHIN


def test_pip_in_a_message_is_that_of_the_python_that_lacks_the_package():
    pip = f"{shlex.quote(sys.executable)} -m pip install"
    assert to_type("package gradio: pip install 'goods[app]'") == f"package gradio: {pip} 'goods[app]'"
    assert to_type(f"run {pip} gradio") == f"run {pip} gradio"


def test_a_file_that_a_script_writes_is_no_folder_of_submissions():
    with with_given(["scripts/predict.py", "ozon", "stack", "new.parquet", "--out", "labelled.parquet"]):
        assert to_type("run scripts/submit.py ozon") == "run scripts/submit.py ozon"


def test_a_terminal_shows_commands_as_the_user_types_them(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    monkeypatch.setattr("sys.argv", ["goods run", "ozon", "--work", "w"])
    with with_given(sys.argv), live():
        say("run scripts/make_folds.py ozon first")
    assert "run goods make-folds --work w ozon first" in terminal.getvalue()


@pytest.mark.parametrize("option", ["--work", *TAKEN_BY])
def test_options_are_told_to_the_scripts_that_take_them_as_folders_and_choices(option, run_script):
    files = {"--out": {"predict", "match", "kaggle_bundle"}, "--data": {"new_competition"}}
    takes = {name for name in SCRIPTS if f"{option} " in run_script(name, "--help")[1].replace("]", " ")}
    told = set(SCRIPTS) if option == "--work" else set(TAKEN_BY[option])
    assert takes - files.get(option, set()) == told


@pytest.mark.parametrize(("name", "called"), [(path.stem, name) for name, path in commands().items()])
def test_a_message_names_a_script_as_the_command_that_it_is(monkeypatch, name, called):
    monkeypatch.setattr("sys.argv", ["goods run"])
    assert spelled(f"scripts/{name}.py") == f"goods {called}"
