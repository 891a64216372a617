"""Submissions made elsewhere: whether the contest takes one, and where two of them differ.

reads: prepared/, runs/<experiment>/ test.npz, the files
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from goods.cards.labels import Labels
from goods.cards.table import select
from goods.competitions.loading import competition_of
from goods.competitions.submission import Said, Submission
from goods.config.competition import CompetitionConfig
from goods.core.errors import GoodsError
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.prepare.prepared import parts
from goods.problems.kinds import load_rows
from goods.submit.entries import finished_report


def read_submission(path: Path, rows: pd.DataFrame) -> pd.DataFrame:
    """A .parquet or .csv file, its ids, in the first column, as those of the test `rows`; GoodsError where it is
    none."""
    kind = path.suffix.lower()
    if not path.is_file() or kind not in (".parquet", ".csv"):
        raise GoodsError(
            f"{path}: "
            f"{'expected .parquet or .csv' if path.is_file() else 'no such file; name a .parquet or .csv'}"
        )
    try:
        if kind == ".parquet":
            return pd.read_parquet(path)
        texts = not pd.api.types.is_integer_dtype(rows.product_id)
        return pd.read_csv(path, dtype={pd.read_csv(path, nrows=0).columns[0]: str} if texts else None)
    except (OSError, ValueError, IndexError) as error:
        raise GoodsError(
            f"{path}: not readable ({' '.join(str(error).split())[:200]}); write it again"
        ) from None


def checked_file(ws: Workspace, competition: CompetitionConfig, path: Path) -> pd.DataFrame:
    """The rows of a submission; GoodsError that names the file where the contest would not take it."""
    rows = select(load_rows(ws), "test")
    table = read_submission(path, rows)
    nothing = Predictions(np.empty(0, np.int64), np.empty((0, 1), np.int32), np.empty((0, 1), np.float32))
    said: list[Said] = [(space.attribute, Labels.load(space), nothing) for space, _ in parts(ws, competition)]
    try:
        competition_of(competition).submission.check(table, rows, said)
    except GoodsError as error:
        raise GoodsError(f"{path}: {error}") from None
    return table


@dataclass(frozen=True)
class Difference:
    """Cards of which two submissions say another class: how many, how many of those within one parent, how many more
    below one top node; and the right answers that the second is expected to have more, by `experiment`'s
    probabilities."""

    target: str
    cards: int
    differ: int
    same_parent: int
    same_top: int
    gain: float
    experiment: str

    def __str__(self) -> str:
        rest = self.differ - self.same_parent - self.same_top
        return (
            f"{self.target}: {self.differ} of {self.cards} labels differ ({self.differ / self.cards:.1%}): "
            f"{self.same_parent} within one parent, {self.same_top} more below one top node, {rest} across the tree\n"
            f"expected gain of the second, by the probabilities of {self.experiment}: {self.gain:+.2f} right answers "
            f"({self.gain / self.cards:+.2%} of the cards)"
        )


def compare(
    ws: Workspace, competition: CompetitionConfig, experiment: str, first: Path, second: Path
) -> list[Difference]:
    """Where the second submission differs from the first, by target; classes only."""
    rows = select(load_rows(ws), "test")
    said: list[Said] = []
    for space, _ in parts(ws, competition):
        finished_report(space, experiment)
        found = Predictions.load(space.run(experiment).test).aligned(rows.product_id.to_numpy())
        said.append((space.attribute, Labels.load(space), found))
    submission = competition_of(competition).submission
    ids = submission.table(rows, said).iloc[:, 0]
    tables = [in_order(checked_file(ws, competition, path), ids) for path in (first, second)]
    return [difference(submission, tables, one, experiment) for one in said]


def in_order(table: pd.DataFrame, ids: pd.Series) -> pd.DataFrame:
    return table.set_index(table.columns[0], drop=False).loc[ids]


def difference(submission: Submission, tables: list[pd.DataFrame], said: Said, experiment: str) -> Difference:
    name, labels, predictions = said
    a, b = (submission.classes(table, name, labels) for table in tables)
    other = np.flatnonzero(a != b)
    above = [(labels.nodes[a[i]][:-1], labels.nodes[b[i]][:-1]) for i in other]
    parent = np.array([x == y and len(x) > 0 for x, y in above], bool)
    top = np.array([labels.nodes[a[i]][0] == labels.nodes[b[i]][0] for i in other], bool) & ~parent
    gain = float((predictions.proba_of(b[:, None]) - predictions.proba_of(a[:, None]))[other].sum())
    return Difference(name, len(a), len(other), int(parent.sum()), int(top.sum()), gain, experiment)
