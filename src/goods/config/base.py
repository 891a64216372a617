"""What every config has, what a family says of itself, and what a run starts from where there is no model hub."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, Self, Union, get_args, get_origin

import numpy as np
import pandas as pd
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import InitErrorDetails

from goods.config.refusals import problem, with_meant
from goods.core.errors import GoodsError
from goods.core.hashing import content_of
from goods.core.predictions import Predictions

SCRATCH = "scratch"
PACKAGED = "packaged"
Modality = Literal["text", "image"]


class _Content:
    """Marks a setting that may name a local file or folder: its content, not its path, is what a result depends on."""


LocalPath = Annotated[str, _Content()]


def _by_content(field: FieldInfo) -> bool:
    """Whether it is a LocalPath, be it that or nothing."""
    inner = (mark for kind in get_args(field.annotation) for mark in getattr(kind, "__metadata__", ()))
    return any(isinstance(mark, _Content) for mark in (*field.metadata, *inner))


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="wrap")
    @classmethod
    def all_told(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """All mistakes at once, an unknown key with the one that was probably meant."""
        found = cls._flags(data)
        try:
            made = handler(data)
        except ValidationError as error:
            flags = {one["loc"] for one in found}
            found += [one for one in with_meant(error, cls.model_fields) if one["loc"] not in flags]
        if found:
            raise ValidationError.from_exception_data(cls.__name__, found)
        return made

    @classmethod
    def _flags(cls, data: Any) -> list[InitErrorDetails]:
        """Flags in place of numbers: true would be 1, and a mistyped value go unnoticed."""
        flags = []
        for name, value in data.items() if isinstance(data, dict) else ():
            if not isinstance(value, bool) or name not in cls.model_fields:
                continue
            kinds = _kinds(cls.model_fields[name].annotation)
            if kinds & {int, float} and not kinds & {bool, Any}:
                flags.append(problem("flag", (name,), value, f"is {str(value).lower()}, expected a number"))
        return flags

    def described(self, exclude: frozenset[str] = frozenset()) -> dict[str, Any]:
        """What a result depends on: all settings, local files by their content."""
        return {name: self._described(name) for name in type(self).model_fields if name not in exclude}

    def _described(self, name: str) -> Any:
        value = getattr(self, name)
        if isinstance(value, str) and _by_content(type(self).model_fields[name]):
            return {"content": content_of(Path(value))} if Path(value).exists() else value
        return _plain(value)

    def local_files(self) -> set[str]:
        """What of the settings names a file or folder that is there."""
        found = set()
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if isinstance(value, Strict):
                found |= value.local_files()
            elif isinstance(value, str) and _by_content(field):
                found |= {value} if Path(value).exists() else set()
        return found


def check_once(key: str, values: Sequence[Any]) -> None:
    """ValueError, to be raised by a validator, where a list has a value twice."""
    twice = [value for i, value in enumerate(values) if value in values[:i]]
    if twice:
        raise ValueError(f"{key} names {twice[0]!r} twice; leave one out")


def _kinds(annotation: Any) -> set[Any]:
    """The types that a setting may be of."""
    return set(get_args(annotation)) if get_origin(annotation) in (Union, UnionType) else {annotation}


def _plain(value: Any) -> Any:
    if isinstance(value, Strict):
        return value.described()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


@dataclass(frozen=True)
class StartingWeights:
    """What the command line says of pre-trained weights: no hub, a local text encoder, a local image checkpoint."""

    offline: bool = False
    text: Path | None = None
    image: Path | None = None


class FamilyConfig(Strict):
    """The settings of a model family, and what the other rooms ask of a family instead of its name.

    A family is a subclass with `family: Literal["its name"]` in a file below `models/`: it is found there by that
    line. The class attributes are what it needs. Its model stands in the same file and `build` gives it, or, where it
    takes seconds to import, in another file that `implementation` names as "module:class".
    """

    family: str
    implementation: ClassVar[str] = ""
    problem: ClassVar[str] = "cards"  # kind of problem it is for: "cards" or "pairs" of products
    modalities: ClassVar[tuple[Modality, ...]] = (
        "text",
    )  # what it looks at by itself; () where others look for it
    on_gpu: ClassVar[bool] = False  # trained on a GPU where there is one
    one_core: ClassVar[bool] = (
        False  # its bytes do not depend on its threads, and one core is what it mostly uses
    )
    second_level: ClassVar[bool] = False  # fitted by stack/ on finished runs, not fold by fold by train/
    part: ClassVar[bool] = False  # of another family's config, no experiment by itself

    def check_installed(self) -> None:
        """GoodsError where a package is missing that this family alone works with."""

    @property
    def upstream(self) -> tuple[str, ...]:
        """Experiments this one builds on, fold by fold; they are trained first."""
        return ()

    @property
    def scored_by(self) -> tuple[str, ...]:
        """Experiments whose predictions, out of fold for train rows, are features; they are trained first."""
        return ()

    @property
    def taught_by(self) -> str | None:
        """Experiment whose soft labels it learns from: of train cards (out of fold), test cards and `further_cards`."""
        return None

    @property
    def further_cards(self) -> Path | None:
        """Folder of unlabelled cards that are learned from besides (train/teaching.py)."""
        return None

    @property
    def devices(self) -> int:
        """How many a fold is trained on at once."""
        return getattr(getattr(self, "trainer", None), "devices", 1)

    @property
    def needs_photos(self) -> bool:
        return "image" in self.modalities

    def with_weights(self, weights: StartingWeights) -> Self:
        """The same family starting from what the command line says; hub weights are what it replaces."""
        return self

    def changed(self, **changes: Any) -> Self:
        """A validated copy."""
        return type(self).model_validate(self.model_dump() | changes)

    def finish(
        self,
        rows: pd.DataFrame,
        oof: Predictions,
        test: Predictions,
        fold: np.ndarray,
        honest: np.ndarray,
        metric: str,
    ) -> tuple[Predictions, Predictions, dict[str, Any]]:
        """Both predictions once all folds are joined, and what is to be reported of it.

        `rows` are all of a competition; `oof`, `fold` int8 [n] and `honest` bool [n] (folds no study has used) are in
        the order of the train rows, `test` in that of the test rows."""
        return oof, test, {}

    def for_cards(self, n: int) -> Self:
        """The same family, with the settings that follow from how many cards a student learns from."""
        return self

    @property
    def model_at(self) -> str:
        """`implementation`, or what it is by the settings where they choose among several."""
        return self.implementation

    @property
    def modules(self) -> tuple[str, ...]:
        """Modules that hold the code of this family and of those that are parts of it."""
        parts = (getattr(self, name) for name in type(self).model_fields)
        below = (module for part in parts if isinstance(part, FamilyConfig) for module in part.modules)
        own = (type(self).__module__, self.model_at.partition(":")[0])
        return tuple(dict.fromkeys(module for module in (*own, *below) if module))

    def embeddings(self, experiment: str, context: Any, asked: Any) -> list[Any]:
        """What encoders of this family that no label trains make of the cards `asked` for (models/embedding.py);
        empty where it has none."""
        return []

    def build(self, context: Any) -> Any:
        """A model of these settings that keeps the protocol of models/base.py, given a `Context`."""
        module, _, name = self.model_at.partition(":")
        if not module:
            raise GoodsError(
                f"family {self.family} has no model of its own: give its config in {type(self).__module__} a build, or "
                "an implementation"
            )
        return getattr(import_module(module), name)(self, context)

    def warm(self, context: Any, rows: pd.DataFrame) -> None:
        """Fill caches for all rows of a competition (labels unused), once, before folds run side by side."""
        self.build(context).warm(rows)


class PresetConfig(FamilyConfig):
    """A family that joins the predictions of other experiments: what a preset is."""

    experiments: tuple[str, ...] = Field((), description="their out-of-fold predictions are features")
    with_local_text: str | None = Field(
        None, description="experiment that joins them where the command line gives a local text encoder"
    )
    alone: str | None = Field(
        None,
        description="experiment that stands alone where there is no time for this one; null: the best of `experiments`",
    )

    def described(self, exclude: frozenset[str] = frozenset()) -> dict[str, Any]:
        return super().described(exclude | {"alone"})

    @model_validator(mode="after")
    def each_once(self) -> Self:
        check_once("experiments", self.experiments)
        return self


def local_image_weights(path: Path) -> dict[str, Any]:
    """Settings for a local timm checkpoint: a file, or a folder as `timm` and the hub lay it out.

    A config.json beside the checkpoint names the backbone, the mean and deviation of the photos that it was trained
    on, and their size where it takes no other; what it does not name stays as the experiment has it.
    """
    folder, file = path.parent, path
    if path.is_dir():
        names = ("model.safetensors", "pytorch_model.bin")
        found = [path / n for n in names if (path / n).is_file()]
        if not found:
            raise GoodsError(f"{path}: holds neither {' nor '.join(names)}; name the checkpoint file itself")
        folder, file = path, found[0]
    keys: dict[str, Any] = {"weights": str(file.resolve())}
    try:
        described = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if isinstance(described, dict) and isinstance(described.get("architecture"), str):
            keys["backbone"] = described["architecture"]
            seen = described.get("pretrained_cfg", described)
            keys |= {name: seen[name] for name in ("mean", "std") if seen.get(name) is not None}
            if seen.get("fixed_input_size"):
                keys["size"] = seen["input_size"][-1]
    except FileNotFoundError:
        pass
    except ValueError:
        raise GoodsError(
            f"{folder / 'config.json'}: not JSON; mend it or name the checkpoint elsewhere"
        ) from None
    return keys
