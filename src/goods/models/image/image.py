"""Any timm backbone on photos; frozen features or fine-tuned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from goods.config.base import (
    PACKAGED,
    SCRATCH,
    FamilyConfig,
    LocalPath,
    Modality,
    StartingWeights,
    local_image_weights,
)
from goods.config.refusals import as_list
from goods.config.trainer import TrainerConfig
from goods.models.embedding import Embedding, Encoded, frozen_encoder

if TYPE_CHECKING:
    from goods.models.base import Context

Colour = Annotated[tuple[float, float, float], as_list("[RED, GREEN, BLUE], such as [0.5, 0.5, 0.5]")]


class ImageConfig(FamilyConfig):
    family: Literal["image"]
    implementation: ClassVar[str] = "goods.models.image.image_model:ImageModel"
    on_gpu: ClassVar[bool] = True
    modalities: ClassVar[tuple[Modality, ...]] = ("image",)
    backbone: str = Field(description="any timm name, or small_cnn")
    weights: LocalPath = Field(
        description="'hub', 'packaged' (tf_efficientnet_lite0), 'scratch' or a checkpoint file"
    )
    size: int = Field(128, ge=16)
    mean: Colour | None = Field(
        None,
        description="of red, green and blue (0 to 1) in the photos of the weights; null: what timm names",
    )
    std: Colour | None = Field(None, description="their deviation")
    frozen: bool = True
    places: bool = Field(
        False, description="frozen: keep what stands at each position of the last map, not pooled"
    )
    train_layers: int | None = Field(None, ge=0, description="stages tuned, from the top; null: all")
    flip_test: bool = True
    hidden: int = Field(256, ge=1)
    dropout: float = Field(0.3, ge=0, lt=1)
    trainer: TrainerConfig

    @model_validator(mode="after")
    def positions_are_not_mirrored(self) -> ImageConfig:
        if self.places and (self.flip_test or not self.frozen):
            raise ValueError(
                "places needs frozen: true and flip_test: false: a mirrored map has other places"
            )
        return self

    def with_weights(self, weights: StartingWeights) -> Self:
        if weights.image and self.weights != SCRATCH:
            return self.changed(**local_image_weights(weights.image))
        if weights.offline and self.weights == "hub":
            return self.changed(weights=PACKAGED, backbone="tf_efficientnet_lite0")
        return self

    def embeddings(self, experiment: str, context: Context, asked: Encoded) -> list[Embedding]:
        if not self.frozen:
            return []
        vectors = frozen_encoder(self, context, asked.every)
        return [Embedding(experiment, "", vectors(asked.cards))]
