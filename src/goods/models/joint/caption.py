"""CoCa's text side: decoders that read a card's text and caption its photo."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from goods.config.base import FamilyConfig
from goods.config.trainer import TrainerConfig
from goods.models.textfields import TextFields


class CaptionConfig(FamilyConfig):
    """CoCa's text side: decoders that read a card's text and, with the photo, predict it word by word."""

    family: Literal["caption"]
    implementation: ClassVar[str] = "goods.models.joint.caption_model:CaptionModel"
    on_gpu: ClassVar[bool] = True
    part: ClassVar[bool] = True
    tokens: Literal["subword", "navec"] = Field(
        "subword", description="byte-pair pieces, or lemmas that begin with their packaged Navec vectors"
    )
    vocabulary: int = Field(8_000, ge=100, description="tokens that are told apart")
    lemmatizer: Literal["pymorphy3", "natasha", "none"] = "pymorphy3"
    fields: TextFields = ("title", "attributes")
    max_tokens: int = Field(32, ge=4)
    width: int = Field(256, ge=8)
    heads: int = Field(4, ge=1)
    layers: int = Field(2, ge=1, description="of text alone")
    joint_layers: int = Field(2, ge=1, description="of text that looks at the photo")
    queries: int = Field(8, ge=1, description="vectors that stand for a photo while it is captioned")
    dropout: float = Field(0.1, ge=0, lt=1)
    weight: float = Field(2.0, ge=0, description="of the caption's loss beside the contrastive one")
    trainer: TrainerConfig

    @model_validator(mode="after")
    def heads_divide_the_width(self) -> CaptionConfig:
        if self.width % self.heads:
            raise ValueError(f"heads {self.heads} do not divide width {self.width}")
        return self
