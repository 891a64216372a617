"""CatBoost models as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from goods.core.artifacts import atomic

if TYPE_CHECKING:
    from catboost import CatBoost

OF_ONE_TRAINING = ("train_finish_time", "model_guid")  # metadata that no two trainings have alike


def save_booster(booster: CatBoost, path: Path) -> None:
    """Equal trainings leave equal bytes."""
    metadata = booster.get_metadata()
    for name in OF_ONE_TRAINING:
        if name in metadata:
            del metadata[name]
    with atomic(path) as temporary:
        booster.save_model(str(temporary))
