"""Text and photo in one space, learned without labels (CLIP, CoCa), and a head per fold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from goods.config.base import FamilyConfig, Modality, StartingWeights
from goods.config.trainer import TrainerConfig
from goods.models.embedding import Embedding, Encoded
from goods.models.image.image import ImageConfig
from goods.models.joint.caption import CaptionConfig
from goods.models.text.navec import NavecConfig
from goods.models.text.transformer import TransformerConfig

if TYPE_CHECKING:
    from goods.models.base import Context
    from goods.models.joint.contrastive_model import ContrastiveModel


class ContrastiveConfig(FamilyConfig):
    """Text and photo in one space, learned on all cards without labels (`pretrain`), then a head per fold."""

    family: Literal["contrastive"]
    implementation: ClassVar[str] = "goods.models.joint.contrastive_model:ContrastiveModel"
    on_gpu: ClassVar[bool] = True
    modalities: ClassVar[tuple[Modality, ...]] = ("text", "image")
    text: NavecConfig | TransformerConfig | CaptionConfig = Field(
        discriminator="family", description="an encoder (CLIP), or caption decoders (CoCa)"
    )
    image: ImageConfig
    width: int = Field(256, ge=8, description="of the common space")
    temperature: float = Field(0.07, gt=0, description="of the similarities at the start; it is learned")
    chunk: int = Field(64, ge=1, description="cards of a batch whose activations are in memory at once")
    holdout: float = Field(0.05, gt=0, lt=0.5, description="share of the cards that only measures retrieval")
    pretrain: TrainerConfig
    tune: bool = Field(
        False, description="both encoders are tuned on the fold; false: vectors are kept as they are"
    )
    hidden: int = Field(256, ge=1)
    dropout: float = Field(0.3, ge=0, lt=1)
    trainer: TrainerConfig

    @model_validator(mode="before")
    @classmethod
    def sides_share_the_trainer(cls, data: Any) -> Any:
        """The encoders are trained together: they need no trainer of their own."""
        if not isinstance(data, dict):
            return data
        sides = {
            side: {"trainer": data.get("pretrain"), **data[side]}
            for side in ("text", "image")
            if isinstance(data.get(side), dict)
        }
        return data | sides

    def with_weights(self, weights: StartingWeights) -> Self:
        sides = {"text": self.text.with_weights(weights), "image": self.image.with_weights(weights)}
        return self.model_copy(update=sides)

    def embeddings(self, experiment: str, context: Context, asked: Encoded) -> list[Embedding]:
        """Both encoders before their pretraining and after it."""
        model = self.build(context)
        found = self._sides(f"{experiment} untrained", model.untrained(asked.every), asked)
        model.warm(asked.every)
        found += self._sides(experiment, model, asked)
        classes = model.vectors(asked.names)[:, : self.width]
        return found + [
            Embedding(experiment, field, model.vectors(asked.only(field))[:, : self.width], classes)
            for field in ("title", "description")
        ]

    def _sides(self, encoders: str, model: ContrastiveModel, asked: Encoded) -> list[Embedding]:
        """Text, photo and both side by side."""
        both, classes = model.vectors(asked.cards), model.vectors(asked.names)[:, : self.width]
        return [
            Embedding(encoders, "text", both[:, : self.width], classes),
            Embedding(encoders, "photo", both[:, self.width :], classes),
            Embedding(encoders, "joined", both, np.concatenate([classes, classes], axis=1)),
        ]
