"""Settings that are refused are told in words of our own, all of a file at once."""

from __future__ import annotations

import pickle
import re
import time
import tracemalloc
from pathlib import Path

import pytest
import yaml

from goods.config import strict_yaml
from goods.config.loading import load_experiment
from goods.config.strict_yaml import StrictLoader, parsed_yaml
from goods.core.errors import GoodsError

CONFIGS = Path(__file__).parents[1] / "configs" / "kazanexpress2023"


def told(experiment: str, *settings: str) -> list[str]:
    with pytest.raises(GoodsError) as error:
        load_experiment(CONFIGS / f"{experiment}.yaml", list(settings))
    return [line.removeprefix(f"{CONFIGS / experiment}.yaml: ") for line in str(error.value).splitlines()]


@pytest.mark.parametrize(
    ("experiment", "setting", "line"),
    [
        ("stack", "model.experiments=linear", "is 'linear', expected a list; write [linear]"),
        (
            "stack",
            "model.experiments=linear,navec",
            "is 'linear,navec', expected a list; write [linear,navec]",
        ),
        ("linear", "tune.folds=0", "is 0, expected a list; write [0]"),
        ("linear", "tune.folds=", "is null, expected a list"),
        ("linear", "tune.folds=[x]", "is 'x', expected a whole number"),
        ("linear", "tune.folds=[]", "is [], expected 1 item at least"),
        (
            "linear",
            "model.fields.title.words=2",
            "is 2, expected [SHORTEST, LONGEST], from 1 on, such as [1, 2]",
        ),
        ("image", "model.mean=0.5", "is 0.5, expected [RED, GREEN, BLUE], such as [0.5, 0.5, 0.5]"),
        ("linear", "model.fields.title.words=[1]", "is missing; give it"),
        ("linear", "model.fields.title.words=[1, 2, 3]", "is [1, 2, 3], expected 2 items at most"),
        ("linear", "model.fields=title", "is 'title', expected a mapping (key: value)"),
        ("linear", "model=linear", "is 'linear', expected a mapping with a family"),
        ("linear", "tune=[1]", "is [1], expected a mapping (key: value)"),
        ("linear", "tune.space=C", "is 'C', expected a mapping (key: value)"),
        ("linear", "tune={trials: 3}", "is missing; give it"),
        ("linear", "tune.space.C={low: a, high: 2}", "is 'a', expected a number or a whole number"),
        ("linear", "tune.space.C={choices: 1}", "is 1, expected a list; write [1]"),
        ("linear", "refit=7", "is 7, expected true or false"),
        ("linear", "refit=2020-01-01", "is 2020-01-01, expected true or false"),
        ("linear", "seed=-1", "is -1, expected 0 or more"),
        ("linear", "seed=4294967296", "is 4294967296, expected less than 4294967296"),
        ("linear", "seed=1.5", "is 1.5, expected a whole number"),
        ("linear", "seed=many", "is 'many', expected a whole number"),
        ("linear", "share=.nan", "is .nan, expected a finite number"),
        ("linear", "share=0", "is 0, expected more than 0"),
        ("linear", "share=2", "is 2, expected 1 or less"),
        ("linear", "name=2024", "is 2024, expected a text; write '2024'"),
        ("linear", "name=2020-01-01", "is 2020-01-01, expected a text; write '2020-01-01'"),
        ("linear", "model.structure=bush", "is 'bush', expected 'tree' or 'flat'"),
        ("linear", "model.C=[1]", "is [1], expected a number"),
        ("linear", "model.C=" + "x" * 500, "is '" + "x" * 58 + "…, expected a number"),
        ("stack", "model.top_k=all", "is 'all', expected a whole number or 'auto'"),
        ("stack", "model.top_k=null", "is null, expected a whole number or 'auto'"),
        ("knn", "model.sources=x", "is 'x', expected a list; write [x]"),
        ("linear", "model.family=linea", None),
    ],
)
def test_a_setting_that_is_refused_is_told_with_its_key_what_it_is_and_what_it_should_be(
    experiment, setting, line
):
    (found,) = told(experiment, setting)
    key = re.escape(setting.partition("=")[0])
    assert re.match(rf"key '{key}[\w.]*': ", found), found
    assert line is None or found.partition("': ")[2] == line
    assert not re.search(r"Input|valid|tuple|dictionary|string|NoneType", found)


