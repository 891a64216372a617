"""Train cards with the nearest ids: opt-in (`id_order`), for contests that allow what no marketplace has."""

from __future__ import annotations

import numpy as np
import pandas as pd

from goods.core.ids import id_array
from goods.stack.neighbours import Neighbours

SIDE = 4  # train cards on either side of an id


class IdNeighbours:
    """The train cards before and after a card in the order of ids (of texts their alphabetical one). `fold` int [n] is
    that of each train card: a card's own fold is passed over. Where a `table` of ids is set, cards of other ids have no
    neighbours: how theirs were given tells nothing of their class."""

    table: pd.Series | None = None

    def __init__(self, ids: pd.Series, target: np.ndarray, fold: np.ndarray) -> None:
        known = id_array(ids)
        order = np.argsort(known, kind="stable")
        self.ids, self.target, self.fold = known[order], target[order].astype(np.int64), fold[order]

    def find(self, ids: pd.Series, card_fold: np.ndarray | None) -> Neighbours:
        """2 × SIDE a card, nearest first; one that is the j-th on its side is as near as 1 / j."""
        asked, n = id_array(ids), len(ids)
        told = np.ones(n, bool) if self.table is None else ids.isin(self.table).to_numpy()
        similarity, cls = np.zeros((n, 2 * SIDE), np.float32), np.zeros((n, 2 * SIDE), np.int64)
        for own in [None] if card_fold is None else np.unique(card_fold):
            cards = np.flatnonzero(told if own is None else told & (card_fold == own))
            known = np.ones(len(self.ids), bool) if own is None else self.fold != own
            places, target = self.ids[known], self.target[known]
            after = np.searchsorted(places, asked[cards], side="right")
            before = (
                np.searchsorted(places, asked[cards], side="left") - 1
            )  # a train card is not its own neighbour
            for j in range(SIDE):
                for column, place in ((2 * j, before - j), (2 * j + 1, after + j)):
                    there = (place >= 0) & (place < len(places))
                    similarity[cards[there], column] = 1 / (j + 1)
                    cls[cards[there], column] = target[place[there]]
        return Neighbours(similarity, cls)
