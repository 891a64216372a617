"""A competition's YAML, checked against the readers and metrics there are.

reads:  configs/<competition>/competition.yaml
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path

from goods.competitions.base import Competition
from goods.config.competition import CompetitionConfig
from goods.config.loading import own_name, read_yaml, validated
from goods.core.discovery import modules_of
from goods.core.errors import GoodsError
from goods.metrics.evaluation import METRICS, metric_of

PACKAGE = "goods.competitions"


@cache
def readers() -> dict[str, str]:
    """Reader → its module: the files that end in a `COMPETITION`."""
    found = modules_of(PACKAGE)
    return {
        m.rpartition(".")[2]: m for m, file in found if "\nCOMPETITION = " in file.read_text(encoding="utf-8")
    }


def reader_module(reader: str) -> str:
    """The module of a reader, whose code its prepared files depend on; GoodsError where there is none."""
    if reader not in readers():
        raise GoodsError(f"unknown reader {reader!r}: known are {', '.join(readers())}")
    return readers()[reader]


def competition_of(config: CompetitionConfig) -> Competition:
    found = import_module(reader_module(config.reader)).COMPETITION
    assert isinstance(found, Competition), config.reader
    return found


def load_competition(name: str, configs: Path) -> CompetitionConfig:
    """`name` is a folder of `configs`, or folder/target for one attribute of a competition with several."""
    name, _, target = name.partition("/")
    path = configs / name / "competition.yaml"
    if not path.is_file():
        known = sorted(p.parent.name for p in configs.glob("*/competition.yaml"))
        raise GoodsError(f"unknown competition {name!r}: known are {', '.join(known)} (folders of {configs})")
    data = read_yaml(path)
    named = data | {"name": own_name(data, "name", path)}
    config: CompetitionConfig = validated(CompetitionConfig, {"data": f"data/{name}"} | named, path)
    check(config, path)
    return config.of_target(target) if target else config


def check(config: CompetitionConfig, path: Path) -> None:
    """GoodsError where the reader or the metric is unknown, or they do not go together."""
    try:
        problem, metric = competition_of(config).problem, metric_of(config.metric)
    except GoodsError as error:
        raise GoodsError(f"{path}: {error}") from None
    if metric.problem != problem:
        fitting = [m.name for m in METRICS.values() if m.problem == problem]
        raise GoodsError(
            f"{path}: metric {metric.name} is of {metric.problem}, reader {config.reader} of {problem}; "
            f"its metrics are {', '.join(fitting)}"
        )
