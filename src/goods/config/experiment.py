"""An experiment: a model of some family, its inner split, its study."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SerializeAsAny, ValidationError, field_validator, model_validator

from goods.config.base import FamilyConfig, PresetConfig, Strict, check_once
from goods.config.families import family_class
from goods.config.refusals import refusals, refused, shown
from goods.core.errors import GoodsError
from goods.core.meant import meant
from goods.core.workspace import is_folder_name

NAMES = "leave out / and \\, blanks around it and signs that cannot be seen, and keep it below 200 bytes"


def of_its_family(value: Any) -> FamilyConfig:
    """The config of the class that `family` names."""
    if isinstance(value, FamilyConfig):
        return value
    if not isinstance(value, dict) or not isinstance(value.get("family"), str):
        raise refused("family", [((), value, f"is {shown(value)}, expected a mapping with a family")])
    named = value["family"]
    try:
        found = family_class(named)
    except GoodsError as error:
        raise refused("family", [(("family",), named, str(error))]) from None
    if found.part:
        raise refused(
            "family", [(("family",), named, f"{named!r} is a part of other families; name one of these")]
        )
    return found.model_validate(value)


class SearchSpace(Strict):
    """One dimension of a study: `choices`, or `low`/`high` (ints stay ints), `log` for a log scale."""

    low: float | int | None = None
    high: float | int | None = None
    log: bool = False
    choices: tuple[Any, ...] | None = Field(None, min_length=1)

    @property
    def ends(self) -> tuple[Any, ...]:
        """The values that show whether all between them may be tried."""
        return (self.low, self.high) if self.choices is None else self.choices

    @model_validator(mode="after")
    def one_kind(self) -> SearchSpace:
        ranged = self.low is not None and self.high is not None
        if ranged == (self.choices is not None):
            raise ValueError("give either choices or both low and high")
        if ranged and self.low >= self.high:  # type: ignore[operator]
            raise ValueError("low must be below high")
        if ranged and self.log and self.low <= 0:  # type: ignore[operator]
            raise ValueError(f"low is {self.low}; a log scale begins above 0")
        return self


class TuneConfig(Strict):
    trials: int = Field(20, ge=1)
    folds: tuple[int, ...] = Field(
        (0,), min_length=1, description="folds a trial is scored on, each once, in order"
    )
    startup_trials: int = Field(5, ge=0, description="trials before pruning and TPE begin")
    shares: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(
        (0.3, 1.0), min_length=1, description="growing shares of train cards"
    )
    budget: int | None = Field(
        400_000,
        ge=1,
        description="train cards x trials; above it trials see smaller shares of the cards, then there are fewer",
    )
    space: dict[str, SearchSpace] = Field(min_length=1, description="dotted key below `model` → space")

    @model_validator(mode="after")
    def in_order(self) -> TuneConfig:
        if len(set(self.folds)) < len(self.folds):
            raise ValueError(f"folds {list(self.folds)}: one stands twice; leave it out")
        if list(self.shares) != sorted(set(self.shares)):
            raise ValueError(f"shares {list(self.shares)} do not grow; write them from the least on")
        return self


class PseudoConfig(Strict):
    """Confident test cards as further train cards, labelled by finished experiments."""

    experiments: tuple[str, ...] = Field(min_length=1)
    min_confidence: float = Field(0.95, gt=0, lt=1, description="mean probability of the class")


def refusal(model: FamilyConfig, key: list[str], value: Any) -> str | None:
    """Why a setting cannot have that value; None where it can, whether it goes with the other settings or not."""
    data = model.model_dump(mode="json")
    part = data
    for name in key[:-1]:
        part = part[name]
    part[key[-1]] = value
    try:
        type(model).model_validate(data)
    except ValidationError as error:
        for one in refusals(error, data):
            if list(one.key[: len(key)]) == key:
                return one.why
    return None


class ExperimentConfig(Strict):
    competition: str = Field(min_length=1)
    name: str
    seed: int = Field(42, ge=0, lt=2**32)
    inner_share: float = Field(
        0.1,
        gt=0,
        lt=0.5,
        description="share of a fold's train cards in the inner split: stopping, calibration",
    )
    share: float = Field(
        1.0, gt=0, le=1, description="of a fold's train cards that are fitted on, drawn at random"
    )
    tuned_on: tuple[int, ...] = Field((), description="folds a study has scored: not in the reported score")
    refit: bool = Field(False, description="test cards get a model fitted on all folds, not the folds' mean")
    pseudo: PseudoConfig | None = None
    model: Annotated[SerializeAsAny[FamilyConfig], BeforeValidator(of_its_family)]
    tune: TuneConfig | None = None

    @field_validator("name")
    @classmethod
    def names_one_folder(cls, name: str) -> str:
        if not is_folder_name(name):
            raise ValueError(f"{name!r} is to be the name of a folder below runs/: {NAMES}")
        return name

    @model_validator(mode="after")
    def folds_once_and_never_on_itself(self) -> ExperimentConfig:
        check_once("tuned_on", self.tuned_on)
        joined = self.model.experiments if isinstance(self.model, PresetConfig) else ()
        if self.name in (*self.upstream, *joined):
            raise ValueError(f"experiment {self.name} builds on itself; remove it there")
        return self

    @model_validator(mode="after")
    def a_study_varies_what_is_there(self) -> ExperimentConfig:
        for key in self.tune.space if self.tune else ():
            part: Any = self.model
            for name in key.split("."):
                known = part if isinstance(part, dict) else getattr(type(part), "model_fields", {})
                if name not in known:
                    raise ValueError(
                        f"tune.space names {key!r}, which model does not have{meant(name, known)}"
                    )
                part = part[name] if isinstance(part, dict) else getattr(part, name)
        return self

    @model_validator(mode="after")
    def a_study_tries_what_may_be(self) -> ExperimentConfig:
        for key, dimension in self.tune.space.items() if self.tune else ():
            for value in dimension.ends:
                if told := refusal(self.model, key.split("."), value):
                    raise ValueError(f"tune.space would try {key} {value!r}: {told}")
        return self

    @property
    def labellers(self) -> tuple[str, ...]:
        """Experiments whose predictions of test cards are pseudo-labels for this one."""
        return self.pseudo.experiments if self.pseudo else ()

    @property
    def upstream(self) -> tuple[str, ...]:
        """Experiments that must be trained before this one."""
        return tuple(dict.fromkeys((*self.model.upstream, *self.model.scored_by, *self.labellers)))


def preset_model(config: ExperimentConfig) -> PresetConfig:
    """What the last experiment is made of: base experiments joined."""
    if not isinstance(config.model, PresetConfig):
        raise GoodsError(
            f"experiment {config.name}: expected a family that joins experiments (stack, pairs), found "
            f"{config.model.family}"
        )
    return config.model
