"""A guess → configs/<name>/competition.yaml with comments, and the stack that fits."""

from __future__ import annotations

from pathlib import Path
from textwrap import wrap
from typing import Any

import yaml

from goods.competitions.guess.guess import Guess
from goods.config.competition import CompetitionConfig
from goods.core.artifacts import write_text
from goods.core.errors import GoodsError
from goods.metrics.evaluation import METRICS

ORDER = (
    *(
        "files",
        "labels",
        "id",
        "title",
        "description",
        "attributes",
        "shop",
        "numbers",
        "categories",
        "photo",
    ),
    *("target", "tree", "submission"),
)
WIDTH = 100  # signs of a comment's line
SMALL = 2_000  # train cards below which nothing is tuned


def write_configs(folder: Path, data: str, made: Guess, force: bool) -> list[Path]:
    """The files written. GoodsError where there are such files and they are not to be overwritten."""
    paths = [folder / "competition.yaml", folder / "stack.yaml"]
    there = [path for path in paths if path.exists()]
    if there and not force:
        raise GoodsError(f"{there[0]}: is there already; add --force to write it anew")
    write_text(paths[0], competition_yaml(data, made))
    write_text(paths[1], stack_yaml(made))
    return paths


def competition_yaml(data: str, made: Guess) -> str:
    lines = [
        "# Written by scripts/new_competition.py; every key is in docs/own-contest.md.",
        "reader: table",
        f"data: {plain(data)}",
        *metric_lines(),
        "n_folds: 5",
        "table:",
    ]
    for key in ORDER:
        if key in made.notes:
            sure, why = made.notes[key]
            lines.append(f"  # {sure}: {' '.join(why.split())}")
        if key in made.section:
            lines += indented(key, made.section[key])
    return "\n".join(lines) + "\n"


def metric_lines() -> list[str]:
    """The default metric, as one, with the names of the others of cards."""
    default = str(CompetitionConfig.model_fields["metric"].default)
    others = [name for name, metric in METRICS.items() if metric.problem == "cards" and name != default]
    told = (
        f"what the contest is scored by: the files do not say, {default} is the default. Others are "
        f"{', '.join(others)}: see docs/models.md"
    )
    return [*(f"# {line}" for line in wrap(told, WIDTH)), f"metric: {default}"]


def indented(key: str, value: Any) -> list[str]:
    if value is None:
        return [f"  {key}:"]
    if not isinstance(value, dict):
        return [f"  {key}: {plain(value)}"]
    lines = [f"  {key}:"]
    for name, inner in value.items():
        lines.append(f"    {plain(name)}: {plain(inner)}")
    return lines


def plain(value: Any) -> str:
    """A value in one line of YAML."""
    told = yaml.safe_dump(value, allow_unicode=True, default_flow_style=True, width=10**6, sort_keys=False)
    return told.removesuffix("\n").removesuffix("\n...")


def stack_yaml(made: Guess) -> str:
    """What the default is not: experiments for the language, the photos and the number of cards there are."""
    several = isinstance(made.section.get("target"), list)
    small = several or made.rows < SMALL
    names = ["linear" if small else "linear-tuned", "fasttext", *(["navec", "knn"] if made.cyrillic else [])]
    names += ["image-frozen"] if made.photos else []
    why = [
        "tuned" if not small else "not tuned: a study for each target" if several else "not tuned: few cards",
        "Russian word vectors"
        if made.cyrillic
        else "no navec and no knn on it, whose word vectors are Russian",
        "photos" if made.photos else "no photos",
    ]
    return f"# The default with what fits these cards: {', '.join(why)}.\nmodel:\n  experiments: {plain(names)}\n"
