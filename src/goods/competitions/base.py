"""What is known of a contest besides its YAML: one object at the end of its file, found by the `reader` key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from goods.cards.table import Issues
from goods.competitions.raw import Raw, RawPairs
from goods.competitions.submission import Submission
from goods.config.competition import CompetitionConfig


@dataclass(frozen=True)
class Competition:
    """`read`: folder of raw files → what they hold; GoodsError naming file and mend.
    `submission`: format of the answer.
    `problem`: "cards" are classified, or "pairs" of products told alike.
    `read_new`: raw file without answers → card rows without image and target; None where new cards have no answer.
    `generate`: makes the raw files itself.
    """

    read: Callable[[Path], Raw | RawPairs]
    submission: Submission
    problem: str = "cards"
    read_new: Callable[[Path, Issues], pd.DataFrame] | None = None
    generate: Callable[[Path, CompetitionConfig], None] | None = None
