"""Cards, each of one class."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from goods.cards.table import load_all_cards, load_cards
from goods.config.competition import CompetitionConfig
from goods.core.workspace import Workspace
from goods.problems.base import Problem
from goods.problems.grouping import balanced_folds, groups_of
from goods.problems.splitting import assign_folds, inner_split
from goods.problems.windows import windows


class CardsProblem(Problem):
    name = "cards"
    needs = "classifies cards"

    def rows(self, ws: Workspace) -> pd.DataFrame:
        return load_cards(ws)

    def all_rows(self, ws: Workspace) -> pd.DataFrame:
        return load_all_cards(ws.whole)

    def materials(self, ws: Workspace) -> dict[str, Any]:
        return {}

    def deal(
        self, train: pd.DataFrame, config: CompetitionConfig
    ) -> tuple[np.ndarray, np.ndarray | None, str]:
        groups, target = self.groups(train, config), train.target.to_numpy()
        if config.order_by is not None:
            return windows(train, config.order_by, config.n_folds), groups, f", in order of {config.order_by}"
        if config.group_by:
            assert groups is not None
            return balanced_folds(target, groups, config.n_folds, config.seed), groups, ""
        single = np.arange(len(train)) if groups is None else groups
        return assign_folds(target, single, config.n_folds, config.seed), groups, ""

    def groups(self, train: pd.DataFrame, config: CompetitionConfig) -> np.ndarray | None:
        return groups_of(train, config)

    def outside(self, rows: pd.DataFrame, scored: np.ndarray) -> np.ndarray:
        return ~scored

    def inner_rows(
        self, rows: pd.DataFrame, share: float, seed: int, groups: np.ndarray | None = None
    ) -> np.ndarray:
        return inner_split(rows.target.to_numpy(), share, seed, groups)
