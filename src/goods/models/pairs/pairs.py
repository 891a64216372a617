"""CatBoost over features of pairs of products."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, get_args

import numpy as np
import pandas as pd
from pydantic import Field

from goods.config.base import PresetConfig
from goods.core.predictions import Predictions
from goods.matching.feature_groups import PairFeatures


class PairsConfig(PresetConfig):
    """CatBoost over features of pairs and over what other experiments say of them."""

    family: Literal["pairs"]
    implementation: ClassVar[str] = "goods.models.pairs.pairs_model:PairsModel"
    problem: ClassVar[str] = "pairs"
    features: tuple[PairFeatures, ...] = Field(
        get_args(PairFeatures), min_length=1, description="groups of features"
    )
    graph: bool = Field(
        True,
        description="features of the graph of candidate pairs, which also tells how pairs were chosen; false: none",
    )
    iterations: int = Field(1500, ge=1)
    depth: int = Field(6, ge=1, le=12)
    learning_rate: float = Field(0.05, gt=0)
    l2_leaf_reg: float = Field(5.0, ge=0)
    feature_share: float = Field(0.5, gt=0, le=1, description="features tried at each split, drawn at random")
    random_strength: float = Field(1.0, ge=0)
    patience: int = Field(100, ge=1)
    bags: int = Field(1, ge=1, description="boosters of different seeds, averaged")
    calibration: Literal["none", "temperature", "platt", "isotonic"] = "temperature"
    cleanup: bool = Field(
        True,
        description="a score gives way where a third product matches one of both or, of two catalogues, rivals for "
        "either, as far as honest folds gain",
    )

    @property
    def groups(self) -> tuple[PairFeatures, ...]:
        """The groups of features that are computed."""
        return tuple(group for group in self.features if self.graph or group != "graph")

    @property
    def scored_by(self) -> tuple[str, ...]:
        return self.experiments

    def finish(
        self,
        rows: pd.DataFrame,
        oof: Predictions,
        test: Predictions,
        fold: np.ndarray,
        honest: np.ndarray,
        metric: str,
    ) -> tuple[Predictions, Predictions, dict[str, Any]]:
        """Scores give way where other pairs say otherwise, with `cleanup`."""
        if not self.cleanup:
            return oof, test, {}
        from goods.matching.cleanup import clean  # with SciPy, which not every reader of configs is to pay

        oof, test, found = clean(rows, oof, test, fold, honest, metric)
        return oof, test, {"cleanup": found}
