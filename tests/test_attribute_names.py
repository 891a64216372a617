"""Attributes of a contest: names that their folders and answers can have, and folds that all can be trained on."""

from __future__ import annotations

from pathlib import Path

import pytest
from table_contests import CSV, config_of, options_of, write_csv

from goods import pipeline
from goods.config.competition import CompetitionConfig
from goods.config.loading import validated
from goods.core.errors import GoodsError
from goods.core.workspace import Workspace

SECTION = {"files": CSV, "id": "id", "title": "name", "target": {"colour": "Цвет", "size": "size"}}


@pytest.mark.parametrize(
    "name", ["prepared", "runs", "cache", "logs", "locks", "raw", "unlabelled", "..", "a/b"]
)
def test_a_target_is_not_called_as_what_the_work_folder_keeps_beside_it(name):
    values = {"name": "shop", "reader": "wildberries", "data": "nowhere", "targets": [name, "season"]}
    with pytest.raises(GoodsError, match=r"targets has .*; name it otherwise"):
        validated(CompetitionConfig, values, Path("competition.yaml"))


def test_of_a_table_a_target_is_not_called_so_either():
    with pytest.raises(GoodsError, match=r"targets has 'runs', .*; name it otherwise"):
        config_of(SECTION | {"target": {"runs": "Цвет", "size": "size"}})


def test_each_target_has_a_column_of_its_own():
    with pytest.raises(GoodsError, match="column 'Цвет' is of two targets, colour and shade; leave one out"):
        config_of(SECTION | {"target": {"colour": "Цвет", "shade": "Цвет", "size": "size"}})


def test_a_submission_keeps_the_ids_beside_classes_that_are_called_so():
    section = SECTION | {"id": None, "target": "id"}
    with pytest.raises(GoodsError, match="'id' would hold the row's number and a target; name both"):
        config_of(section)
    config_of(section | {"submission": {"columns": {"row": "id", "id": "target"}}})


def test_an_attribute_that_a_fold_cannot_be_trained_on_is_told_before_others_are_trained(
    tmp_path, monkeypatch
):
    def trained(*_: object) -> None:
        raise AssertionError("an attribute is trained")

    cards = {"id": list(range(12)), "name": [f"кружка {i}" for i in range(12)], "Цвет": ["a", "b"] * 6}
    cards |= {"size": [40, 42, *[None] * 10], "cut": ["x", "y", *[None] * 10]}
    data = write_csv(tmp_path / "raw", cards, {"id": [90], "name": ["кружка"]})
    section = SECTION | {"target": {"colour": "Цвет", "size": "size", "cut": "cut"}}
    options = options_of(tmp_path, "shop", data, reader="table", table=section, n_folds=2)
    monkeypatch.setattr(pipeline, "run_stages", trained)
    with pytest.raises(GoodsError) as error:
        pipeline.run_all("shop", options)
    cut, size = error.value.lines
    assert size.startswith("shop/size: what may be fitted on for fold 0 is of a single class (1 row): ")
    assert cut.startswith("shop/cut: what may be fitted on for fold 0 is of a single class (1 row): ")
    assert not Workspace(options.work, "shop/size").runs.exists()
