"""An experiment: a model of some family, its inner split, its study."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from goods.config.base import Strict
from goods.models.image.image import ImageConfig
from goods.models.joint.contrastive import ContrastiveConfig
from goods.models.joint.fusion import FusionConfig
from goods.models.joint.knn import KnnConfig
from goods.models.pairs.bi_encoder import BiEncoderConfig
from goods.models.pairs.cross_encoder import CrossEncoderConfig
from goods.models.pairs.pair_words import PairWordsConfig
from goods.models.pairs.pairs import PairsConfig
from goods.models.text.fasttext import FastTextConfig
from goods.models.text.linear import LinearConfig
from goods.models.text.navec import NavecConfig
from goods.models.text.transformer import TransformerConfig
from goods.stack.config import StackConfig

ModelConfig = Annotated[
    LinearConfig
    | FastTextConfig
    | NavecConfig
    | TransformerConfig
    | ImageConfig
    | FusionConfig
    | KnnConfig
    | ContrastiveConfig
    | CrossEncoderConfig
    | BiEncoderConfig
    | PairWordsConfig
    | PairsConfig
    | StackConfig,
    Field(discriminator="family"),
]


class SearchSpace(Strict):
    """One dimension of a study: `choices`, or `low`/`high` (ints stay ints), `log` for a log scale."""

    low: float | int | None = None
    high: float | int | None = None
    log: bool = False
    choices: tuple[Any, ...] | None = None

    @model_validator(mode="after")
    def one_kind(self) -> SearchSpace:
        ranged = self.low is not None and self.high is not None
        if ranged == (self.choices is not None):
            raise ValueError("give either choices or both low and high")
        if ranged and self.low >= self.high:  # type: ignore[operator]
            raise ValueError("low must be below high")
        return self


class TuneConfig(Strict):
    trials: int = Field(20, ge=1)
    folds: tuple[int, ...] = Field((0,), min_length=1, description="folds a trial is scored on, in order")
    startup_trials: int = Field(5, ge=0, description="trials before pruning and TPE begin")
    shares: tuple[float, ...] = Field((0.3, 1.0), min_length=1, description="growing shares of train cards")
    space: dict[str, SearchSpace] = Field(min_length=1, description="dotted key below `model` → space")


class PseudoConfig(Strict):
    """Confident test cards as further train cards, labelled by finished experiments."""

    experiments: tuple[str, ...] = Field(min_length=1)
    min_confidence: float = Field(0.95, gt=0, lt=1, description="mean probability of the class")


class ExperimentConfig(Strict):
    competition: str
    name: str
    seed: int = 42
    inner_share: float = Field(
        0.1,
        gt=0,
        lt=0.5,
        description="share of a fold's train cards in the inner split: stopping, calibration",
    )
    tuned_on: tuple[int, ...] = Field((), description="folds a study has scored: not in the reported score")
    refit: bool = Field(False, description="test cards get a model fitted on all folds, not the folds' mean")
    pseudo: PseudoConfig | None = None
    model: ModelConfig
    tune: TuneConfig | None = None

    @property
    def upstream(self) -> tuple[str, ...]:
        """Experiments that must be trained before this one."""
        labelled_by = self.pseudo.experiments if self.pseudo else ()
        return tuple(dict.fromkeys((*self.model.upstream, *self.model.scored_by, *labelled_by)))
