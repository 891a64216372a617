"""What differs between classifying cards and telling pairs of products alike; every stage asks the object."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import pandas as pd

from goods.config.competition import CompetitionConfig
from goods.core.workspace import Workspace


class Problem(ABC):
    """`name` is what competitions, families and metrics say; `needs` says in words what a family of it is for."""

    name: str
    needs: str
    takes_pseudo_labels = True
    takes_given_folds = True  # those of a file, or by columns

    @abstractmethod
    def rows(self, ws: Workspace) -> pd.DataFrame:
        """What is classified, train and test: product_id, split, target and what is told of each."""

    @abstractmethod
    def all_rows(self, ws: Workspace) -> pd.DataFrame:
        """What caches are filled for, rows of other targets included."""

    @abstractmethod
    def materials(self, ws: Workspace) -> dict[str, Any]:
        """What models get besides rows: fields of a Context."""

    @abstractmethod
    def deal(
        self, train: pd.DataFrame, config: CompetitionConfig
    ) -> tuple[np.ndarray, np.ndarray | None, str]:
        """(int8 [n] fold of each train row, int64 [n] groups that inner splits must keep together too or None, what is
        to be said of the folds)"""

    def groups(self, train: pd.DataFrame, config: CompetitionConfig) -> np.ndarray | None:
        """int64 [n] of train rows that no fold may part; None where each stands for itself, or other rows tell."""
        return None

    @abstractmethod
    def outside(self, rows: pd.DataFrame, scored: np.ndarray) -> np.ndarray:
        """bool [n]: train rows that may be fitted on when those `scored` bool [n] are."""

    @abstractmethod
    def inner_rows(
        self, rows: pd.DataFrame, share: float, seed: int, groups: np.ndarray | None = None
    ) -> np.ndarray:
        """bool [n]: the inner validation rows among a fold's train rows, about `share` of them; `groups` int64 [n] are
        those that folds keep together."""

    def check_rows(self, ws: Workspace, rows: pd.DataFrame) -> None:  # noqa: B027
        """GoodsError where `rows` are not of this problem."""

    def why_no_folds(self, train: pd.DataFrame) -> str:
        """What keeps rows together where folds stay empty."""
        return ""
