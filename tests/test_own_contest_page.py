"""docs/own-contest.md is true: its commands run, its keys are those there are."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from conftest import ROOT
from raw_contests import CONTESTS
from raw_tables import text_and_label
from test_extensions import block, house, in_house  # noqa: F401 (a fixture)

from goods.config.base import Strict
from goods.config.competition import CompetitionConfig
from goods.config.loading import validated
from goods.config.table import TableConfig

PAGE = "docs/own-contest.md"


def section() -> dict[str, Any]:
    return yaml.safe_load(block(PAGE, "## Every key", "yaml"))["table"]


def config_of(table: dict[str, Any]) -> CompetitionConfig:
    return validated(
        CompetitionConfig, {"name": "a", "data": "b", "reader": "table", "table": table}, Path("page.yaml")
    )


def keys(model: type[Strict]) -> dict[str, Any]:
    """Names of a model's keys, of those that are models themselves below them."""
    found = {}
    for name, field in model.model_fields.items():
        below = [
            t for t in (field.annotation, *getattr(field.annotation, "__args__", ())) if isinstance(t, type)
        ]
        inner = next((t for t in below if issubclass(t, Strict)), None)
        found[name] = keys(inner) if inner else None
    return found


def test_every_key_has_an_example_and_every_example_is_a_key():
    config_of(section())
    shown, alternatives = section(), block(PAGE, "Other ways to say it", "yaml")
    for name, inner in keys(TableConfig).items():
        assert name in shown, name
        for below in inner or ():
            assert below in shown[name] or re.search(
                rf"^{name}: .*\b{below}\b", alternatives, re.MULTILINE
            ), below


def test_other_ways_to_say_it_are_read():
    for line in block(PAGE, "Other ways to say it", "yaml").splitlines():
        said = yaml.safe_load(line)
        several = "season" in line
        table = section() | said
        if several:
            table.pop("tree", None)
            names = list(table["target"]) if "target" in said else ["colour", "season"]
            table["target"] = table["target"] if "target" in said else names
            table |= (
                {}
                if "submission" in said
                else {"submission": {"columns": {"sku": "id"} | {n: n for n in names}}}
            )
            assert config_of(table).targets == ("colour", "season")
        else:
            config_of(table)


@pytest.mark.parametrize("name", CONTESTS)
def test_the_columns_of_raw_formats_are_those_of_the_yaml(name):
    row = (ROOT / PAGE).read_text(encoding="utf-8")
    row = row[row.index(f"| `{name}` |") :]
    table = yaml.safe_load((ROOT / "configs" / name / "competition.yaml").read_text(encoding="utf-8"))[
        "table"
    ]
    for column in filter(None, (table["id"], table["title"], table["target"])):
        assert f"`{column}`" in row


@pytest.mark.slow
def test_five_minutes_are_commands_that_run(house):  # noqa: F811
    data = house / "data" / "myshop"
    data.mkdir(parents=True)
    hidden = text_and_label(data, n_train=300, n_test=40)
    for line in block(PAGE, "## Five minutes", "sh").splitlines():
        ran = in_house(
            house, *[sys.executable if part == ".venv/bin/python" else part for part in line.split()]
        )
        assert ran.returncode == 0, ran.stderr[-2000:]
    result = pd.read_parquet(house / "submissions" / "myshop" / "result.parquet")
    assert (result.label.to_numpy() == hidden.to_numpy()).mean() > 0.8
    assert "myshop,submission,linear,,weighted_f1" in (house / "submissions" / "leaderboard.csv").read_text()
