"""New cards of a file, as one table."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pandas as pd

from goods.cards.table import Issues
from goods.config.competition import CompetitionConfig
from goods.core.predictions import BLOCK
from goods.submit.new_cards import NewCards


def read_new_cards(
    path: Path,
    competition: CompetitionConfig,
    images: Path | None,
    issues: Issues,
    rows: int = BLOCK,
    known: pd.Series | None = None,
) -> pd.DataFrame:
    """All batches of a file's new cards in one table; `issues` takes what was odd about them."""
    with tempfile.TemporaryDirectory() as folder:
        cards = NewCards(path, competition, images, Path(folder), rows, known=known)
        table = pd.concat(cards.batches(), ignore_index=True)
        for part in cards.issues.tables():
            issues.rows += list(part.itertuples(index=False, name=None))
    return table
