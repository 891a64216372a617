"""Which train rows a fold scores, and which its models may be fitted on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from goods.core.workspace import ALL
from goods.problems.base import Problem

UNSCORED = -2  # in place of a fold: a row that is fitted on and never scored


@dataclass(frozen=True)
class Folds:
    """`fold` int8 [n] of each train row, UNSCORED where it is only fitted on; `groups` int64 [n] of rows that no split
    may part, None where each stands for itself; where folds are `expanding`, later ones hold later rows, and a fold's
    models see earlier rows alone."""

    fold: np.ndarray
    groups: np.ndarray | None = None
    expanding: bool = False

    @property
    def partial(self) -> bool:
        """Whether some rows are never scored."""
        return bool((self.fold == UNSCORED).any())

    @property
    def scored(self) -> np.ndarray:
        """bool [n]: rows that some fold scores."""
        return self.fold != UNSCORED

    def of(self, k: int) -> np.ndarray:
        """bool [n]: rows that fold k scores; none where all are fitted on (ALL)."""
        return self.fold == k if k != ALL else np.zeros(len(self.fold), bool)

    def may_fit(self, problem: Problem, rows: pd.DataFrame, k: int) -> np.ndarray:
        """bool [n]: train rows that models of fold k may be fitted on; `rows` in the order of `fold`."""
        scored = self.of(k)
        may_fit = problem.outside(rows, scored)
        if self.expanding and k != ALL:
            may_fit &= self.fold < k
        if self.partial and self.groups is not None:  # folds that leave nobody out never part a group
            may_fit &= ~np.isin(self.groups, self.groups[scored])
        return may_fit
