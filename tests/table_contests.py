"""Contests told of by a YAML alone: their sections, files and runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from conftest import ROOT
from raw_tables import FORMATS

from goods.config.competition import CompetitionConfig
from goods.config.loading import DEFAULTS, validated
from goods.core.workspace import Workspace
from goods.prepare.stage import prepare
from goods.presets import Options

CSV = {"train": "train.csv", "test": "test.csv"}
SECTIONS: dict[str, dict[str, Any]] = {
    "semicolons_in_cp1251": {
        "files": CSV,
        "id": "Код",
        "title": "Наименование",
        "description": "Описание",
        "numbers": ["Цена"],
        "categories": ["Цвет"],
        "target": "Категория",
        "submission": {"sample": "sample_submission.csv"},
    },
    "packed_json_lines": {
        "files": {"train": "train.jsonl.gz", "test": "test.jsonl.gz"},
        "id": "sku",
        "title": "title",
        "attributes": "attributes",
        "numbers": ["price"],
        "photo": "picture",
        "target": "label",
    },
    "parquet_of_structs": {
        "files": {"train": "train.parquet", "test": "test.parquet"},
        "id": "offer",
        "title": "name",
        "attributes": "characteristics",
        "target": "category",
        "tree": {"column": "category_path"},
    },
    "columns_of_levels": {
        "files": {"train": "goods_train.tsv", "test": "goods_test.tsv"},
        "id": "id",
        "title": "name",
        "attributes": ["colour", "brand"],
        "target": "level_2",
        "tree": {"columns": ["level_1", "level_2"]},
    },
    "folder_of_parts": {
        "files": {"train": "train", "test": "test/*.csv"},
        "id": "product_id",
        "title": "title",
        "description": "description",
        "target": "category_id",
    },
    "text_and_label": {"files": CSV, "title": "text", "target": "label"},
}


def config_of(section: dict[str, Any], **settings: Any) -> CompetitionConfig:
    values = {
        "name": "shop",
        "reader": "table",
        "data": "nowhere",
        "table": section,
        "n_folds": 3,
        **settings,
    }
    return validated(CompetitionConfig, values, Path("competition.yaml"))


def prepared(
    folder: Path, data: Path, section: dict[str, Any], **settings: Any
) -> tuple[pd.DataFrame, Workspace]:
    ws = Workspace(folder / "work", "shop")
    prepare(ws, config_of(section, **settings), data)
    return pd.read_parquet(ws.cards), ws


def write_csv(folder: Path, train: dict[str, list], test: dict[str, list]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, columns in (("train", train), ("test", test)):
        pd.DataFrame(columns).to_csv(folder / f"{name}.csv", index=False)
    return folder


def options_of(folder: Path, name: str, data: Path, **competition: object) -> Options:
    """Configs of a contest whose stack is of `linear` alone."""
    configs = folder / "configs"
    (configs / name).mkdir(parents=True)
    (configs / DEFAULTS).symlink_to(ROOT / "configs" / DEFAULTS)
    stack = yaml.safe_load((configs / DEFAULTS / "stack.yaml").read_text(encoding="utf-8"))
    stack["model"] |= {"experiments": ["linear"], "with_local_text": None, "iterations": 20}
    values = {"reader": name, "data": str(data), "n_folds": 3, **competition}
    for file, content in (("competition", values), ("stack", stack)):
        (configs / name / f"{file}.yaml").write_text(yaml.safe_dump(content, allow_unicode=True))
    return Options(configs=configs, work=folder / "work", out=folder / "out", offline=True)


def raw_files(folder: Path, name: str) -> tuple[Path, pd.Series]:
    data = folder / "raw"
    data.mkdir()
    return data, FORMATS[name](data)
