"""The trained folds that fusion and knn build on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from goods.core.errors import GoodsError
from goods.models.base import Context


def upstream_model(context: Context, experiment: str, fitted: bool = True) -> Any:
    """This fold's model of an experiment, as it was trained (`fitted`) or only configured."""
    upstream = context.upstream.get(experiment)
    if upstream is None:
        raise GoodsError(f"experiment {experiment} is not trained; train it first")
    model = upstream.config.build(context)
    if fitted:
        model.load(upstream.folder)
    return model


def upstream_keys(context: Context) -> dict[str, str]:
    """What the folds built on were trained under: kept beside a model that needs them again."""
    return {name: upstream.key for name, upstream in context.upstream.items()}


def check_upstream(context: Context, folder: Path, keys: dict[str, str]) -> None:
    for name, key in keys.items():
        if name not in context.upstream or context.upstream[name].key != key:
            raise GoodsError(f"{folder}: {name} was trained again since; train this fold again")
