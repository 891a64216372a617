"""Predictions that other tools made, to be stacked with the experiments here."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from goods.config.base import FamilyConfig, LocalPath, Modality
from goods.core.log import say
from goods.core.predictions import Predictions

UNVERIFIED = (
    "made elsewhere: whether the predictions of a train card come from models that did not see it cannot be checked "
    "here, and a stack trusts them more than it should where they did"
)
SURER = 0.1  # in the mean, of train than of test cards, that tells of models that saw them
RIGHT = 0.999  # of the train cards, as no model is that did not see them


def suspicion(target: np.ndarray, oof: Predictions, test: Predictions) -> str:
    """What speaks for predictions of train cards by models that saw them, "" where nothing does; `target` int [n] are
    their classes, in the order of `oof`."""
    right = float((oof.classes[:, 0] == target).mean())
    train, asked = (float(said.proba[:, 0].mean()) if len(said.proba) else 0.0 for said in (oof, test))
    if right > RIGHT:
        return f"they are right of {right:.2%} of the train cards, as models are that saw them"
    if train - asked > SURER:
        return (
            f"they are surer of train cards ({train:.2f} in the mean) than of test cards ({asked:.2f}), as models are "
            "of cards that they saw"
        )
    return ""


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
        target = rows.set_index("product_id").target.loc[oof.product_id].to_numpy()
        doubt = suspicion(target, oof, test)
        if doubt:
            say(
                f"warning: {self.oof}: {doubt}: give those of models that did not, fold by fold, or leave it out"
            )
        return oof, test, {"warning": f"{UNVERIFIED}; {doubt}" if doubt else UNVERIFIED}
