"""The scripts as the README names them."""

import re
import runpy
import sys

import pytest
from conftest import ROOT, SCRIPTS

from goods import cli


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_says_what_it_takes(run_script, name):
    code, out, err = run_script(name, "--help")
    assert code == 0, err
    assert out.startswith("usage: ") and "--work" in out


FORCED = {
    "distil",
    "make_folds",
    "new_competition",
    "prepare",
    "pretrain",
    "run_all",
    "stack",
    "train",
    "tune",
}
WAITING = FORCED - {"new_competition"} | {"clean", "probe"}


@pytest.mark.parametrize("name", SCRIPTS)
def test_force_and_wait_are_options_where_they_act(run_script, name):
    _, out, _ = run_script(name, "--help")
    assert ("--force" in out, "--wait" in out) == (name in FORCED, name in WAITING)


BENCHMARKS = sorted(
    path
    for path in (ROOT / "benchmarks").glob("*.py")
    if '__name__ == "__main__"' in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_every_benchmark_can_be_started(path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [path.name, "--help"])
    monkeypatch.syspath_prepend(path.parent)  # where Python looks first for what a script imports
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(path), run_name="__main__")
    assert not stop.value.code
    assert capsys.readouterr().out.startswith("usage: ")


@pytest.mark.parametrize("name, rest", [("determinism", []), ("held_out", ["--data", "raw"])])
def test_a_folder_of_before_is_not_measured_in(name, rest, monkeypatch, capsys, tmp_path):
    path = ROOT / "benchmarks" / f"{name}.py"
    (tmp_path / "raw").mkdir()
    monkeypatch.setattr(sys, "argv", [path.name, "--folder", str(tmp_path), *rest])
    monkeypatch.setattr("goods.demo.generator.generate", None)  # nothing is made
    monkeypatch.syspath_prepend(path.parent)
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(path), run_name="__main__")
    assert stop.value.code == 2
    assert f"{tmp_path} is there already" in capsys.readouterr().err


def test_without_a_browser_and_its_client_the_benchmark_of_pages_says_what_to_install(
    monkeypatch, capsys, tmp_path
):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "websocket", None)
    monkeypatch.setattr(sys, "argv", ["page.py", str(tmp_path / "report.html")])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(ROOT / "benchmarks" / "page.py"), run_name="__main__")
    assert stop.value.code == 2
    assert "install chromium, and pip install 'goods[browser]'" in capsys.readouterr().err


def test_the_readme_names_scripts_that_are_there():
    named = set(re.findall(r"scripts/(\w+)\.py", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert named and named <= set(SCRIPTS)


def test_a_competition_that_is_not_there_is_named(run_script, tmp_path):
    for name, *rest in (["submit"], ["report"], ["make_folds"], ["prepare"], ["explain", "stack", "1"]):
        code, _, err = run_script(name, "nowhere", *rest, "--work", tmp_path)
        assert code == 2 and "unknown competition 'nowhere': known are" in err
    assert not any(tmp_path.iterdir())


def test_a_competition_may_be_named_with_the_slash_that_a_shell_puts_behind_a_folder():
    parser = cli.parser("a script")
    cli.add_competition(parser)
    assert parser.parse_args(["demo/"]).competition == "demo"
    assert parser.parse_args(["wildberries/sex"]).competition == "wildberries/sex"


@pytest.mark.parametrize("name", ["../x", "..", "/tmp", "", "a/b/c"])
def test_a_path_names_no_competition(run_script, tmp_path, name):
    (tmp_path / "runs").mkdir()
    for script in ("run_all", "verify", "curves", "status", "probe"):
        code, out, err = run_script(script, name, "--work", tmp_path / "work")
        assert (code, out) == (2, "")
        assert (
            err
            == f"error: {name!r} names no competition; give the name of a folder of configs/, or name/target\n"
        )


def test_an_experiment_that_is_named_twice_is_taken_once(tmp_path):
    args = cli.parser("a script").parse_args(["--work", str(tmp_path)])
    vars(args).update(
        experiments=["navec", "linear", "navec"], offline=True, text_weights=None, image_weights=None
    )
    assert [config.name for config in cli.named_experiments(args, "demo")] == ["navec", "linear"]