@pytest.mark.parametrize(
    ("experiment", "key", "given"), [("linear", "fields.title.words", "2"), ("image", "mean", "0.5")]
)
def test_what_a_list_of_so_many_items_should_be_is_taken(experiment, key, given):
    (line,) = told(experiment, f"model.{key}={given}")
    example = line.partition(", such as ")[2]
    load_experiment(CONFIGS / f"{experiment}.yaml", [f"model.{key}={example}"])


def test_a_flag_in_place_of_a_number_is_told_beside_other_mistakes():
    assert told("linear", "model.C=true", "model.structur=flat", "tune.trials=true", "share=true") == [
        "key 'share': is true, expected a number",
        "key 'model.C': is true, expected a number",
        "unknown key 'model.structur'; did you mean 'structure'?",
        "key 'tune.trials': is true, expected a number",
    ]


def test_a_key_that_is_no_text_is_named():
    (line,) = told("linear", "tune.space={1: {low: 1, high: 2}}")
    assert line == "key 'tune.space.1': is 1, expected a text; write '1'"


def test_all_mistakes_of_a_file_are_told_a_line_each():
    lines = told("linear", "seed=-1", "shar=0.5", "model.C=x", "model.lrr=1", "tune.trials=0", "refit=7")
    assert lines == [
        "key 'seed': is -1, expected 0 or more",
        "key 'refit': is 7, expected true or false",
        "key 'model.C': is 'x', expected a number",
        "unknown key 'model.lrr'; check its spelling",
        "key 'tune.trials': is 0, expected 1 or more",
        "unknown key 'shar'; did you mean 'share'?",
    ]


def test_more_than_ten_mistakes_are_counted():
    lines = told("linear", *(f"model.{letter}=1" for letter in "abcdefghijklmn"))
    assert len(lines) == 11
    assert lines[-1] == "4 more settings are wrong; mend these first"


def test_several_mistakes_are_several_lines_on_the_console(run_script, tmp_path):
    settings = ("--set", "seed=-1", "--set", "share=2")
    code, _, said = run_script("train", CONFIGS / "linear.yaml", "--work", tmp_path, *settings)
    assert code == 2
    assert [line.partition(": ")[0] for line in said.splitlines()] == ["error", "error"]


def test_several_errors_are_told_by_a_worker_too():
    from goods.core.errors import SeveralErrors

    error = pickle.loads(pickle.dumps(SeveralErrors("one", "two")))
    assert (str(error), error.lines) == ("one\ntwo", ("one", "two"))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: &a {C: 1}\nb: {<<: *a, D: 2}", {"a": {"C": 1}, "b": {"C": 1, "D": 2}}),
        ("b: {<<: {C: 1}, C: 2}", {"b": {"C": 2}}),
        ("a: {x: &x {<<: {C: 1}, C: 2}}\nb: {<<: *x}", {"a": {"x": {"C": 2}}, "b": {"C": 2}}),
    ],
)
def test_yaml_may_merge_mappings(text, found):
    assert parsed_yaml(text, "x.yaml") == found


def test_a_yaml_text_is_parsed_once_and_what_it_holds_is_each_caller_s_own(monkeypatch):
    parsed, plain = [], StrictLoader.get_single_data
    monkeypatch.setattr(StrictLoader, "get_single_data", lambda self: parsed.append(1) or plain(self))
    text = "model: {C: 0.25, of: [a, b]}"
    one, other = (parsed_yaml(text, where) for where in ("x.yaml", "y.yaml"))
    one["model"]["of"].append("c")
    assert other == parsed_yaml(text, "x.yaml") == {"model": {"C": 0.25, "of": ["a", "b"]}}
    assert len(parsed) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model: &m {fields: *m}", "x.yaml: an alias .* names what it stands in"),
        ("folds: &f [*f]", "x.yaml: an alias .* names what it stands in"),
        ("model: &m {<<: *m, <<: {C: 1, C: 2}}", "key 'C' stands twice"),
        ("experiments: !!set {linear, navec}", "set is no kind of setting; write a list"),
        ("name: !!binary aGk=", "binary is no kind of setting"),
    ],
)
def test_yaml_that_has_no_end_or_no_order_is_refused(text, message):
    with pytest.raises(GoodsError, match=message):
        parsed_yaml(text, "x.yaml")


