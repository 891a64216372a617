"""What each feature adds to a CatBoost score."""

from __future__ import annotations

import numpy as np
import pandas as pd
from catboost import CatBoost, Pool


def shap_values(
    booster: CatBoost, features: pd.DataFrame, start: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(float [m, features] contributions to the raw score, float [m] its base): exact TreeSHAP (Lundberg 2018).

    The raw score of an entry is base + Σ contributions; base counts what boosting starts from (`start`) in.
    """
    values = np.asarray(booster.get_feature_importance(Pool(features), type="ShapValues"))
    return values[:, :-1], values[:, -1] + start
