"""What a work folder holds, what of it may be deleted, and what a machine lacks."""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, as_written, copied, write_shop

from goods.budget import costs
from goods.budget.costs import Cost
from goods.budget.limits import Budget
from goods.competitions.loading import load_competition
from goods.config.loading import load_experiment
from goods.core import code, locks
from goods.core.artifacts import read_json, write_json
from goods.core.done import DONE, STARTED, begin
from goods.core.inputs import INPUTS, changed_inputs
from goods.core.last_run import LAST_RUN, note_run
from goods.core.locks import working
from goods.core.workspace import Workspace
from goods.pipeline import run_all
from goods.presets import Options
from goods.train.stage import train
from goods.upkeep import machine
from goods.upkeep import status as status_module
from goods.upkeep.cleaning import PORTIONS, remove
from goods.upkeep.status import chosen_last, status

NAME = "kazanexpress2023"
CONFIGS = ROOT / "configs"


@pytest.fixture
def options(plain_run, tmp_path) -> Options:
    return replace(copied(plain_run[0], tmp_path), out=tmp_path / "submissions")


def states(options: Options) -> dict[str, tuple[str, str]]:
    found = status(Workspace(options.work, NAME), load_competition(NAME, options.configs), options)
    return {state.name: (state.word, state.why) for state in found}


def setting(options: Options, name: str, key: str, value: object) -> None:
    path = options.configs / NAME / f"{name}.yaml"
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    config["model"][key] = value
    path.write_text(yaml.safe_dump(config), encoding="utf-8")


def test_status_speaks_of_the_preset_of_the_last_run_unless_told_otherwise(options, run_script, monkeypatch):
    ws = Workspace(options.work, NAME)
    monkeypatch.setattr("goods.cli.CONFIGS", options.configs)
    note_run(
        ws.path, {"preset": "light", "offline": True, "text_weights": Path("gone"), "image_weights": None}
    )
    assert chosen_last(ws) == {"preset": "light", "offline": True}
    asked = ("status", NAME, "--work", options.work)
    code, out, _ = run_script(*asked)
    assert code == 0 and "stack-light" in out and "not of preset light" in out
    code, out, _ = run_script(*asked, "--preset", "quick")
    assert code == 0 and "stack-light" not in out
    (ws.path / LAST_RUN).write_text("[")
    assert chosen_last(ws) == {}


def test_who_is_at_work_is_looked_up_once(tmp_path, monkeypatch):
    looked = []
    monkeypatch.setattr(locks, "_lives", lambda pid, _: looked.append(pid) or True)
    ws = Workspace(tmp_path, NAME)
    for alone, word in ((True, "run"), (False, "stage")):
        with working(ws, alone):
            looked.clear()
            first, *_ = status(
                ws, load_competition(NAME, CONFIGS), Options(configs=CONFIGS, work=tmp_path, out=tmp_path)
            )
        assert (first.name, first.word) == (word, "running") and looked == [os.getpid()]


def test_all_is_done_after_a_run(options):
    found = states(options)
    assert list(found) == ["prepared", "folds", "linear", "fasttext", "stack"]
    assert {word for word, _ in found.values()} == {"done"}


def test_an_input_that_has_changed_is_named_and_what_waits_for_it(options):
    setting(options, "fasttext", "epochs", 16)
    found = states(options)
    assert found["fasttext"] == ("stale", "settings model.epochs changed; 0 of 3 folds done")
    assert found["linear"] == ("done", "")
    assert found["stack"] == ("stale", "until fasttext is done")


def test_code_that_has_changed_is_named(options, monkeypatch):
    before = code.module_hashes
    changed = "goods.models.text.fasttext_model"
    monkeypatch.setattr("goods.train.keys.code_hash", lambda *modules: f"new {modules}")
    monkeypatch.setattr(
        "goods.train.keys.module_hashes",
        lambda *modules: before(*modules) | {name: "new" for name in before(*modules) if name == changed},
    )
    assert states(options)["fasttext"][1] == f"code {changed} changed; 0 of 3 folds done"


