"""A stack: CatBoost on candidates, and what it is compared with."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from goods.config.base import PresetConfig, check_once
from goods.metrics.base import Decoder

StackMethod = Literal[
    "best_single", "uniform", "weighted", "greedy", "blend", "logistic", "catboost", "multiclass"
]


class StackConfig(PresetConfig):
    family: Literal["stack"]
    second_level: ClassVar[bool] = True
    experiments: tuple[str, ...] = Field(min_length=1)
    methods: tuple[StackMethod, ...] = Field(
        ("best_single", "uniform", "weighted", "greedy", "blend", "logistic", "catboost"),
        min_length=1,
        description="what is compared; the best on honest folds is submitted",
    )
    top_k: int | Literal["auto"] = Field(
        "auto",
        description="classes of each model that become candidates; auto: as many as the score can show",
    )
    min_proba: float = Field(
        0.001, ge=0, lt=1, description="candidates only models name are left out below this mean probability"
    )
    calibration: Literal["none", "temperature", "vector"] = Field(
        "temperature", description="of each base model, before pooling and boosting"
    )
    id_order: bool = Field(
        False, description="classes of the train cards with the nearest ids are features: docs/own-contest.md"
    )
    loss: Literal["Logloss", "QuerySoftMax", "YetiRank"] = "Logloss"
    monotone: bool = Field(False, description="log-odds and counts may only speak for a class, never against")
    iterations: int = Field(400, ge=1)
    depth: int = Field(6, ge=1, le=12)
    learning_rate: float = Field(0.06, gt=0)
    l2_leaf_reg: float = Field(5.0, ge=0)
    patience: int = Field(40, ge=1)
    subsample: float = Field(
        0.2,
        gt=0,
        le=1,
        description="of loss Logloss: share of the candidates that a tree's splits are sought on, of few a larger one",
    )
    border_count: int = Field(
        64, ge=1, le=254, description="of loss Logloss: values of a feature between which a split may lie"
    )
    leaf_estimation_iterations: int = Field(
        3, ge=1, le=100, description="of loss Logloss: Newton steps to a leaf's value"
    )
    max_cards: int = Field(30_000, ge=1, description="cards a booster is fitted on, drawn at random")
    multiclass_iterations: int = Field(100, ge=1)
    multiclass_cells: int = Field(
        300_000, ge=0, description="multiclass is left out above this many cards × classes"
    )
    decoding: Literal["auto", Decoder] = Field(
        "auto", description="how the class is chosen; auto: by the competition's metric"
    )
    precisions: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(
        (0.95, 0.99), description="at which coverage is reported"
    )

    @model_validator(mode="after")
    def methods_and_precisions_once(self) -> StackConfig:
        check_once("methods", self.methods)
        check_once("precisions", self.precisions)
        return self

    @model_validator(mode="after")
    def top_k_in_range(self) -> StackConfig:
        if self.top_k != "auto" and not 2 <= self.top_k <= 32:
            raise ValueError("top_k must be auto or from 2 to 32")
        return self
