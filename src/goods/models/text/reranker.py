"""A cross-encoder that reads a card beside the path of each class that other experiments think of first.

What they say of it is where it begins: a candidate's logit is the log of their mean probability plus what the encoder
makes of both texts, so the candidates keep the probability that they have together, and all other classes theirs.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from goods.models.text.transformer import TransformerConfig


class RerankerConfig(TransformerConfig):
    """Learns from train cards' out-of-fold candidates of finished `experiments`; asks this fold's models of theirs."""

    family: Literal["reranker"]  # type: ignore[assignment]
    implementation: ClassVar[str] = "goods.models.text.reranker_model:RerankerModel"
    experiments: tuple[str, ...] = Field(min_length=1, description="whose mean names the candidates")
    candidates: int = Field(5, ge=2, description="classes of a card that are read")
    path_tokens: int = Field(24, ge=4, description="of max_tokens, those of a class's path at most")
    threshold: float = Field(0.9, gt=0, le=1, description="a card whose first class is surer is not read")
    learn_below: float = Field(
        0.95, gt=0, le=1, description="a train card whose first class is surer is not learned"
    )

    @model_validator(mode="after")
    def is_tuned(self) -> RerankerConfig:
        if self.frozen or self.mlm or self.max_tokens <= self.path_tokens + 8:
            raise ValueError(
                "a reranker is tuned and reads a card beside a path: frozen and mlm do not apply, and max_tokens must "
                "be above path_tokens + 8"
            )
        return self

    @property
    def upstream(self) -> tuple[str, ...]:
        return self.experiments

    @property
    def scored_by(self) -> tuple[str, ...]:
        return self.experiments
