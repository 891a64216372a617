"""A scikit-learn estimator on TF-IDF of the text fields, or on numbers and categories, calibrated on an inner split.

A fitted estimator is kept where skops can write it in types that it trusts by itself (scikit-learn's estimators,
arrays, plain values): reading those runs nothing that the file brings, and nothing that config.yaml names is imported
for it. Others (trees, whose nodes scikit-learn follows unchecked; other packages) are fitted and predict as well, but
are not kept: new cards cannot be asked of them later.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from goods.core.artifacts import read_json, read_npz, write_json, write_npz
from goods.core.calibration import fit_temperature, to_proba
from goods.core.errors import GoodsError
from goods.core.log import say
from goods.core.warned import rare_classes
from goods.core.wording import in_a_line
from goods.models.base import Context
from goods.models.tabular.columns import Columns, check_beside_text
from goods.models.tabular.estimator import EstimatorConfig, built
from goods.models.tabular.estimator_files import check_skops, read_estimator, unreadable, write_estimator
from goods.models.tabular.scores import seen_classes, spread_out
from goods.models.text.field_vectors import FieldVectors

LEAST = 1e-6  # of a probability before it is calibrated: forests say 0


class EstimatorModel:
    def __init__(self, config: EstimatorConfig, context: Context) -> None:
        self.config, self.context = config, context
        self.text = FieldVectors(config.fields if self._reads_text else {}, config.char_min_df, context.kept)
        self.columns = Columns()
        self.classes = np.empty(0, np.int64)
        self.temperature = 1.0
        self.fitted: Any = None

    @property
    def _reads_text(self) -> bool:
        return self.config.features != "tabular"

    def warm(self, cards: pd.DataFrame) -> None:
        """Nothing to cache; what cannot work is told before any fold is fitted."""
        check_skops()
        self._new()
        if self.config.features == "tabular":
            check_beside_text(self.config.family, cards)

    def _new(self) -> Any:
        return built(self.config.estimator, self.config.params, self.context.seed)

    def fit(self, train: pd.DataFrame, valid: pd.DataFrame | None) -> None:
        """Terms, medians and the like are of both, for they know no classes; the estimator that the temperature is
        found with is of `train`."""
        known = train if valid is None else pd.concat([train, valid], ignore_index=True)
        x, target = self._features(known, fit=True), known.target.to_numpy()
        if len(train) < len(known):
            self._fit(x[: len(train)], target[: len(train)])
            self.temperature = fit_temperature(self._logits(x[len(train) :]), target[len(train) :])
        self._fit(x, target)

    def _features(self, cards: pd.DataFrame, fit: bool = False) -> sp.csr_matrix:
        blocks = [self.text.vectors(cards, fit)] if self._reads_text else []
        if self.config.features != "text":
            if fit:
                self.columns.fit(cards)
            blocks.append(self.columns.transform(cards))
        return sp.hstack(blocks, format="csr", dtype=np.float32)

    def _fit(self, x: sp.csr_matrix, target: np.ndarray) -> None:
        self.classes, label = seen_classes(target)
        self.fitted = self._new()
        try:
            with rare_classes():
                self.fitted.fit(x, label)
        except (TypeError, ValueError) as error:
            told = in_a_line(error)
            raise GoodsError(f"estimator {self.config.estimator}: {told}; mend its params") from None

    def _logits(self, x: sp.csr_matrix) -> np.ndarray:
        """float64 [n, C], -inf for classes without a card that was fitted on."""
        if hasattr(self.fitted, "predict_proba"):
            scores = np.log(np.asarray(self.fitted.predict_proba(x), np.float64).clip(LEAST))
        elif hasattr(self.fitted, "decision_function"):
            scores = np.asarray(self.fitted.decision_function(x), np.float64)
            if scores.ndim == 1:
                scores = np.stack([np.zeros(len(scores)), scores], 1)
        else:
            raise GoodsError(
                f"estimator {self.config.estimator}: has neither predict_proba nor decision_function; name another"
            )
        if scores.shape != (x.shape[0], len(self.classes)):
            raise GoodsError(
                f"estimator {self.config.estimator}: scores of shape {scores.shape}, expected "
                f"{(x.shape[0], len(self.classes))}; name another"
            )
        return spread_out(scores, self.classes, self.context.labels.n_classes)

    def predict(self, cards: pd.DataFrame) -> np.ndarray:
        return to_proba(self._logits(self._features(cards)), self.temperature)

    def save(self, folder: Path) -> None:
        foreign = unreadable(self.fitted)
        if foreign:
            say(f"{self.config.estimator}: not kept, new cards cannot be asked of it ({foreign})")
        else:
            write_estimator(folder / "estimator.skops", self.fitted)
        vocabularies, arrays = self.text.save()
        write_npz(folder / "terms.npz", **arrays)
        write_json(
            folder / "model.json",
            {
                "classes": self.classes.tolist(),
                "temperature": self.temperature,
                "foreign": foreign,
                "columns": self.columns.state(),
                "vocabularies": vocabularies,
            },
        )

    def load(self, folder: Path) -> None:
        state = read_json(folder / "model.json")
        try:
            if state["foreign"]:
                raise GoodsError(
                    f"{folder}: {self.config.estimator} was not kept ({state['foreign']}): new cards cannot be "
                    "asked of it; leave it out of the stack"
                )
            self.classes, self.temperature = np.array(state["classes"], np.int64), state["temperature"]
            self.columns.restore(state["columns"])
            self.text.load(state["vocabularies"], read_npz(folder / "terms.npz"))
        except (KeyError, TypeError, ValueError) as error:
            raise GoodsError(f"{folder / 'model.json'}: damaged ({error}); train this fold again") from None
        self.fitted = read_estimator(folder / "estimator.skops")
