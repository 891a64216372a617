"""Lemmas → Navec vectors and hashed subwords → a head per field."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from goods.config.base import PACKAGED, FamilyConfig, LocalPath
from goods.config.trainer import TrainerConfig

if TYPE_CHECKING:
    from goods.models.base import Context, Model


class NavecConfig(FamilyConfig):
    family: Literal["navec"]
    on_gpu: ClassVar[bool] = True
    vectors: LocalPath = PACKAGED
    tune_vectors: bool = False
    head: Literal["pooled", "textcnn", "attention"] = "attention"
    lemmatizer: Literal["pymorphy3", "natasha", "none"] = "pymorphy3"
    subword_buckets: int = Field(20_000, ge=1)
    fields: dict[str, int] = Field(description="field → most tokens kept")
    width: int = Field(64, ge=4, description="of a word's vector after the projection")
    hidden: int = Field(256, ge=1)
    dropout: float = Field(0.3, ge=0, lt=1)
    word_dropout: float = Field(0.1, ge=0, lt=1)
    trainer: TrainerConfig

    def build(self, context: Context) -> Model:
        from goods.models.text.navec_model import NavecModel

        return NavecModel(self, context)
