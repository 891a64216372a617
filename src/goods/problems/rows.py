"""What is classified: cards, or pairs of them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from goods.cards.table import load_cards
from goods.core.workspace import Workspace
from goods.matching.groups import ends_of, group_pairs, untouched
from goods.problems.splitting import inner_split


def are_pairs(rows: pd.DataFrame) -> bool:
    return "variantid1" in rows


def outside(rows: pd.DataFrame, scored: np.ndarray) -> np.ndarray:
    """bool [n]: train rows that may be fitted on when those `scored` bool [n] are: of pairs only those that share no
    product with any of them."""
    return untouched(*ends_of(rows), scored) if are_pairs(rows) else ~scored


def inner_rows(rows: pd.DataFrame, share: float, seed: int) -> np.ndarray:
    """bool [n], True for the inner validation rows among a fold's train rows: about `share` of them."""
    if not are_pairs(rows):
        return inner_split(rows.target.to_numpy(), share, seed)
    return group_pairs(*ends_of(rows), rows.target.to_numpy(), max(2, round(1 / share)), seed).fold == 0


def load_rows(ws: Workspace) -> pd.DataFrame:
    """What is classified: the cards, or, in a matching competition, pairs of cards: product_id (the pair's number),
    split, variantid1, variantid2, category, target (1: the same product)."""
    return pd.read_parquet(ws.pairs) if ws.pairs.is_file() else load_cards(ws)
