"""Texts of a card table as they look, and what those were that changed.

writes: prepared/raw_text.parquet: product_id, field, raw; texts that normalisation changed, as readers found them
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from goods.cards.table import TEXT_FIELDS, Issues
from goods.cards.unicode import UNUSUAL, normalised
from goods.core.ids import Id, plain_id, with_ids
from goods.core.wording import count


@dataclass
class RawText:
    """rows: product_id, field, raw text of what changed · steps: texts that each step of normalisation changed"""

    rows: list[tuple[Id, str, str]] = field(default_factory=list)
    steps: Counter[str] = field(default_factory=Counter)

    def table(self) -> pd.DataFrame:
        table = pd.DataFrame(self.rows, columns=["product_id", "field", "raw"])
        return with_ids(table.astype({"field": "str", "raw": "str"}))

    def __str__(self) -> str:
        told = ", ".join(f"{n:,} {step}" for step, n in self.steps.most_common())
        return (
            f"{count(len(self.rows), 'text')} normalised: {told}" if told else "no text had to be normalised"
        )


def normalise(cards: pd.DataFrame, issues: Issues) -> RawText:
    """Make the text fields that `cards` has plain, in place. Notes titles of which nothing is left."""
    raw = RawText()
    ids = cards.product_id.to_numpy()
    for name in TEXT_FIELDS:
        if name not in cards:
            continue
        unusual = cards[name].str.contains(UNUSUAL).to_numpy(bool)  # one look at all: few texts need more
        if not unusual.any():
            continue
        rows, changed = np.flatnonzero(unusual), {}
        for row, text in zip(rows.tolist(), cards[name].iloc[rows].tolist(), strict=True):
            plain, steps = normalised(text)
            if steps:
                raw.rows.append((plain_id(ids[row]), name, text))
                raw.steps.update(steps)
                changed[row] = plain
                if name == "title" and not plain:
                    issues.add(ids[row], "title", "empty title", "predicted from the other fields")
        if changed:
            column = cards[name].copy()
            column.iloc[list(changed)] = list(changed.values())
            cards[name] = column
    return raw
