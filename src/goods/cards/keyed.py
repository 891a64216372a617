"""Rows found by the hash of what they were made of: what every cache of cards is in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

import numpy as np


class Rows(Protocol):
    """A table in one or more arrays, such as `Ragged`."""

    def take(self, rows: np.ndarray) -> Self:
        """The chosen rows, in that order."""

    def followed_by(self, other: Self) -> Self:
        """These rows and then the other's."""


R = TypeVar("R", bound=Rows)


@dataclass(frozen=True)
class Keyed(Generic[R]):
    """keys uint64 [n] sorted, each once · rows: n of them, in that order."""

    keys: np.ndarray
    rows: R

    def of(self, keys: np.ndarray) -> R:
        """The rows of `keys`, all of which are known."""
        return self.rows.take(np.searchsorted(self.keys, keys))

    def unknown(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Those of `keys` that are not here, each once, and where in `keys` it stands first."""
        places = np.flatnonzero(~np.isin(keys, self.keys))
        new, first = np.unique(keys[places], return_index=True)
        return new, places[first]

    def with_rows(self, keys: np.ndarray, rows: R) -> Keyed[R]:
        """These and others, whose `keys` are not here yet."""
        joined = np.concatenate([self.keys, keys])
        order = np.argsort(joined)
        return Keyed(joined[order], self.rows.followed_by(rows).take(order))

    def among(self, keys: np.ndarray) -> Keyed[R]:
        """Only what `keys` name, where it is here."""
        chosen = np.flatnonzero(np.isin(self.keys, keys))
        return Keyed(self.keys[chosen], self.rows.take(chosen))
