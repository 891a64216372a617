"""The protocol every model family keeps, and what a model is given besides cards.

A model is built from its config and a Context, fitted on one fold's train cards, and asked for
probabilities block by block. `valid` is an inner split of the fold's own train cards: it may choose
epochs, temperature and the like. The cards the fold is scored on are never passed to `fit`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd

from goods.cards.labels import Labels
from goods.core.errors import GoodsError
from goods.core.kept import Kept
from goods.core.predictions import Predictions

if TYPE_CHECKING:
    from goods.cards.images import ImageStore
    from goods.matching.products import Products


@dataclass(frozen=True)
class Upstream:
    """A trained fold of another experiment: its model config, its folder and the hash of what is in it."""

    config: Any
    folder: Path
    key: str


@dataclass(frozen=True)
class Context:
    """What a model gets besides its config and cards.

    `cache` is a folder for derived data keyed by content (None: compute and do not keep); `scratch` is the
    fold's folder for checkpoints of a fit under way (None: a temporary one), `curves` that for its TensorBoard logs
    (None: below `scratch`). `upstream`
    holds this fold of the experiments the config names: trained on the same cards, so no more seen than those. Of pairs
    `products` has the cards, and `scores` what other experiments say of each pair: out of fold for train pairs.
    `kept` holds what models built one after the other share (trials of a study); None: nothing is shared.
    """

    labels: Labels
    seed: int = 42
    device: str = "cpu"
    threads: int = 1
    images: ImageStore | None = None
    cache: Path | None = None
    scratch: Path | None = None
    curves: Path | None = None
    progress: bool = False
    upstream: dict[str, Upstream] = field(default_factory=dict)
    products: Products | None = None
    scores: dict[str, Predictions] = field(default_factory=dict)
    kept: Kept | None = None


def products_of(family: str, context: Context) -> Products:
    """The products of a matching competition; GoodsError in any other."""
    if context.products is None:
        raise GoodsError(f"{family}: this family matches products; name a matching competition such as ozon")
    return context.products


@runtime_checkable
class Refitted(Protocol):
    """A model whose `fit` keeps the inner split out of training has this besides: a fit on all cards.

    Other families go back to all cards by themselves once the inner split has calibrated them.
    """

    def refit(self, train: pd.DataFrame, folds: list[Path]) -> None:
        """Fit on all of `train` with the mean of what the inner splits chose in the finished `folds`."""


@runtime_checkable
class WholeFitted(Protocol):
    """A model that the inner split has only chosen and calibrated by `fit`, and that is then fitted on everything."""

    def fit_whole(self, train: pd.DataFrame) -> None:
        """Fit on all of a fold's `train` rows, the inner split and what it kept out of `fit` included."""


class Model(Protocol):
    def __init__(self, config: Any, context: Context) -> None: ...

    def warm(self, cards: pd.DataFrame) -> None:
        """Fill caches for all cards of a competition (labels unused), once, before folds run side by side."""

    def fit(self, train: pd.DataFrame, valid: pd.DataFrame | None) -> None:
        """Fit on card rows with `target` ≥ 0; `valid` is the inner split, disjoint from `train`."""

    def predict(self, cards: pd.DataFrame) -> np.ndarray:
        """float32 [n, C], rows sum to 1; called with blocks of bounded size."""

    def save(self, folder: Path) -> None:
        """Write model files (safetensors, native formats or JSON) below `folder`."""

    def load(self, folder: Path) -> None:
        """Restore what `save` wrote; GoodsError if something is missing or damaged."""
