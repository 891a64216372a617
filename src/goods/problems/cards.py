"""Cards, each of one class."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from goods.cards.table import load_all_cards, load_cards
from goods.config.competition import CompetitionConfig
from goods.core.workspace import Workspace
from goods.problems.base import Problem
from goods.problems.splitting import assign_folds, inner_split, near_duplicate_groups


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
        groups = near_duplicate_groups(train) if config.group_near_duplicates else None
        single = np.arange(len(train)) if groups is None else groups
        return assign_folds(train.target.to_numpy(), single, config.n_folds, config.seed), groups, ""

    def outside(self, rows: pd.DataFrame, scored: np.ndarray) -> np.ndarray:
        return ~scored

    def inner_rows(
        self, rows: pd.DataFrame, share: float, seed: int, groups: np.ndarray | None = None
    ) -> np.ndarray:
        return inner_split(rows.target.to_numpy(), share, seed, groups)
