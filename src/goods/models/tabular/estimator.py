"""Any estimator that keeps scikit-learn's manners, named by its dotted path."""

from __future__ import annotations

from importlib import import_module
from inspect import signature
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from goods.config.base import FamilyConfig
from goods.core.errors import GoodsError
from goods.core.meant import meant
from goods.models.tabular.estimator_files import check_skops
from goods.models.text.linear import FieldFeatures
from goods.models.textfields import TextField

HOLE = {"estimator", "params"}  # keys of an estimator within the parameters of another


class EstimatorConfig(FamilyConfig):
    """`params` are the arguments of the class; among them a mapping {estimator, params} is an estimator itself."""

    family: Literal["sklearn"]
    implementation: ClassVar[str] = "goods.models.tabular.estimator_model:EstimatorModel"
    estimator: str = Field(pattern=r"^\w+(\.\w+)+$", description="such as sklearn.naive_bayes.ComplementNB")
    params: dict[str, Any] = Field(default_factory=dict)
    features: Literal["text", "tabular", "both"] = Field(
        "text", description="TF-IDF of the fields, numbers and categories beside them, or both"
    )
    fields: dict[TextField, FieldFeatures] = Field(default_factory=dict, description="of text, by name")
    char_min_df: int = Field(2, ge=1)

    @model_validator(mode="after")
    def text_has_fields(self) -> EstimatorConfig:
        if self.features != "tabular" and not self.fields:
            raise ValueError("fields is empty: name at least one, such as title, or set features: tabular")
        return self

    def check_installed(self) -> None:
        check_skops()


def built(estimator: str, params: dict[str, Any], seed: int) -> Any:
    """An estimator that is not fitted, of `seed` where it takes a random_state and `params` give none; GoodsError where
    there is no such class or it does not take the parameters."""
    module, _, name = estimator.rpartition(".")
    try:
        made = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise GoodsError(
            f"estimator {estimator}: cannot be imported ({error}); install its package or mend the path"
        ) from None
    if not isinstance(made, type) or not hasattr(made, "fit"):
        raise GoodsError(f"estimator {estimator}: is no class with a fit; name an estimator's class")
    given = {key: _part(value, seed) for key, value in params.items()}
    if "random_state" in signature(made).parameters:
        given.setdefault("random_state", seed)
    try:
        return made(**given)
    except (TypeError, ValueError) as error:
        taken = signature(made).parameters
        hints = (meant(key, taken) for key in sorted(given.keys() - taken.keys()))
        raise GoodsError(f"estimator {estimator}: {error}; mend its params{next(hints, '')}") from None


def _part(value: Any, seed: int) -> Any:
    if isinstance(value, dict) and "estimator" in value and set(value) <= HOLE:
        return built(value["estimator"], value.get("params", {}), seed)
    return [_part(item, seed) for item in value] if isinstance(value, list | tuple) else value
