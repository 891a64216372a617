"""CatBoost over features of pairs and over what other experiments say of them, calibrated on an inner split.

The inner split stops the boosting and fits the calibration; the boosters then go back to all of the fold's train pairs,
those that share a product with the inner split included, for a few more trees.

writes: `context.cache`/pairs-<hash>.npz (see matching/features.py)
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from catboost import CatBoost, CatBoostError, Pool
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from goods.core.artifacts import read_json, write_json
from goods.core.calibration import fit_temperature, logit, two_classes
from goods.core.errors import GoodsError
from goods.core.log import say
from goods.core.predictions import Predictions
from goods.core.wording import count
from goods.matching.cleanup import SURE
from goods.matching.features import cached_features
from goods.models.base import Context, products_of
from goods.models.boosters import save_booster
from goods.models.pairs.pairs import PairsConfig
from goods.models.shap import shap_values

MORE = 1.1  # trees on all pairs for each on the pairs outside the inner split
KNOTS = 200  # of the isotonic calibration that are kept


class PairsModel:
    def __init__(self, config: PairsConfig, context: Context) -> None:
        self.config, self.context, self.products = config, context, products_of(config.family, context)
        self.names: list[str] = []
        self.boosters: list[Any] = []
        self.trees = config.iterations
        self.calibration: dict[str, list[float]] = {}
        self.share = 0.5  # of matches among the pairs fitted on

    def warm(self, rows: pd.DataFrame) -> None:
        known = self.features(rows, store=True).notna()
        train, test = (known[(rows.split == split).to_numpy()].mean() for split in ("train", "test"))
        lost = known.columns[((train > 0.5) & (test < train / 2)).to_numpy(bool)]
        if len(lost):
            say(
                f"warning: most test pairs lack {in_short(lost)}, which most train pairs have: out-of-fold scores "
                "promise too much of test pairs; leave those groups out of model.features"
            )

    def features(self, rows: pd.DataFrame, store: bool = False) -> pd.DataFrame:
        """float32 [n, features]; log-odds of other experiments at the end, by their names."""
        table = cached_features(
            self.products, rows, self.config.groups, self.context.threads, self.context.cache, store
        )
        said = {f"score {name}": self.said(name, rows) for name in self.config.experiments}
        return pd.concat([table, pd.DataFrame(said, index=table.index)], axis=1) if said else table

    def said(self, name: str, rows: pd.DataFrame) -> np.ndarray:
        """float32 [n] log-odds of a match."""
        found: Predictions = self.context.scores[name].aligned(rows.product_id.to_numpy())
        return logit(found.proba_of(1).astype(np.float64), SURE).astype(np.float32)

    def fit(self, train: pd.DataFrame, valid: pd.DataFrame | None) -> None:
        """Choose the number of trees and the calibration by `valid`, where it has pairs of both kinds."""
        if train.target.nunique() < 2:
            raise GoodsError("pairs: fit needs pairs that match and pairs that do not; give both")
        table, target = self.features(train), train.target.to_numpy()
        self.names, self.share = list(table.columns), float(target.mean())
        if not self.names:
            raise GoodsError(
                f"pairs: the products have nothing for the features {', '.join(self.config.groups)}; add groups"
            )
        if valid is None or valid.target.nunique() < 2:
            self.boosters = self._boosters(table, target, None)
            return
        inner, said = self.features(valid), valid.target.to_numpy()
        self.boosters = self._boosters(table, target, (inner, said))
        self.calibration = calibrate(self.config.calibration, self.raw(inner), said)
        self.trees = max(1, round(MORE * np.mean([b.tree_count_ for b in self.boosters])))

    def fit_whole(self, train: pd.DataFrame) -> None:
        """Fit on all of `train`, for as many trees and with the calibration that are set."""
        table, target = self.features(train), train.target.to_numpy()
        self.names, self.share = list(table.columns), float(target.mean())
        self.boosters = self._boosters(table, target, None)

    def refit(self, train: pd.DataFrame, folds: list[Path]) -> None:
        """Fit on all of `train`, for as many trees and with the calibration that the folds' mean says."""
        chosen = [read_json(folder / "model.json") for folder in folds]
        self.trees = round(float(np.mean([c["trees"] for c in chosen])))
        self.calibration = mean_calibration([c["calibration"] for c in chosen])
        self.fit_whole(train)

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
        match = calibrated(self.calibration, self.raw(self.seen(rows)))
        match[~self.products.known(rows)] = self.share
        match[(rows.variantid1 == rows.variantid2).to_numpy()] = 1
        return two_classes(match.clip(SURE, 1 - SURE))

    def seen(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The booster's features; another catalogue may lack some (its products have no pictures): missing then."""
        return self.features(rows).reindex(columns=self.names)

    def contributions(self, rows: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
        """(values [n, f], what each adds to the log-odds before calibration [n, f], where they start [n]), the mean of
        the bags."""
        table = self.seen(rows)
        parts = [shap_values(booster, table, np.zeros(len(table))) for booster in self.boosters]
        added, start = (np.mean(part, axis=0) for part in zip(*parts, strict=True))
        return table, added, start

    def lacking(self, rows: pd.DataFrame) -> dict[str, float]:
        """Importance, in %, of the features that the booster goes by and that none of the `rows` has."""
        there = self.features(rows).notna().any()
        return {
            name: value for name, value in self.importance().items() if value and not there.get(name, False)
        }

    def importance(self) -> dict[str, float]:
        """Share of each feature in the change of predictions, in %, the mean of the bags."""
        mean = np.asarray([b.get_feature_importance() for b in self.boosters]).mean(0)
        return dict(zip(self.names, np.round(mean, 4).tolist(), strict=True))

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for i, booster in enumerate(self.boosters):
            save_booster(booster, folder / f"booster-{i}.cbm")
        settings = {"trees": self.trees, "calibration": self.calibration, "names": self.names}
        write_json(folder / "model.json", settings | {"share": self.share, "importance": self.importance()})

    def load(self, folder: Path) -> None:
        settings = read_json(folder / "model.json")
        try:
            self.trees, self.names = settings["trees"], settings["names"]
            self.calibration, self.share = settings["calibration"], settings["share"]
            self.boosters = [
                CatBoost().load_model(str(folder / f"booster-{i}.cbm")) for i in range(self.config.bags)
            ]
        except (CatBoostError, KeyError) as error:
            raise GoodsError(f"{folder}: missing or damaged model files ({error}); train it again") from None


def in_short(names: Iterable[str], shown: int = 3) -> str:
    """The first names, and how many more there are."""
    listed = list(names)
    more = f" and {count(len(listed) - shown, 'more feature')}" if len(listed) > shown else ""
    return ", ".join(listed[:shown]) + more


def calibrate(method: str, raw: np.ndarray, target: np.ndarray) -> dict[str, list[float]]:
    """What turns log-odds `raw` float [n] of pairs of label `target` int [n] into probabilities: a slope, a slope and
    an intercept (Platt 1999), or knots of a rising line.

    Lines are fitted to Platt's targets, (n + 1) / (n + 2) in place of 1 and likewise of 0: a few pairs that are told
    apart without an error do not make it infinitely steep.
    """
    alike = np.bincount(target, minlength=2)[target]  # pairs of the same label
    doubt = 1 / (alike + 2)
    both, weight = np.concatenate([target, 1 - target]), np.concatenate([1 - doubt, doubt])
    if method == "temperature":
        logits = np.stack([np.zeros(len(raw)), raw], 1)
        return {"line": [1 / fit_temperature(np.tile(logits, (2, 1)), both, weight), 0.0]}
    if method == "platt":
        # a weak prior only: two parameters on an inner split
        fitted = LogisticRegression(C=1e3).fit(np.tile(raw, 2)[:, None], both, weight)
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
