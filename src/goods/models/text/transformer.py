"""Any Hugging Face encoder, mean-pooled, with a linear head; fine-tuned or frozen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field

from goods.config.base import SCRATCH, FamilyConfig, LocalPath, StartingWeights, Strict
from goods.config.trainer import TrainerConfig
from goods.models.embedding import Embedding, Encoded, frozen_encoder
from goods.models.textfields import TextFields

if TYPE_CHECKING:
    from goods.models.base import Context


class MlmConfig(Strict):
    """Masked-LM warm-up on the texts of all cards, labels unused."""

    epochs: int = Field(3, ge=1)
    batch_size: int = Field(64, ge=1)
    lr: float = Field(2e-4, gt=0)
    mask_share: float = Field(0.15, gt=0, lt=1)
    precision: Literal["auto", "32-true", "16-mixed", "bf16-mixed"] = "auto"


class TransformerConfig(FamilyConfig):
    family: Literal["transformer"]
    implementation: ClassVar[str] = "goods.models.text.transformer_model:TransformerModel"
    on_gpu: ClassVar[bool] = True
    weights: LocalPath = Field(description="hub name, local folder or 'scratch'")
    scratch_vocab: int = Field(20_000, ge=100)
    scratch_layers: int = Field(3, ge=1)
    scratch_width: int = Field(312, ge=12)
    prefix: str = ""
    fields: TextFields = ("title", "shop", "attributes", "description")
    max_tokens: int = Field(128, ge=8, le=512)
    frozen: bool = False
    train_layers: int | None = Field(None, ge=0, description="layers tuned, from the top; null: all")
    mlm: MlmConfig | None = None
    hidden: int = Field(512, ge=1, description="of the head on frozen vectors")
    dropout: float = Field(0.1, ge=0, lt=1)
    trainer: TrainerConfig

    def with_weights(self, weights: StartingWeights) -> Self:
        if weights.text:
            return self.changed(weights=str(weights.text.resolve()))
        if weights.offline and not Path(self.weights).exists():
            return self.changed(weights=SCRATCH)
        return self

    def embeddings(self, experiment: str, context: Context, asked: Encoded) -> list[Embedding]:
        """All texts of the cards, title and description alone."""
        if not self.frozen:
            return []
        vectors = frozen_encoder(self, context, asked.every)
        classes = vectors(asked.names)
        tables = {"text": asked.cards} | {field: asked.only(field) for field in ("title", "description")}
        return [Embedding(experiment, what, vectors(cards), classes) for what, cards in tables.items()]
