"""Tables of contests that `new_competition` is asked about, and what it made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from goods.competitions.loading import load_competition
from goods.core.workspace import Workspace
from goods.prepare.stage import prepare


def table_of(configs: Path, name: str) -> dict:
    return yaml.safe_load((configs / name / "competition.yaml").read_text(encoding="utf-8"))["table"]


def write(folder: Path, **tables: dict[str, list]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, columns in tables.items():
        pd.DataFrame(columns).to_csv(folder / f"{name}.csv", index=False)
    return folder


def words(n: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(["red", "cup", "large", "steel", "knife"], 4)) for _ in range(n)]


def parts_of(n: int, *numbers: int) -> list[dict[str, list]]:
    return [
        {
            "id": [100 * k + i for i in range(n)],
            "title": words(n, k),
            "label": [f"k{i % 3}" for i in range(n)],
        }
        for k in numbers
    ]


def prepared(tmp_path: Path, configs: Path, name: str) -> Workspace:
    ws = Workspace(tmp_path / "work", name)
    prepare(ws, load_competition(name, configs), None)
    return ws
