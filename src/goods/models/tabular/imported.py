"""Predictions that other tools made, to be stacked with the experiments here."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from goods.config.base import FamilyConfig, LocalPath, Modality
from goods.core.predictions import Predictions

UNVERIFIED = (
    "made elsewhere: whether the predictions of a train card come from models that did not see it cannot be checked "
    "here, and a stack trusts them more than it should where they did"
)


class ImportedConfig(FamilyConfig):
    """Files of `oof`, all train cards, and `test`, all test cards: .parquet or .csv with a column `id` and one per
    class, or `id`, class and probability; .npz with product_id, classes and proba."""

    family: Literal["imported"]
    implementation: ClassVar[str] = "goods.models.tabular.imported_model:ImportedModel"
    modalities: ClassVar[tuple[Modality, ...]] = ()
    one_core: ClassVar[bool] = True
    oof: LocalPath
    test: LocalPath
    id: str = Field("product_id", description="column of the cards' ids")

    def finish(
        self,
        rows: pd.DataFrame,
        oof: Predictions,
        test: Predictions,
        fold: np.ndarray,
        honest: np.ndarray,
        metric: str,
    ) -> tuple[Predictions, Predictions, dict[str, Any]]:
        return oof, test, {"warning": UNVERIFIED}