@pytest.mark.parametrize(
    "text",
    [
        *("C: !!bool x", "C: !!timestamp x", "C: !!int ''", "C: !!float ''", 'C: "\\UFFFFFFFF"'),
        *('C: "\\ud800"', '"\\udc00": 1', f"C: 0x{'f' * 5000}", f"C: 0b{'1' * 20_000}"),
    ],
)
def test_yaml_that_its_library_stumbles_over_or_that_cannot_be_told_is_refused(text):
    with pytest.raises(GoodsError, match=r"^x\.yaml: not readable as YAML \(.*\); mend it$"):
        parsed_yaml(text, "x.yaml")


@pytest.mark.parametrize(
    ("first", "more"),
    [("[x, x, x, x, x, x, x, x]", "[{}]"), ("{x: 1}", "{{y: [{}]}}"), ("{x: 1}", "{{<<: [{}]}}")],
)
def test_aliases_of_aliases_are_refused_at_once(first, more):
    text = "\n".join(
        [f"a0: &a0 {first}"]
        + [f"a{i}: &a{i} {more.format(', '.join([f'*a{i - 1}'] * 8))}" for i in range(1, 30)]
    )
    began = time.process_time()
    with pytest.raises(
        GoodsError, match=r"x\.yaml: .*more than 100,000 values, its aliases .* written out; write"
    ):
        parsed_yaml(text, "x.yaml")
    assert time.process_time() - began < 2


@pytest.mark.parametrize("merging", ["b: {{<<: [{}]}}", "b: [{}]"])
def test_aliases_that_are_merged_are_refused_before_they_take_memory(monkeypatch, merging):
    monkeypatch.setattr(strict_yaml, "MOST_VALUES", 500)
    part = "*a" if "<<" in merging else "{<<: *a}"
    keys = ", ".join(f"k{i}: 1" for i in range(400))
    text = f"a: &a {{{keys}}}\n{merging.format(', '.join([part] * 400))}"
    tracemalloc.start()
    try:
        with pytest.raises(GoodsError, match="its aliases"):
            parsed_yaml(text, "x.yaml")
        assert tracemalloc.get_traced_memory()[1] < 2**21
    finally:
        tracemalloc.stop()


def test_keys_of_a_long_mapping_are_compared_at_once():
    keys = [yaml.ScalarNode("tag:yaml.org,2002:str", f"k{i}") for i in range(20_000)]
    began = time.process_time()
    StrictLoader("").flatten_mapping(yaml.MappingNode("tag:yaml.org,2002:map", [(key, key) for key in keys]))
    assert time.process_time() - began < 1


@pytest.mark.parametrize("word", ["", "~/work", "~other"])
@pytest.mark.parametrize("joined", [False, True])
def test_a_path_that_the_shell_left_empty_or_with_its_tilde_is_refused(
    run_script, monkeypatch, tmp_path, word, joined
):
    monkeypatch.chdir(tmp_path)
    given = (f"--work={word}",) if joined else ("--work", word)
    code, _, said = run_script("status", "kazanexpress2023", *given)
    assert code == 2 and "--work: is empty" in said if word == "" else "no shell has replaced" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("option", ["--work", "--data"])
def test_a_link_that_leads_to_itself_is_told(run_script, tmp_path, option):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    places = {"--work": tmp_path / "work", "--data": tmp_path} | {option: loop}
    code, _, said = run_script(
        "prepare", "kazanexpress2023", *(word for pair in places.items() for word in pair)
    )
    assert (
        code == 2
        and said
        == f"error: {loop}: a link that leads to itself; remove it, or name another "
        + ("folder\n" if option == "--work" else "place\n")
    )


@pytest.mark.parametrize(
    ("experiment", "setting", "message"),
    [
        ("linear", "tuned_on=[0, 0]", "tuned_on names 0 twice; leave one out"),
        ("stack", "model.methods=[catboost, catboost]", "methods names 'catboost' twice; leave one out"),
        ("stack", "model.precisions=[0.9, 0.9]", "precisions names 0.9 twice; leave one out"),
        ("stack", "model.precisions=[2.0]", "key 'model.precisions.0': is 2.0, expected 1 or less"),
        ("stack", "model.precisions=[-1]", "key 'model.precisions.0': is -1, expected more than 0"),
        ("linear", "pseudo={experiments: [linear]}", "experiment linear builds on itself; remove it there"),
        ("stack", "model.experiments=[linear, stack]", "experiment stack builds on itself; remove it there"),
    ],
)
def test_what_stands_twice_or_builds_on_itself_is_refused(experiment, setting, message):
    (line,) = told(experiment, setting)
    assert line.endswith(message)
