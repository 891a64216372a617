"""Frames of pandas as a competition: written down as files and a competition.yaml of `reader: table`.

writes: work/<name>/raw/{train,test}.parquet, work/settings/<name>/*.yaml, work/settings/defaults/
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import yaml

from goods.config.loading import COMPETITION, DEFAULTS, competition_folders, first_with
from goods.config.presets import PRESETS
from goods.core.artifacts import atomic, write_text
from goods.core.errors import GoodsError
from goods.core.meant import among
from goods.core.wording import in_a_line
from goods.core.workspace import Workspace

COLUMNS = frozenset(
    {"id", "target", "title", "description", "attributes", "shop", "numbers", "categories", "tree"}
)
SETTINGS = frozenset({"metric", "n_folds", "seed", "group_near_duplicates"})  # of the competition itself
KEYS = COLUMNS | SETTINGS | {"text", "stack"}


def settings_of(work: Path) -> Path:
    """Where competitions made of frames have their configs."""
    return work / "settings"


def configs_of(work: Path, name: str, configs: Path) -> Path:
    """The folder with the configs of a competition: `configs`, or what frames of that name were given as below `work`
    where that alone has it."""
    folder, own = name.partition("/")[0], settings_of(work)
    there = first_with(COMPETITION, competition_folders(configs / folder)) is not None
    return configs if there or not (own / folder / COMPETITION).is_file() else own


def competition_of_frames(
    work: Path, name: str, train: pd.DataFrame, test: pd.DataFrame, described: dict[str, Any], configs: Path
) -> Path:
    """Write the frames, and configs in which the competition `name` reads them; returns the folder of the configs.
    GoodsError where `described` holds a key of none of KEYS, or a frame cannot be written."""
    if not re.fullmatch(r"[\w-]+", name) or name in (DEFAULTS, settings_of(work).name):
        raise GoodsError(
            f"competition {name!r}: cannot name a folder of frames; use letters, digits, - and _"
        )
    if unknown := set(described) - KEYS:
        known = among(min(unknown), sorted(KEYS))
        raise GoodsError(f"unknown key {min(unknown)!r} of frames: known are {known}")
    own = settings_of(work)
    for path in (configs / DEFAULTS).glob("*.yaml"):
        write_text(own / DEFAULTS / path.name, path.read_text(encoding="utf-8"))
    raw = Workspace(work, name).raw
    write_text(own / name / COMPETITION, as_yaml({"data": str(raw.resolve())} | settings(described)))
    for preset in PRESETS.values():
        changed = {"model": described["stack"]} if described.get("stack") else {}
        write_text(own / name / preset, as_yaml(changed))
    for split, frame in (("train", train), ("test", test)):
        write_frame(raw / f"{split}.parquet", split, frame)
    return own


def settings(described: dict[str, Any]) -> dict[str, Any]:
    """The competition.yaml of frames; `text` are columns of texts, the first of them the title."""
    given = {key: value for key, value in described.items() if value is not None}
    text = given.get("text", [])
    columns = [text] if isinstance(text, str) else list(text)
    table = {"title": columns[0]} if columns else {}
    if columns[1:]:
        table["description"] = columns[1:]
    table |= {key: value for key, value in given.items() if key in COLUMNS}
    table["files"] = {"train": "train.parquet", "test": "test.parquet"}
    return {"reader": "table", "table": table} | {k: v for k, v in given.items() if k in SETTINGS}


def as_yaml(content: dict[str, Any]) -> str:
    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        return [plain(item) for item in value] if isinstance(value, list | tuple) else value

    return yaml.safe_dump(plain(content), allow_unicode=True, sort_keys=False)


def write_frame(path: Path, split: str, frame: pd.DataFrame) -> None:
    if not isinstance(frame, pd.DataFrame) or not len(frame):
        raise GoodsError(f"frames: {split} is no DataFrame with rows; give one")
    odd = [column for column in frame.columns if not isinstance(column, str)]
    if odd:
        raise GoodsError(f"frames: column {odd[0]!r} of {split} is not named by a text; rename it")
    try:
        with atomic(path) as temporary:
            frame.to_parquet(temporary, index=False)
    except (ValueError, TypeError, OverflowError, pa.ArrowException) as error:
        told = in_a_line(error)
        raise GoodsError(
            f"frames: {split} cannot be written as parquet ({told}); give columns of one type"
        ) from None
