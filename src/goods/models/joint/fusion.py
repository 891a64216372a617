"""Text and image experiments joined at feature level."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from goods.config.base import FamilyConfig, Modality, Strict
from goods.config.trainer import TrainerConfig


class SideConfig(Strict):
    """One side of a fusion: a text or image experiment, as its fold was trained or begun anew."""

    experiment: str
    start: Literal["fold", "fresh"] = "fold"
    tune: bool = Field(True, description="false: its vectors are computed once and kept as they are")
    drop: float = Field(0.1, ge=0, lt=1, description="share of train cards whose side is hidden")

    @model_validator(mode="after")
    def something_trained(self) -> SideConfig:
        if self.start == "fresh" and not self.tune:
            raise ValueError("a side that starts fresh has to be tuned: set tune to true or start to fold")
        return self


class FusionConfig(FamilyConfig):
    family: Literal["fusion"]
    implementation: ClassVar[str] = "goods.models.joint.fusion_model:FusionModel"
    on_gpu: ClassVar[bool] = True
    modalities: ClassVar[tuple[Modality, ...]] = ()
    text: SideConfig
    image: SideConfig
    join: Literal["concatenate", "gated", "cross"] = "concatenate"
    width: int = Field(256, ge=8, multiple_of=4, description="of each side's vector where they meet")
    hidden: int = Field(256, ge=1)
    dropout: float = Field(0.3, ge=0, lt=1)
    trainer: TrainerConfig

    @model_validator(mode="after")
    def one_side_stays(self) -> FusionConfig:
        if self.text.drop + self.image.drop > 1:
            raise ValueError(
                "text.drop and image.drop add up to more than 1: some cards would lose both sides"
            )
        return self

    @property
    def upstream(self) -> tuple[str, ...]:
        return (self.text.experiment, self.image.experiment)
