import ast
import json
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from goods.competitions.loading import load_competition
from goods.config.loading import DEFAULTS, dump, load_experiment, override, read_experiment
from goods.core.discovery import find, imported
from goods.core.errors import GoodsError

CONFIGS = Path(__file__).parents[1] / "configs"
EXPERIMENTS = sorted(
    p for p in CONFIGS.glob("*/*.yaml") if p.stem != "competition" and p.parent.name != DEFAULTS
) + [CONFIGS / "kazanexpress2023" / p.name for p in sorted((CONFIGS / DEFAULTS).glob("*.yaml"))]


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_every_config_of_the_repository_is_valid_and_round_trips(path, tmp_path):
    config = load_experiment(path)
    assert config.competition == path.parent.name
    assert config.name == path.stem
    written = tmp_path / "again.yaml"
    written.write_text(dump(config), encoding="utf-8")
    assert load_experiment(written) == config


@pytest.mark.parametrize("name", ["demo", "kazanexpress2023", "kazanexpress2022"])
def test_every_competition_is_valid_and_named_as_its_folder(name):
    assert load_competition(name, CONFIGS).name == name


def experiment(tmp_path, **model):
    data = read_experiment(CONFIGS / "demo" / "linear.yaml")
    data["model"] |= model
    path = tmp_path / "linear.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    return path


def test_a_mistyped_key_is_named(tmp_path):
    with pytest.raises(GoodsError, match=r"linear\.yaml: unknown key 'model\.structur'"):
        load_experiment(experiment(tmp_path, structur="flat"))


def test_a_value_out_of_range_is_named(tmp_path):
    with pytest.raises(GoodsError, match=r"key 'model\.C'"):
        load_experiment(experiment(tmp_path, C=-1))


def test_flags_stay_flags_and_numbers_of_any_spelling_numbers(tmp_path):
    config = load_experiment(
        experiment(tmp_path, C=1), ["refit=true", "seed=0x10", "model.C=1e-3", "tune=null"]
    )
    assert (config.refit, config.seed, config.model.C) == (True, 16, 0.001)


def test_settings_override_values_and_need_an_equals_sign(tmp_path):
    path = experiment(tmp_path)
    config = load_experiment(path, ["model.C=0.25", "model.fields.title.weight=2"])
    assert (config.model.C, config.model.fields["title"].weight) == (0.25, 2)
    with pytest.raises(GoodsError, match="KEY=VALUE"):
        load_experiment(path, ["model.C"])
    assert override({"a": {"b": 1}}, ["a.b=2"]) == {"a": {"b": 2}}


def test_broken_yaml_and_missing_files_are_told(tmp_path):
    (tmp_path / "x.yaml").write_text("a: [1")
    with pytest.raises(GoodsError, match="not readable as YAML"):
        load_experiment(tmp_path / "x.yaml")
    with pytest.raises(GoodsError, match="no such config"):
        load_experiment(tmp_path / "none.yaml")


@pytest.mark.parametrize("name", ["a/b", "..", "a\\b", "", " a", "a ", "a\tb", "n" * 201])
def test_an_experiment_is_named_as_one_folder_may_be(name):
    with pytest.raises(GoodsError, match=r"key 'name': .* is to be the name of a folder"):
        load_experiment(CONFIGS / "kazanexpress2023" / "linear.yaml", [f"name={json.dumps(name)}"])


def own_contest(folder, **competition):
    """configs/ with the repository's defaults and a competition of one's own."""
    shutil.copytree(CONFIGS / DEFAULTS, folder / DEFAULTS)
    (folder / "mycontest").mkdir()
    data = {"reader": "kazanexpress2023", **competition}
    (folder / "mycontest" / "competition.yaml").write_text(yaml.safe_dump(data))
    return folder / "mycontest"


def test_a_competition_is_named_by_its_folder_and_shares_the_defaults(tmp_path):
    mine = own_contest(tmp_path)
    assert load_competition("mycontest", tmp_path).data == "data/mycontest"
    config = load_experiment(mine / "navec.yaml")
    assert (config.competition, config.name, config.model.family) == ("mycontest", "navec", "navec")


def test_a_file_without_a_family_says_only_what_is_different(tmp_path):
    mine = own_contest(tmp_path)
    (mine / "linear.yaml").write_text("model: {C: 0.25, fields: {title: {weight: 3.0}}}")
    default = load_experiment(CONFIGS / "demo" / "linear.yaml").model
    changed = load_experiment(mine / "linear.yaml").model
    assert (changed.C, changed.fields["title"].weight) == (0.25, 3.0)
    assert changed.fields["title"].words == default.fields["title"].words
    assert changed.fields["description"] == default.fields["description"]


def test_a_name_that_is_not_the_folder_s_is_refused(tmp_path):
    mine = own_contest(tmp_path, name="kazanexpress2023")
    with pytest.raises(GoodsError, match="remove that line: the folder names it"):
        load_competition("mycontest", tmp_path)
    (mine / "knn.yaml").write_text("competition: demo")
    with pytest.raises(GoodsError, match="competition is 'demo', its folder 'mycontest'"):
        load_experiment(mine / "knn.yaml")
    with pytest.raises(GoodsError, match="a default, of no competition"):
        load_experiment(tmp_path / DEFAULTS / "navec.yaml")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reader": "kazan"}, "unknown reader 'kazan': known are demo, kazanexpress2022"),
        ({"metric": "f2"}, "unknown metric 'f2': known are weighted_f1"),
        ({"metric": "pr_auc_prefix"}, "metric pr_auc_prefix is of pairs, reader kazanexpress2023 of cards"),
        ({"reader": "ozon"}, "metric weighted_f1 is of cards, reader ozon of pairs"),
    ],
)
def test_readers_and_metrics_are_checked_before_anything_runs(tmp_path, change, message):
    own_contest(tmp_path, **change)
    with pytest.raises(GoodsError, match=message):
        load_competition("mycontest", tmp_path)


