"""Lemmas → Navec vectors and hashed subwords → a head per field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import pandas as pd
from pydantic import Field

from goods.cards.tokens import tokenized
from goods.cards.wordvectors import word_vectors
from goods.config.base import PACKAGED, FamilyConfig, LocalPath
from goods.config.trainer import TrainerConfig
from goods.models.embedding import Embedding, Encoded
from goods.models.textfields import TextField

if TYPE_CHECKING:
    from goods.models.base import Context


class NavecConfig(FamilyConfig):
    family: Literal["navec"]
    implementation: ClassVar[str] = "goods.models.text.navec_model:NavecModel"
    on_gpu: ClassVar[bool] = True
    vectors: LocalPath = PACKAGED
    tune_vectors: bool = False
    own_vectors: int = Field(
        0,
        ge=0,
        description="width of vectors learned besides from the texts of all cards, labels unused; 0: none",
    )
    head: Literal["pooled", "textcnn", "attention"] = "attention"
    lemmatizer: Literal["pymorphy3", "natasha", "none"] = "pymorphy3"
    subword_buckets: int = Field(20_000, ge=1)
    fields: dict[TextField, Annotated[int, Field(ge=1)]] = Field(
        min_length=1, description="field → most tokens kept"
    )
    width: int = Field(64, ge=4, description="of a word's vector after the projection")
    hidden: int = Field(256, ge=1)
    dropout: float = Field(0.3, ge=0, lt=1)
    word_dropout: float = Field(0.1, ge=0, lt=1)
    trainer: TrainerConfig

    def warm(self, context: Context, rows: pd.DataFrame) -> None:
        if self.own_vectors:
            super().warm(context, rows)
        else:
            self.warm_tokens(context, rows)  # torch, which takes seconds to load, is not needed for them

    def warm_tokens(self, context: Context, cards: pd.DataFrame) -> None:
        for name in self.fields if context.cache is not None else ():
            tokenized(
                cards[name].tolist(),
                name,
                self.lemmatizer,
                context.cache,
                store=True,
                workers=context.threads,
                progress=context.progress,
            )

    def embeddings(self, experiment: str, context: Context, asked: Encoded) -> list[Embedding]:
        """The packaged vectors of a field's words, averaged."""
        classes = word_vectors(asked.names.title.tolist())
        return [
            Embedding(f"{experiment} words", field, word_vectors(asked.cards[field].tolist()), classes)
            for field in ("title", "description")
        ]
