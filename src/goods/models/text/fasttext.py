"""fastText: averaged word and word-n-gram vectors, one softmax."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from goods.config.base import FamilyConfig
from goods.models.textfields import TextFields


class FastTextConfig(FamilyConfig):
    family: Literal["fasttext"]
    implementation: ClassVar[str] = "goods.models.text.fasttext_model:FastTextModel"
    variant: Literal["raw", "cleaned"] = "raw"
    balance: int | None = Field(
        None, ge=1, le=100_000, description="cards per class after under- and over-sampling"
    )
    title_repeat: int = Field(2, ge=1, le=100, description="how often the title stands in the text")
    title_window: int | None = Field(None, ge=1, description="only its first words are repeated; null: all")
    fields: TextFields = ("title", "shop", "attributes", "description")
    max_words: int = Field(200, ge=1)
    lr: float = Field(0.5, gt=0)
    epochs: int = Field(40, ge=1)
    dim: int = Field(64, ge=1, le=100_000)
    word_ngrams: int = Field(2, ge=1, le=10)
    min_count: int = Field(1, ge=1, lt=2**31)
    buckets: int = Field(200_000, ge=1, lt=2**31)
    loss: Literal["softmax", "hs", "ova", "ns"] = "softmax"
    negatives: int = Field(
        50, ge=1, lt=2**31, description="of loss ns: other classes that a card is told from at a time"
    )
    exact_classes: int = Field(
        100, ge=1, description="of loss ova: with more classes small pushes are rounded, which is faster"
    )
    min_epochs: int = Field(5, ge=1)
    max_updates: int = Field(
        1_000_000, ge=1, description="epochs are lowered so that cards × epochs stays below"
    )
    calibrate: bool = Field(True, description="fit the temperature on the inner split: one more training")
    calibration_cards: int = Field(30_000, ge=1, description="cards that training is on, drawn at random")