def test_an_unknown_family_and_a_part_of_one_are_refused(tmp_path):
    mine = own_contest(tmp_path)
    for family, message in (
        ("lineer", "unknown family 'lineer': known are .*linear"),
        ("caption", "is a part of"),
    ):
        (mine / "x.yaml").write_text(f"model: {{family: {family}}}")
        with pytest.raises(GoodsError, match=message):
            load_experiment(mine / "x.yaml")


def test_where_a_key_stands_in_a_file_changes_nothing(tmp_path):
    mine = own_contest(tmp_path)
    (mine / "navec.yaml").write_text("model: {fields: {description: 64, attributes: 32, title: 24, shop: 4}}")
    found, default = (load_experiment(p) for p in (mine / "navec.yaml", CONFIGS / "demo" / "navec.yaml"))
    assert list(found.model.fields) == list(default.model.fields)
    assert list(found.tune.space) == list(default.tune.space)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: linear\nmodel: {hidden: 8}", "name is 'linear', its file 'navec'"),
        ("seed: 1\nseed: 2", "key 'seed' stands twice"),
        ("seed: -1", "key 'seed'"),
        ("tune: {space: {hiden: {low: 1, high: 2}}}", "tune.space names 'hiden', which model does not have"),
        ("tune: {space: {fields.name: {low: 1, high: 2}}}", "tune.space names 'fields.name'"),
        ("seed: true", "key 'seed': is true, expected a number"),
        ("seed: 042", "042 is a number to base 8 or 60"),
        ("seed: 12:30", "12:30 is a number to base 8 or 60"),
        ("model: {dropout: 0:30.5}", "0:30.5 is a number to base 8 or 60"),
        ("model: {trainer: {lr: .inf}}", "key 'model.trainer.lr': is .inf, expected a finite number"),
        ("model: {fields: {name: 8}}", "cards have no text 'name'; known are title"),
        ("model: {fields: {title: 0}}", "key 'model.fields.title'"),
    ],
)
def test_what_would_be_lost_without_a_word_is_refused(tmp_path, text, message):
    (own_contest(tmp_path) / "navec.yaml").write_text(text)
    with pytest.raises(GoodsError, match=message):
        load_experiment(tmp_path / "mycontest" / "navec.yaml")


def test_an_experiment_that_is_joined_twice_is_refused(tmp_path):
    (own_contest(tmp_path) / "stack.yaml").write_text("model: {experiments: [linear, linear]}")
    with pytest.raises(GoodsError, match="experiments names 'linear' twice"):
        load_experiment(tmp_path / "mycontest" / "stack.yaml")


def package(folder, monkeypatch, **files):
    """A package of modules with these texts."""
    (folder / "pieces").mkdir()
    for name, text in {"__init__": "", **files}.items():
        (folder / "pieces" / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "pieces", raising=False)
    find.cache_clear()
    return ("pieces",)


def functions(statement):
    return [statement.name] if isinstance(statement, ast.FunctionDef) else []


def test_two_of_one_name_and_files_that_cannot_be_read_are_told(tmp_path, monkeypatch):
    found = package(tmp_path, monkeypatch, a="def x(): ...", b="def x(): ...")
    with pytest.raises(GoodsError, match=r"b\.py: 'x' is in pieces\.a already"):
        find(found, "def", functions)
    (tmp_path / "pieces" / "b.py").write_text("def x(:")
    with pytest.raises(GoodsError, match=r"b\.py: line 1: .*; mend that line"):
        find(found, "def ", functions)
    (tmp_path / "pieces" / "b.py").write_text("import nothing_of_that_name")
    with pytest.raises(GoodsError, match=r"pieces\.b: cannot be imported \(No module named"):
        imported("pieces.b")
    (tmp_path / "pieces" / "a.py").write_text("assert 1 == 2, 'odd'")
    with pytest.raises(GoodsError, match=r"pieces\.a: cannot be imported \(AssertionError: odd\)"):
        imported("pieces.a")


def test_files_are_read_as_python_reads_them(tmp_path, monkeypatch):
    found = package(tmp_path, monkeypatch, a="def x(): ...", b="")
    (tmp_path / "pieces" / "a.py").write_text("def y(): ...", encoding="utf-8-sig")
    (tmp_path / "pieces" / "b.py").write_text("# coding: cp1251\ndef z(): 'привет'", encoding="cp1251")
    assert find(found, "def", functions) == {"y": "pieces.a", "z": "pieces.b"}
    (tmp_path / "pieces" / "b.py").write_text("def x(): 'привет'", encoding="cp1251")
    with pytest.raises(GoodsError, match=r"b\.py: not written in UTF-8 \(.*\); save it as UTF-8"):
        find(found, "def ", functions)
    (tmp_path / "pieces" / "b.py").write_text("def x(): '\0'")
    with pytest.raises(GoodsError, match=r"b\.py: source code .* null bytes; mend that"):
        find(found, "def ", functions)
