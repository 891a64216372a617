"""A transformer that reads both products of a pair at once."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from goods.models.text.transformer import TransformerConfig
from goods.models.textfields import TextFields


class CrossEncoderConfig(TransformerConfig):
    """Reads both products of a pair at once: names, differing attributes, colours."""

    family: Literal["cross_encoder"]  # type: ignore[assignment]
    implementation: ClassVar[str] = "goods.models.pairs.cross_encoder_model:CrossEncoderModel"
    problem: ClassVar[str] = "pairs"
    fields: TextFields = ("title",)
    layers: int | None = Field(
        None, ge=1, description="lowest layers of the encoder that are used; null: all"
    )

    @model_validator(mode="after")
    def is_tuned(self) -> CrossEncoderConfig:
        if self.frozen or self.mlm or self.fields != ("title",):
            raise ValueError("a cross_encoder is tuned and reads names: frozen, mlm and fields do not apply")
        return self
