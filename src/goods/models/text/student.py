"""A student: a small, fast model that learns what another experiment says of cards, a stack above all.

It sees hashed words and characters alone, so that it needs neither photos nor lemmas nor the experiments below its
teacher. Of a train card it learns the class it has, of any other card what the teacher says of it (Bucilă et al. 2006):
the class, by linear SVMs of one class against the rest, whose weights are kept as bytes, or how sure the teacher is of
which class, by a small network.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field, field_validator

from goods.config.base import FamilyConfig, LocalPath, Strict
from goods.config.trainer import TrainerConfig
from goods.core.log import say
from goods.core.predictions import Predictions
from goods.core.wording import count
from goods.models.textfields import Lengths, TextField

OPTIMISTIC = (
    "learned test and further cards as {teacher} names them, which has seen the labels of every fold: its out-of-fold "
    "score is optimistic as far as these are like train cards"
)

TRAINER = {"epochs": 6, "batch_size": 256, "lr": 0.003}

NETWORK_FROM = 50_000  # cards, train, test and further ones: with fewer the SVMs are the better student


class FieldTerms(Strict):
    """What is looked at in one text field: runs of up to `words` words, and runs of characters within a word and the
    blanks around it, their lengths inclusive. Words and characters each weigh as much."""

    weight: float = Field(1.0, gt=0, le=1e6)
    words: int = Field(1, ge=0, le=3)
    chars: Lengths | None = None


class StudentConfig(FamilyConfig):
    family: Literal["student"]
    one_core: ClassVar[bool] = True
    teacher: str = Field("stack", description="finished experiment that it learns from")
    further: LocalPath | None = Field(
        None, description="folder of unlabelled cards and what the teacher says of them (scripts/distil.py)"
    )
    fields: dict[TextField, FieldTerms] = Field(min_length=1)
    max_chars: int = Field(4_000, ge=1, description="of a field that are looked at")
    bits: int = Field(21, ge=8, le=26, description="terms are hashed into 2^bits numbers")
    structure: Literal["flat", "tree", "network", "auto"] = Field(
        "flat",
        description="SVMs that decide among all classes, or at each node of the category tree, or a network; auto: a "
        f"network where scripts/distil.py has {NETWORK_FROM:,} cards to learn from, else a tree",
    )
    min_df: int = Field(2, ge=1, description="cards a term must be in")
    C: float = Field(1.0, gt=0, description="of the SVMs")
    hidden: int = Field(192, ge=1, description="units of the network")
    dropout: float = Field(0.3, ge=0, lt=1, description="of the network's units")
    term_dropout: float = Field(0.2, ge=0, lt=1, description="of a card's terms, where the network learns")
    trainer: TrainerConfig = Field(
        default_factory=lambda: TrainerConfig.model_validate(TRAINER), description="of the network"
    )

    @field_validator("trainer", mode="before")
    @classmethod
    def as_it_learns_best(cls, given: Any) -> Any:
        """What is not set is as the network learns best, not as encoders do."""
        return TRAINER | given if isinstance(given, dict) else given

    def for_cards(self, n: int) -> StudentConfig:
        if self.structure != "auto":
            return self
        chosen = "network" if n >= NETWORK_FROM else "tree"
        say(
            f"student: {count(n, 'card')} to learn from, so model.structure={chosen} (network from {NETWORK_FROM:,})"
        )
        return self.changed(structure=chosen)

    @property
    def model_at(self) -> str:
        return "goods.models.text." + (
            "student_network:StudentNetworkModel"
            if self.structure == "network"
            else "student_model:StudentModel"
        )

    @property
    def scored_by(self) -> tuple[str, ...]:
        return (self.teacher,)

    @property
    def taught_by(self) -> str:
        return self.teacher

    def finish(
        self,
        rows: pd.DataFrame,
        oof: Predictions,
        test: Predictions,
        fold: np.ndarray,
        honest: np.ndarray,
        metric: str,
    ) -> tuple[Predictions, Predictions, dict[str, Any]]:
        return oof, test, {"warning": OPTIMISTIC.format(teacher=self.teacher)}

    @property
    def further_cards(self) -> Path | None:
        return None if self.further is None else Path(self.further)
