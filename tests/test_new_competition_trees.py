"""Which file of an unknown contest is the tree of its classes."""

from __future__ import annotations

import pytest
from guessed import table_of, words, write

from goods.cards.labels import Labels
from goods.competitions.guess.section import guess
from goods.competitions.guess.stage import new_competition
from goods.competitions.loading import load_competition
from goods.core.workspace import Workspace
from goods.prepare.stage import prepare


@pytest.mark.parametrize(("file", "column"), [("category_tree", "parent"), ("categories", "parent_id")])
def test_labels_of_their_own_levels_and_a_tree_file(tmp_path, configs, file, column):
    n = 40
    ids = list(range(n))
    data = write(
        tmp_path / "raw",
        X_train={"": ids, "designation": words(n)},
        Y_train={"": ids, "code": [10 + i % 3 for i in ids]},
        X_test={"": [90, 91], "designation": words(2)},
        **{file: {"cat": [1, 10, 11, 12], "name": ["all", "a", "b", "c"], column: [None, 1, 1, 1]}},
    )
    new_competition("joined", data, configs)
    section = table_of(configs, "joined")
    assert section["labels"] == {"file": "Y_train.csv", "key": ""} and section["id"] == ""
    assert section["tree"] == {"file": f"{file}.csv", "id": "cat", "title": "name", "parent": column}
    ws = Workspace(tmp_path / "work", "joined")
    prepare(ws, load_competition("joined", configs), None)
    assert Labels.load(ws).paths == [("a",), ("b",), ("c",)]


def test_what_only_looks_like_a_tree_takes_no_trees_place_and_is_told(tmp_path, configs, capsys):
    n = 40
    train = {"id": [f"a{i}" for i in range(n)], "title": words(n), "code": [10 + i % 3 for i in range(n)]}
    tables = {
        "train": train,
        "test": {"id": ["b1", "b2"], "title": words(2)},
        "bottles": {"maker": [1, 2], "transparent": [True, False]},
        "brands": {"brand": [1, 2, 3], "name": ["a", "b", "c"], "parent": [None, 1, 1]},
    }
    new_competition("none", write(tmp_path / "raw", **tables), configs)
    assert "tree" not in table_of(configs, "none")
    told = capsys.readouterr().err
    assert "not used: bottles.csv)" in told
    assert (
        "not used, as the classes of the target are not among its ids: brands.csv, which looks like a tree"
        in told
    )
    tables["tree"] = {"cat": [1, 10, 11, 12], "name": ["all", "a", "b", "c"], "parent": [None, 1, 1, 1]}
    new_competition("one", write(tmp_path / "raw", **tables), configs)
    assert table_of(configs, "one")["tree"]["file"] == "tree.csv"
    told = capsys.readouterr().err
    assert "not used: bottles.csv, brands.csv)" in told and "looks like a tree" not in told


SAMPLED = {"sample_submission": {"id": ["b1", "b2"], "code": [10, 10], "size": [1, 1]}}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (SAMPLED, "there are several targets"),
        ({"test": {"id": ["b1", "b2"], "title": words(2), "code": [10, 11]}}, "the target is not known"),
        ({"tree": {"cat": [10, 11, 12], "name": ["a", "b", "c"]}}, "it lacks a column of parents"),
    ],
)
def test_why_a_tree_is_not_used_is_told_as_it_is(tmp_path, changed, why):
    train = {"id": [f"a{i}" for i in range(40)], "title": words(40), "code": [10 + i % 3 for i in range(40)]}
    if changed is SAMPLED:
        train["size"] = [i % 2 for i in range(40)]
    tables = {
        "train": train,
        "test": {"id": ["b1", "b2"], "title": words(2)},
        "tree": {"cat": [1, 10, 11, 12], "name": ["all", "a", "b", "c"], "parent": [None, 1, 1, 1]},
    }
    made = guess(write(tmp_path / "raw", **tables | changed))
    assert f"not used, as {why}: tree.csv, which looks like a tree" in made.warnings


@pytest.mark.parametrize(
    ("name", "tree", "found"),
    [
        (
            "taxonomy",
            {"node": [1, 2, 3, 4], "label": ["all", "a", "b", "c"], "parent": [None, 1, 1, 2]},
            {"id": "label", "title": "label", "parent": "parent", "key": "node"},
        ),
        (
            "categories",
            {"category": ["all", "a", "b", "c"], "parent_category": [None, "all", "all", "a"]},
            {"id": "category", "title": "category", "parent": "parent_category"},
        ),
    ],
)
def test_classes_by_name_find_their_tree(tmp_path, configs, capsys, name, tree, found):
    n = 40
    data = write(
        tmp_path / "raw",
        train={"id": [f"a{i}" for i in range(n)], "title": words(n), "category": ["b", "c"] * (n // 2)},
        test={"id": ["b1", "b2"], "title": words(2)},
        **{name: tree},
    )
    new_competition("named", data, configs)
    assert "looks like a tree" not in capsys.readouterr().err
    assert table_of(configs, "named")["tree"] == {"file": f"{name}.csv"} | found
    ws = Workspace(tmp_path / "work", "named")
    prepare(ws, load_competition("named", configs), None)
    assert dict(zip(Labels.load(ws).ids, Labels.load(ws).paths, strict=True)) == {
        "b": ("b",),
        "c": ("a", "c"),
    }
