"""What is known of a contest besides its YAML: one object at the end of its file, found by the `reader` key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from goods.cards.table import Issues
from goods.competitions.raw import Described, Raw, RawPairs
from goods.competitions.submission import Submission
from goods.config.competition import CompetitionConfig


@dataclass(frozen=True)
class Competition:
    """`read`: folder of raw files → what they hold; GoodsError naming file and mend. What is opened by the path given
    (`competitions/inputs.py`) is what the prepared files depend on.
    `submission`: format of the answer.
    `problem`: "cards" are classified, or "pairs" of products told alike.
    `read_new`: raw file without answers → card rows without image and target; None where new cards cannot be labelled.
    `describe`: file of new products and their ids int64 [n] → what only matching reads; None where only names count.
    `generate`: makes the raw files itself.
    `tables`: file of new cards and, as `known`, ids of the competition's own cards (None: of none) → its rows in
    parts, of which `read_new` reads parquet files; None: parquet or CSV.
    `row_ids`: cards are numbered by their rows, for want of ids.
    `settings`: what of the YAML decides how raw files are read.
    """

    read: Callable[[Path], Raw | RawPairs]
    submission: Submission
    problem: Literal["cards", "pairs"] = "cards"
    read_new: Callable[[Path, Issues], pd.DataFrame] | None = None
    describe: Callable[[Path, np.ndarray, Issues], Described] | None = None
    generate: Callable[[Path, CompetitionConfig], None] | None = None
    tables: Callable[..., Iterator[pa.Table]] | None = None
    row_ids: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Configured:
    """A contest of which the YAML says what else a file would: `of` makes the object of it."""

    of: Callable[[CompetitionConfig], Competition]
