"""CatBoost over numbers and categories: stopped and calibrated on an inner split, then fitted on all cards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from catboost import CatBoost, CatBoostError, Pool

from goods.core.artifacts import read_json, write_json
from goods.core.calibration import fit_temperature, to_proba
from goods.core.errors import GoodsError
from goods.models.base import Context
from goods.models.boosters import save_booster
from goods.models.tabular.columns import categories_of, check_beside_text, numbers_of, taken, text_lengths
from goods.models.tabular.scores import seen_classes, spread_out
from goods.models.tabular.tabular import TabularConfig

MORE = 1.1  # trees on all cards for each on those outside the inner split


class TabularModel:
    def __init__(self, config: TabularConfig, context: Context) -> None:
        self.config, self.context = config, context
        self.numbers: list[str] = []
        self.categories: list[str] = []
        self.classes = np.empty(0, np.int64)
        self.temperature = 1.0
        self.booster: CatBoost | None = None

    def warm(self, cards: pd.DataFrame) -> None:
        """Nothing to cache; told before any fold is fitted where there is nothing to fit on."""
        check_beside_text(self.config.family, cards)

    def fit(self, train: pd.DataFrame, valid: pd.DataFrame | None) -> None:
        check_beside_text(self.config.family, train)
        self.numbers, self.categories = numbers_of(train), categories_of(train)
        trees, known = self.config.iterations, train
        if valid is not None and len(valid):
            self._fit(train, trees, valid)
            assert self.booster is not None
            self.temperature = fit_temperature(self._logits(valid), valid.target.to_numpy())
            known = pd.concat([train, valid], ignore_index=True)
            trees = max(1, round(self.booster.tree_count_ * MORE))
        self._fit(known, trees)

    def _fit(self, train: pd.DataFrame, trees: int, valid: pd.DataFrame | None = None) -> None:
        self.classes, label = seen_classes(train.target.to_numpy())
        stop = None
        if valid is not None:
            valid = valid[np.isin(valid.target, self.classes)]
            if len(valid):
                stop = Pool(
                    self._features(valid), np.searchsorted(self.classes, valid.target), **self._kinds()
                )
        self.booster = CatBoost(self._parameters(trees, stop is not None))
        self.booster.fit(Pool(self._features(train), label, **self._kinds()), eval_set=stop)

    def _parameters(self, trees: int, stops: bool) -> dict[str, Any]:
        config, device = self.config, self.context.device
        on_gpu = device.startswith("cuda")
        where = {"task_type": "GPU", "devices": device.partition(":")[2] or "0"} if on_gpu else {}
        return {
            "loss_function": "MultiClass",
            "iterations": trees,
            "depth": config.depth,
            "learning_rate": config.learning_rate,
            "l2_leaf_reg": config.l2_leaf_reg,
            "random_seed": self.context.seed,
            "thread_count": self.context.threads,
            "allow_writing_files": False,
            "verbose": False,
            **({"early_stopping_rounds": config.patience} if stops else {}),
            **where,
        }

    def _kinds(self) -> dict[str, Any]:
        return {"cat_features": self.categories}

    def _features(self, cards: pd.DataFrame) -> pd.DataFrame:
        found = [taken(cards, self.numbers), taken(cards, self.categories).astype(str)]
        return pd.concat([*found, text_lengths(cards)] if self.config.lengths else found, axis=1)

    def _logits(self, cards: pd.DataFrame) -> np.ndarray:
        """float64 [n, C], -inf for classes without a card that was fitted on."""
        assert self.booster is not None
        raw = self.booster.predict(
            self._features(cards), prediction_type="RawFormulaVal", thread_count=self.context.threads
        )
        return spread_out(np.asarray(raw), self.classes, self.context.labels.n_classes)

    def predict(self, cards: pd.DataFrame) -> np.ndarray:
        return to_proba(self._logits(cards), self.temperature)

    def save(self, folder: Path) -> None:
        assert self.booster is not None
        save_booster(self.booster, folder / "model.cbm")
        state = {"numbers": self.numbers, "categories": self.categories, "classes": self.classes.tolist()}
        write_json(folder / "model.json", state | {"temperature": self.temperature})

    def load(self, folder: Path) -> None:
        state = read_json(folder / "model.json")
        try:
            self.numbers, self.categories = state["numbers"], state["categories"]
            self.classes, self.temperature = np.array(state["classes"], np.int64), state["temperature"]
            self.booster = CatBoost().load_model(str(folder / "model.cbm"))
        except (CatBoostError, KeyError, TypeError) as error:
            raise GoodsError(f"{folder}: missing or damaged model files ({error}); train it again") from None
