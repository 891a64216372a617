"""CatBoost over features of pairs and over what other experiments say of them, calibrated on an inner split.

The inner split stops the boosting and fits the calibration; the boosters then go back to all pairs for as many trees.

writes: `context.cache`/pairs-<hash>.npz (see matching/features.py)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from catboost import CatBoost, CatBoostError, Pool
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from goods.artifacts import Predictions, read_json, write_json
from goods.config import PairsConfig
from goods.errors import GoodsError
from goods.matching.cleanup import SURE
from goods.matching.features import cached_features
from goods.models.base import Context, products_of
from goods.models.calibration import fit_temperature, logit, two_classes

MORE = 1.1  # trees on all pairs for each on the pairs outside the inner split
KNOTS = 200  # of the isotonic calibration that are kept


class PairsModel:
    def __init__(self, config: PairsConfig, context: Context) -> None:
        self.config, self.context, self.products = config, context, products_of(config.family, context)
        self.names: list[str] = []
        self.boosters: list[Any] = []
        self.trees = config.iterations
        self.calibration: dict[str, list[float]] = {}

    def warm(self, rows: pd.DataFrame) -> None:
        self.features(rows, store=True)

    def features(self, rows: pd.DataFrame, store: bool = False) -> pd.DataFrame:
        """float32 [n, features]; log-odds of other experiments at the end, by their names."""
        table = cached_features(
            self.products, rows, self.config.features, self.context.threads, self.context.cache, store
        )
        said = {f"score {name}": self.said(name, rows) for name in self.config.experiments}
        return pd.concat([table, pd.DataFrame(said, index=table.index)], axis=1) if said else table

    def said(self, name: str, rows: pd.DataFrame) -> np.ndarray:
        """float32 [n] log-odds of a match."""
        found: Predictions = self.context.scores[name].aligned(rows.product_id.to_numpy())
        return logit(found.proba_of(1).astype(np.float64), SURE).astype(np.float32)

    def fit(self, train: pd.DataFrame, valid: pd.DataFrame | None) -> None:
        if train.target.nunique() < 2:
            raise GoodsError("pairs: fit needs pairs that match and pairs that do not")
        table, target = self.features(train), train.target.to_numpy()
        self.names = list(table.columns)
        if not self.names:
            raise GoodsError(
                f"pairs: the products have nothing for the features {', '.join(self.config.features)}; add groups"
            )
        if valid is None or valid.target.nunique() < 2:
            self.boosters = self._boosters(table, target, None)
            return
        inner, said = self.features(valid), valid.target.to_numpy()
        self.boosters = self._boosters(table, target, (inner, said))
        self.calibration = calibrate(self.config.calibration, self.raw(inner), said)
        self.trees = max(1, round(MORE * np.mean([b.tree_count_ for b in self.boosters])))
        everything = pd.concat([table, inner], ignore_index=True)
        self.boosters = self._boosters(everything, np.concatenate([target, said]), None)

    def refit(self, train: pd.DataFrame, folds: list[Path]) -> None:
        """Fit on all of `train`, for as many trees and with the calibration that the folds' mean says."""
        chosen = [read_json(folder / "model.json") for folder in folds]
        table = self.features(train)
        self.names, self.trees = list(table.columns), round(float(np.mean([c["trees"] for c in chosen])))
        self.calibration = mean_calibration([c["calibration"] for c in chosen])
        self.boosters = self._boosters(table, train.target.to_numpy(), None)

    def _boosters(
        self, table: pd.DataFrame, target: np.ndarray, stop: tuple[pd.DataFrame, np.ndarray] | None
    ) -> list[Any]:
        found = []
        for bag in range(self.config.bags):
            booster = CatBoost(self._parameters(self.context.seed + bag))
            booster.fit(Pool(table, target), eval_set=Pool(*stop) if stop is not None else None)
            found.append(booster)
        return found

    def _parameters(self, seed: int) -> dict[str, Any]:
        config = self.config
        return {
            "loss_function": "Logloss",
            "iterations": self.trees,
            "depth": config.depth,
            "learning_rate": config.learning_rate,
            "l2_leaf_reg": config.l2_leaf_reg,
            "rsm": config.feature_share,
            "random_strength": config.random_strength,
            "random_seed": seed,
            "thread_count": self.context.threads,
            "early_stopping_rounds": config.patience,
            "allow_writing_files": False,
            "verbose": False,
        }

    def raw(self, table: pd.DataFrame) -> np.ndarray:
        """float64 [n] log-odds before calibration, the mean of the bags."""
        if not self.boosters:
            raise GoodsError("pairs: fit or load the model first")
        return np.mean([b.predict(table, prediction_type="RawFormulaVal") for b in self.boosters], axis=0)

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        if rows.empty:
            return np.empty((0, 2), np.float32)
        # another catalogue may lack some features (its products have no pictures): they are missing then
        table = self.features(rows).reindex(columns=self.names)
        return two_classes(calibrated(self.calibration, self.raw(table)).clip(SURE, 1 - SURE))

    def importance(self) -> dict[str, float]:
        """Share of each feature in the change of predictions, in %, the mean of the bags."""
        mean = np.asarray([b.get_feature_importance() for b in self.boosters]).mean(0)
        return dict(zip(self.names, np.round(mean, 4).tolist(), strict=True))

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for i, booster in enumerate(self.boosters):
            booster.save_model(str(folder / f"booster-{i}.cbm"))
        settings = {"trees": self.trees, "calibration": self.calibration, "names": self.names}
        write_json(folder / "model.json", settings | {"importance": self.importance()})

    def load(self, folder: Path) -> None:
        settings = read_json(folder / "model.json")
        try:
            self.trees, self.names = settings["trees"], settings["names"]
            self.calibration = settings["calibration"]
            self.boosters = [
                CatBoost().load_model(str(folder / f"booster-{i}.cbm")) for i in range(self.config.bags)
            ]
        except (CatBoostError, KeyError) as error:
            raise GoodsError(f"{folder}: missing or damaged model files ({error}); train it again") from None


