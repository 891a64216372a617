"""TF-IDF per field and a linear SVM: one among all classes (`flat`) or one per tree node (`tree`).

With one classifier per tree node a card's class probability is the product of the softmaxes on its path
(Silla & Freitas 2011, "local classifier per parent node"). Each node is fitted on its own cards only; one with more
than 32 children, or with many cards, is solved for all of its children in one go, and beyond 512 the smaller ones are
grouped, so that the cost grows little with the number of classes.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from goods.config.base import FamilyConfig, Strict
from goods.models.textfields import Lengths, TextField


class FieldFeatures(Strict):
    """TF-IDF of one text field; n-gram ranges are inclusive, null leaves that analyser out."""

    weight: float = Field(1.0, gt=0, le=1e6)
    words: Lengths | None = (1, 1)
    chars: Lengths | None = None
    max_features: int = Field(300_000, ge=1)

    @model_validator(mode="after")
    def looks_at_something(self) -> FieldFeatures:
        if self.words is None and self.chars is None:
            raise ValueError("words and chars are both null; leave the field out")
        return self


class LinearConfig(FamilyConfig):
    family: Literal["linear"]
    implementation: ClassVar[str] = "goods.models.text.linear_model:LinearModel"
    one_core: ClassVar[bool] = True
    structure: Literal["tree", "flat"] = "tree"
    fields: dict[TextField, FieldFeatures] = Field(min_length=1)
    C: float = Field(1.0, gt=0)
    char_min_df: int = Field(2, ge=1)
    numbers: float = Field(
        0.0,
        ge=0,
        le=1e6,
        description="weight of bands of numbers, alone, in pairs and with the first word; 0: none",
    )
    ends: float = Field(0.0, ge=0, le=1e6, description="weight of the title's first and last words; 0: none")
