"""Vectors of cards from encoders that no label has trained: what probes compare."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from goods.cards.labels import Labels
from goods.cards.table import TEXT_FIELDS
from goods.config.base import FamilyConfig


@dataclass(frozen=True)
class Embedding:
    """What `encoders` make of a part of each card: `what` is "text", "photo", a text field, "joined" or "".

    vectors float32 [n, d], zeros where a card has nothing to encode; `classes` float32 [C, d] where category names can
    be encoded into the same space.
    """

    encoders: str
    what: str
    vectors: np.ndarray
    classes: np.ndarray | None = None

    @property
    def name(self) -> str:
        return f"{self.encoders}: {self.what}" if self.what else self.encoders


@dataclass(frozen=True)
class Encoded:
    """The `cards` to encode, a card per class (`names`), and `every` card of the competition: caches are filled for
    these."""

    cards: pd.DataFrame
    names: pd.DataFrame
    every: pd.DataFrame

    def only(self, field: str) -> pd.DataFrame:
        """The cards with every other text field empty and no photo."""
        return self.cards.assign(image=None, **{name: "" for name in TEXT_FIELDS if name != field})


def frozen_encoder(
    config: FamilyConfig, context: Any, every: pd.DataFrame
) -> Callable[[pd.DataFrame], np.ndarray]:
    """Cards → float32 [n, d] of a family's encoder as it comes; caches are filled for `every` card."""
    model = config.build(context)
    model.warm(every)
    return model.pretrained_vectors


def named_cards(labels: Labels) -> pd.DataFrame:
    """A card per class with its category's name for a title and nothing else."""
    cards = pd.DataFrame(dict.fromkeys(TEXT_FIELDS, ""), index=range(labels.n_classes))
    names = [" ".join(dict.fromkeys(path[::-1])) for path in labels.paths]
    return cards.assign(product_id=range(labels.n_classes), title=names, image=None, target=np.int32(-1))
