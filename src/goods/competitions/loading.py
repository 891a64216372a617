"""A competition's YAML, checked against the readers and metrics there are.

reads:  configs/<competition>/competition.yaml, of the folder that is named or of those that come with the package
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pandas as pd

from goods.cards.table import Issues
from goods.competitions.base import Competition, Configured
from goods.competitions.submission import Submission
from goods.config.competition import CompetitionConfig
from goods.config.loading import (
    COMPETITION,
    competition_folders,
    first_with,
    own_name,
    unknown_competition,
    validated,
)
from goods.config.strict_yaml import read_yaml
from goods.core.discovery import imported, modules_of, source_of
from goods.core.errors import GoodsError, together
from goods.core.meant import among
from goods.metrics.evaluation import METRICS, metric_of

PACKAGE = "goods.competitions"
MARK = re.compile(r"^COMPETITION\b.*=", re.MULTILINE)
ENDING = "end it in COMPETITION = Competition(read, submission), as the other files there"


@cache
def readers() -> dict[str, str]:
    """Reader → its module: the files that end in a `COMPETITION`."""
    return {stem(module): module for module, file in modules_of(PACKAGE) if MARK.search(source_of(file))}


def stem(module: str) -> str:
    return module.rpartition(".")[2]


def reader_module(reader: str) -> str:
    """The module of a reader, whose code its prepared files depend on; GoodsError where there is none."""
    if reader in readers():
        return readers()[reader]
    for module, file in modules_of(PACKAGE):
        if stem(module) == reader:
            raise GoodsError(f"reader {reader}: {file} has no COMPETITION; {ENDING}")
    raise GoodsError(f"unknown reader {reader!r}: known are {among(reader, readers())}")


def new_card_readers() -> list[Callable[[Path, Issues], pd.DataFrame]]:
    """What reads new cards, of every contest whose cards can be labelled and that needs no YAML to be read."""
    found = (imported(module).COMPETITION for module in readers().values())
    return [c.read_new for c in found if isinstance(c, Competition) and c.read_new is not None]


def competition_of(config: CompetitionConfig) -> Competition:
    """The object of the contest's file; GoodsError where the file has none, or something else under its name."""
    module = imported(reader_module(config.reader))
    found = module.COMPETITION
    if isinstance(found, Configured):
        found = found.of(config)
    if not isinstance(found, Competition):
        kind = type(found).__name__
        raise GoodsError(
            f"reader {config.reader}: COMPETITION of {module.__file__} is of type {kind}; {ENDING}"
        )
    if not isinstance(found.submission, Submission):
        raise GoodsError(
            f"reader {config.reader}: submission of {module.__file__} is none of "
            "goods.competitions.submission; name one, such as ClassIds(id, target)"
        )
    return found


def load_competition(name: str, configs: Path) -> CompetitionConfig:
    """`name` is a folder of `configs`, or folder/target for one attribute of a competition with several."""
    name, slash, target = name.partition("/")
    path = first_with(COMPETITION, competition_folders(configs / name))
    if path is None:
        raise unknown_competition(name, configs)
    data = read_yaml(path)
    named = data | {"name": own_name(data, "name", name, path, "folder")}
    with together() as apart:
        for key, known in (("reader", reader_module), ("metric", metric_of)):
            if isinstance(data.get(key), str):
                with apart(), in_file(path):
                    known(data[key])
        config: CompetitionConfig = validated(CompetitionConfig, {"data": f"data/{name}"} | named, path)
    check(config, path)
    return config.of_target(target) if slash else config


@contextmanager
def in_file(path: Path) -> Iterator[None]:
    try:
        yield
    except GoodsError as error:
        raise GoodsError(f"{path}: {error}") from None


def check(config: CompetitionConfig, path: Path) -> None:
    """GoodsError where the reader cannot be used, or does not go with the metric."""
    with in_file(path):
        problem, metric = competition_of(config).problem, metric_of(config.metric)
    if metric.problem != problem:
        fitting = [m.name for m in METRICS.values() if m.problem == problem]
        raise GoodsError(
            f"{path}: metric {metric.name} is of {metric.problem}, reader {config.reader} of {problem}; "
            f"name one of {', '.join(fitting)}"
        )