def calibrate(method: str, raw: np.ndarray, target: np.ndarray) -> dict[str, list[float]]:
    """What turns log-odds into probabilities: a slope, a slope and an intercept (Platt 1999), or knots of a rising
    line."""
    if method == "temperature":
        both = np.stack([np.zeros(len(raw)), raw], 1)
        return {"line": [1 / fit_temperature(both, target), 0.0]}
    if method == "platt":
        # a weak prior only: two parameters on an inner split
        fitted = LogisticRegression(C=1e3).fit(raw[:, None], target)
        slope = float(fitted.coef_[0, 0])
        return {"line": [slope, float(fitted.intercept_[0])]} if slope > 0 else {}
    if method == "isotonic":
        fitted = IsotonicRegression(out_of_bounds="clip").fit(raw, target)
        x, y = fitted.X_thresholds_, fitted.y_thresholds_
        kept = np.unique(np.linspace(0, len(x) - 1, min(KNOTS, len(x))).round().astype(int))
        return {"x": x[kept].tolist(), "y": y[kept].tolist()}
    return {}


def calibrated(calibration: dict[str, list[float]], raw: np.ndarray) -> np.ndarray:
    """float64 [n] probabilities; the order of `raw` stays, ties only where isotonic steps are level."""
    if "line" in calibration:
        slope, intercept = calibration["line"]
        return expit(slope * raw + intercept)
    if "x" in calibration:
        level = np.interp(raw, calibration["x"], calibration["y"])
        return 0.999 * level + 0.001 * expit(raw)  # level steps keep the order that the metric reads
    return expit(raw)


def mean_calibration(found: list[dict[str, list[float]]]) -> dict[str, list[float]]:
    if all("line" in c for c in found):
        return {"line": np.mean([c["line"] for c in found], axis=0).tolist()}
    if all("x" in c for c in found):
        x = np.unique(np.concatenate([c["x"] for c in found]))
        return {"x": x.tolist(), "y": np.mean([np.interp(x, c["x"], c["y"]) for c in found], axis=0).tolist()}
    return {}
