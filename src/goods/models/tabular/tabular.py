"""CatBoost on the numbers and categories that stand beside the text of cards."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from goods.config.base import FamilyConfig, Modality


class TabularConfig(FamilyConfig):
    family: Literal["tabular"]
    implementation: ClassVar[str] = "goods.models.tabular.tabular_model:TabularModel"
    modalities: ClassVar[tuple[Modality, ...]] = ()
    on_gpu: ClassVar[bool] = True
    lengths: bool = Field(True, description="signs, words and digits of the texts are numbers too")
    iterations: int = Field(600, ge=1, description="trees at most, of each of them one per class")
    depth: int = Field(6, ge=1, le=12)
    learning_rate: float = Field(0.1, gt=0)
    l2_leaf_reg: float = Field(3.0, ge=0)
    patience: int = Field(40, ge=1, description="trees without gain on the inner split before the fit stops")
