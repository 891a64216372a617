"""Pairs of products: the same one, or not. product_id is the pair's number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from goods.cards.table import check_prepared
from goods.config.competition import CompetitionConfig
from goods.core.errors import GoodsError
from goods.core.wording import count
from goods.core.workspace import Workspace
from goods.matching.groups import ends_of, group_pairs, untouched
from goods.matching.products import Products
from goods.problems.base import Problem


class PairsProblem(Problem):
    name = "pairs"
    needs = "matches products"
    takes_pseudo_labels = False
    takes_given_folds = False  # products that pairs share tell what may be parted

    def rows(self, ws: Workspace) -> pd.DataFrame:
        """product_id (the pair's number), split, variantid1, variantid2, category, target (1: the same product)"""
        check_prepared(ws)
        return pd.read_parquet(ws.pairs)

    def all_rows(self, ws: Workspace) -> pd.DataFrame:
        return self.rows(ws)

    def materials(self, ws: Workspace) -> dict[str, Any]:
        return {"products": Products.load(ws)}

    def deal(
        self, train: pd.DataFrame, config: CompetitionConfig
    ) -> tuple[np.ndarray, np.ndarray | None, str]:
        """Pairs that share a product, through others too, are in one fold."""
        found = group_pairs(*ends_of(train), train.target.to_numpy(), config.n_folds, config.seed)
        note = (
            f"; {count(found.cut, 'component')} too large for one {'was' if found.cut == 1 else 'were'} cut: "
            f"{count(int(found.torn.sum()), 'pair')} ({found.torn.mean():.1%}) torn, "
            f"{(found.torn & (train.target == 1)).sum()} of them matches"
        )
        return found.fold, None, note  # products tell the groups again where a split is made

    def outside(self, rows: pd.DataFrame, scored: np.ndarray) -> np.ndarray:
        """Only those that share no product with any of the scored."""
        return untouched(*ends_of(rows), scored)

    def inner_rows(
        self, rows: pd.DataFrame, share: float, seed: int, groups: np.ndarray | None = None
    ) -> np.ndarray:
        return group_pairs(*ends_of(rows), rows.target.to_numpy(), max(2, round(1 / share)), seed).fold == 0

    def check_rows(self, ws: Workspace, rows: pd.DataFrame) -> None:
        if "variantid1" not in rows:
            raise GoodsError(
                f"{ws.competition} matches products and has folds of pairs, none of cards; give the "
                "prepared pairs"
            )

    def why_no_folds(self, train: pd.DataFrame) -> str:
        counts = pd.concat([train.variantid1, train.variantid2]).value_counts()
        return f": product {counts.index[0]} is in {counts.iloc[0]} of them" if counts.iloc[0] > 1 else ""