def test_what_is_missing_damaged_or_was_begun_is_told(options):
    runs = Workspace(options.work, NAME).path / "runs"
    shutil.rmtree(runs / "linear" / "fold_1")
    (runs / "fasttext" / "fold_0" / "valid.npz").write_bytes(b"other")
    (runs / "stack" / DONE).unlink()
    found = states(options)
    assert found["linear"] == ("unfinished", "2 of 3 folds done")
    assert found["fasttext"] == ("damaged", "valid.npz is not what was written; 2 of 3 folds done")
    assert (runs / "stack" / STARTED).is_file() and found["stack"][0] == "unfinished"
    shutil.rmtree(options.work)
    assert {word for word, _ in states(options).values()} == {"missing"}


def test_raw_files_that_have_changed_make_what_was_prepared_stale(options, tmp_path):
    source = Workspace(options.work, NAME).source
    write_shop(tmp_path / "other", n_train=200)
    write_json(source, read_json(source) | {"data": str(tmp_path / "other")})
    as_written(source.parent)
    assert states(options)["prepared"][0] == "stale"


def test_runs_of_other_presets_are_told_of_last(options):
    runs = Workspace(options.work, NAME).path / "runs"
    shutil.copytree(runs / "linear", runs / "mine")
    *_, (name, (word, why)) = states(options).items()
    assert (name, word, why) == ("mine", "done", "not of preset quick")


def test_runs_of_other_presets_grow_stale_too(options, monkeypatch):
    ws = Workspace(options.work, NAME)
    mine = load_experiment(ws.run("linear").config).model_copy(update={"name": "mine"})
    train(ws, load_competition(NAME, options.configs), mine)
    assert states(options)["mine"] == ("done", "not of preset quick")
    monkeypatch.setattr("goods.train.keys.code_hash", lambda *modules: f"new {modules}")
    assert states(options)["mine"][0] == "stale"
    assert states(options)["mine"][1].startswith("not of preset quick; ")
    ws.run("mine").config.write_text("family: linear", encoding="utf-8")
    as_written(ws.run("mine").path)
    assert states(options)["mine"][0] == "stale" and "config.yaml" in states(options)["mine"][1]


def test_what_builds_on_a_stale_experiment_is_stale_until_that_is_done(options, monkeypatch):
    def course_of(*args):
        course = plain(*args)
        course.needs = lambda name: ["linear", "fasttext"] if name == "fasttext" else [name]
        return course

    plain = status_module.course_of
    monkeypatch.setattr(status_module, "course_of", course_of)
    assert states(options)["fasttext"] == ("done", "")
    setting(options, "linear", "C", 3.0)
    assert states(options)["fasttext"] == ("stale", "until linear is done")


def limited_run(options: Options, tmp_path, budget: Budget) -> Options:
    limited = replace(options, work=tmp_path / "limited")
    run_all(NAME, replace(limited, budget=budget))
    return limited


def test_after_a_limited_run_what_it_joined_is_done_and_the_rest_was_left_out(options, tmp_path, monkeypatch):
    monkeypatch.setitem(costs.MEASURED, "fasttext", Cost(base=300.0))
    limited = limited_run(options, tmp_path, Budget(gigabytes=200.0))  # more than the tests themselves take
    found = states(limited)
    assert found["linear"] == ("done", "")
    assert found["fasttext"] == ("missing", "left out by the limits of the last run")
    with working(Workspace(limited.work, NAME), alone=True):
        meanwhile = states(limited)
    assert meanwhile["run"][0] == "running" and f"process {os.getpid()} (" in meanwhile["run"][1]
    assert meanwhile["fasttext"] == ("missing", "") and "run" not in found
    with working(Workspace(limited.work, NAME), alone=False):
        beside = states(limited)
    assert beside.pop("stage")[0] == "running" and beside == found  # one that trains beside others is no run
    word, why = found["stack"]
    assert word == "done" and why.startswith("within 200 GB: fasttext, about 300 GB, left out")
    setting(limited, "linear", "C", 3.0)
    found = states(limited)
    assert found["stack"] == ("stale", "until linear is done")


def test_one_experiment_alone_is_done_until_its_settings_change(options, tmp_path, monkeypatch):
    monkeypatch.setitem(costs.MEASURED, "stack", Cost(base=30.0))
    limited = limited_run(options, tmp_path, Budget(gigabytes=4.0))
    run = Workspace(limited.work, NAME).run("stack")
    assert load_experiment(run.config).model.family == "linear"
    found = states(limited)
    assert found["stack"][0] == "done" and "linear alone" in found["stack"][1]
    assert found["linear"] == ("done", "")
    page = (limited.out / NAME / "report.html").read_text(encoding="utf-8")
    assert "This run was kept within 4 GB" in page and "linear alone" in page
    setting(limited, "linear", "C", 3.0)
    assert states(limited)["stack"] == ("stale", "settings model.C changed; 0 of 3 folds done")


