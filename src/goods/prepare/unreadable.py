"""Cells that could not be read: counted per column, too many of them are refused."""

from __future__ import annotations

import math

import pandas as pd

from goods.cards.table import Issues
from goods.config.competition import CompetitionConfig
from goods.core.errors import GoodsError
from goods.core.log import say
from goods.core.wording import count


def check_unreadable(issues: Issues, cards: pd.DataFrame, config: CompetitionConfig) -> None:
    """GoodsError where more than `max_unreadable` of a column's cells of train or of test are; a line for fewer."""
    split_of = dict(zip(cards.product_id.tolist(), cards.split.tolist(), strict=True))
    sizes = cards.split.value_counts()
    for column, cells in issues.unreadable.items():
        for split, size in sizes.items():
            mine = {i: cell for i, cell in cells if split_of.get(i) == split}
            if not mine:
                continue
            told = (
                f"column {column!r}: {len(mine)} of {count(size, f'{split} cell')} cannot be read, "
                "such as that of product "
                f"{next(iter(mine))}: {next(iter(mine.values()))}"
            )
            if len(mine) > config.max_unreadable * size:
                mend = issues.mends[column]
                raise GoodsError(
                    f"{told}; {mend}, or set max_unreadable in competition.yaml to "
                    f"{math.ceil(100 * len(mine) / size) / 100} to go on without those cells"
                )
            say(f"prepare: {told}")
