"""A transformer that gives each product a vector; matches get near ones."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from goods.models.text.transformer import TransformerConfig
from goods.models.textfields import TextFields


class BiEncoderConfig(TransformerConfig):
    """One vector per product; matches get near ones. With `frozen` the encoder stays as it is."""

    family: Literal["bi_encoder"]  # type: ignore[assignment]
    implementation: ClassVar[str] = "goods.models.pairs.bi_encoder_model:BiEncoderModel"
    problem: ClassVar[str] = "pairs"
    fields: TextFields = ("title",)
    layers: int | None = Field(
        None, ge=1, description="lowest layers of the encoder that are used; null: all"
    )
    temperature: float = Field(0.05, gt=0, description="of the cosines in training")

    @model_validator(mode="after")
    def has_no_warm_up(self) -> BiEncoderConfig:
        if self.mlm or self.fields != ("title",):
            raise ValueError("a bi_encoder reads names: mlm and fields do not apply")
        if self.frozen and self.layers is not None:
            raise ValueError("layers does not apply to a frozen bi_encoder")
        return self