def test_a_run_of_the_shares_of_classes_is_done_and_has_a_page(options, tmp_path):
    limited = limited_run(options, tmp_path, Budget(gigabytes=0.01))
    found = states(limited)
    assert found["stack"][0] == "done"
    assert found["fasttext"] == ("missing", "left out by the limits of the last run")
    assert (limited.out / NAME / "report.html").is_file()


def test_without_a_note_of_the_inputs_nothing_is_made_up(tmp_path):
    assert changed_inputs(tmp_path, {"folds": "a"}) == []
    write_json(tmp_path / INPUTS, {"settings": {"model": {"lr": 1}}, "folds": "a", "gone": 1})
    now = {"settings": {"model": {"lr": 2}}, "folds": "a"}
    assert changed_inputs(tmp_path, now) == ["settings model.lr", "gone"]


def test_nothing_is_deleted_unasked_and_only_what_was_named(options, run_script, monkeypatch):
    def nobody(_: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", nobody)
    ws = Workspace(options.work, NAME)
    work = ("--work", options.work)
    code, out, _ = run_script("clean", NAME, *work)
    assert code == 0 and "--runs" in out and (ws.path / "runs" / "linear").is_dir()
    code, _, err = run_script("clean", NAME, "--runs", *work)
    assert code == 2 and "add --yes" in err and (ws.path / "runs" / "linear").is_dir()
    code, out, _ = run_script("clean", NAME, "--runs", "--yes", *work)
    assert code == 0 and not (ws.path / "runs").exists() and ws.cards.is_file()
    run_all(NAME, options)
    assert states(options)["stack"] == ("done", "")
    remove(ws, PORTIONS["all"])
    assert [path.name for path in ws.path.iterdir()] == ["locks"]
    code, _, err = run_script("clean", "nowhere", "--all", "--yes", *work)
    assert code == 2 and "nothing to clean" in err


@pytest.mark.parametrize("outside", [".", "..", "../mine", ""])
def test_nothing_but_a_folder_of_the_work_folder_is_deleted(tmp_path, run_script, outside):
    for place in ("mine", "work/shop/runs"):
        (tmp_path / place).mkdir(parents=True)
    code, _, err = run_script("clean", outside, "--all", "--yes", "--work", tmp_path / "work")
    assert code == 2 and f"{outside!r} names no competition" in err
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["mine", "runs", "shop", "work"]


def test_what_a_machine_lacks_is_said_with_what_will_not_work(monkeypatch, tmp_path):
    absent = {"torch", "timm", "umap-learn"}
    monkeypatch.setattr(machine, "_version", lambda name: None if name in absent else "1.0")
    monkeypatch.setattr(machine, "find_spec", lambda name: None)
    monkeypatch.setattr(machine.execution, "has_torch", lambda: False)
    monkeypatch.setattr(machine.hub, "in_reach", lambda: False)
    found = {one.what: one for one in machine.examined(tmp_path)}
    assert (
        found["networks"].word == "note"
        and "timm, torch missing: will not work: navec" in found["networks"].said
    )
    assert "; pip install 'goods[networks]' (kornia 1.0" in found["networks"].said
    assert found["maps"].said.endswith("; pip install umap-learn")
    assert found["GPU"].said == "not looked for: torch is not installed"
    assert "--offline" in found["model hub"].said and found["packages"].word == "ok"
    absent.add("catboost")
    found = {one.what: one for one in machine.examined(tmp_path)}
    assert found["packages"].word == "wrong" and "missing: catboost" in found["packages"].said


@pytest.mark.parametrize("removing", ["cleaning", "a stage"])
def test_a_file_that_cannot_be_removed_is_told_with_its_folder(tmp_path, monkeypatch, removing):
    ws = Workspace(tmp_path, NAME)
    file = ws.cache / "photos" / "pixels-32.npy"
    file.parent.mkdir(parents=True)
    file.touch()

    def refused(path, *, dir_fd=None):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    monkeypatch.setattr(os, "unlink", refused)
    with pytest.raises(PermissionError) as caught:
        remove(ws, PORTIONS["caches"]) if removing == "cleaning" else begin(ws.cache, "key")
    assert caught.value.filename == str(file)
