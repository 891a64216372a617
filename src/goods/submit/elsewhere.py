"""Submissions made elsewhere: whether the contest takes one, and where two of them differ.

reads: prepared/, runs/<experiment>/ test.npz, the files
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from goods.cards.labels import Labels
from goods.cards.table import select
from goods.competitions.dialect import SEPARATORS, code_page_of
from goods.competitions.loading import competition_of
from goods.competitions.submission import CsvFormat, Said, Submission
from goods.config.competition import CompetitionConfig
from goods.core.errors import GoodsError
from goods.core.folders import check_is_file
from goods.core.ids import as_whole
from goods.core.predictions import Predictions
from goods.core.wording import count, in_a_line
from goods.core.workspace import Workspace
from goods.prepare.prepared import parts
from goods.problems.kinds import load_rows
from goods.submit.stage import said_of


def checked_file(ws: Workspace, competition: CompetitionConfig, path: Path) -> pd.DataFrame:
    """The rows of a submission; GoodsError that names the file where the contest would not take it."""
    rows = select(load_rows(ws), "test")
    nothing = Predictions(np.empty(0, np.int64), np.empty((0, 1), np.int32), np.empty((0, 1), np.float32))
    said: list[Said] = [(space.attribute, Labels.load(space), nothing) for space, _ in parts(ws, competition)]
    submission = competition_of(competition).submission
    table = read_submission(path, submission, submission.texts(rows, said))
    if table.empty:
        raise GoodsError(f"{path}: holds no rows; give one for each of the {count(len(rows), 'test row')}")
    for column in submission.id_columns():
        if column in table and pd.api.types.is_integer_dtype(rows.product_id):
            table[column] = as_whole(table[column])
    try:
        submission.check(table, rows, said)
    except GoodsError as error:
        raise GoodsError(f"{path}: {error}") from None
    return table


def read_submission(path: Path, submission: Submission, texts: list[str]) -> pd.DataFrame:
    """A .parquet file, or a .csv as the contest asks for it, whose columns `texts` stay as they are written; GoodsError
    where it is none."""
    kind = path.suffix.lower()
    check_is_file(path, "a .parquet or .csv file")
    if kind not in (".parquet", ".csv"):
        raise GoodsError(f"{path}: expected .parquet or .csv")
    try:
        return pd.read_parquet(path) if kind == ".parquet" else read_csv(path, submission, texts)
    except (OSError, ValueError) as error:
        raise GoodsError(f"{path}: not readable ({in_a_line(error)}); write it again") from None


def read_csv(path: Path, submission: Submission, texts: list[str]) -> pd.DataFrame:
    """In the contest's encoding; where that is UTF-8, in the code page that its letters speak for if it is not."""
    csv, content = submission.csv or CsvFormat(), path.read_bytes()
    table = pd.read_csv(
        io.BytesIO(content),
        encoding=encoding_of(content) if csv.encoding == CsvFormat.encoding else csv.encoding,
        sep=csv.separator,
        header=0 if csv.header else None,
        names=None if csv.header else submission.names(),
        index_col=False,
        dtype=dict.fromkeys(texts, "str"),
        keep_default_na=False,  # "NA" may be an id
        na_values=[""],
    )
    only = str(table.columns[0])
    other = [sign for sign in SEPARATORS if sign != csv.separator and sign in only]
    if len(table.columns) == 1 and other:
        raise GoodsError(f"{path}: its columns are divided by {other[0]!r}, expected {csv.separator!r}")
    return table


def encoding_of(content: bytes) -> str:
    try:
        content.decode()
    except UnicodeDecodeError:
        return code_page_of(content) or "utf-8"
    return "utf-8"


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
            f"{self.target}: {self.differ} of {count(self.cards, 'label')} differ ({self.differ / self.cards:.1%}): "
            f"{self.same_parent} within one parent, {self.same_top} more below one top node, {rest} across the tree\n"
            f"expected gain of the second, by the probabilities of {self.experiment}: {self.gain:+.2f} right answers "
            f"({self.gain / self.cards:+.2%} of the cards)"
        )


def compare(
    ws: Workspace, competition: CompetitionConfig, experiment: str, first: Path, second: Path
) -> list[Difference]:
    """Where the second submission differs from the first, by target; classes only."""
    rows = select(load_rows(ws), "test")
    submission = competition_of(competition).submission
    said = submission.asked(said_of(ws, competition, experiment, rows))
    own = submission.table(rows, said)
    submission.classes(own, *said[0][:2])  # GoodsError, before anything is read, where they say none
    tables = [checked_file(ws, competition, path) for path in (first, second)]
    for column in submission.id_columns()[:1]:  # without ids rows are in the order of the test cards
        tables = [table.set_index(column, drop=False).loc[own[column]] for table in tables]
    return [difference(submission, tables, one, experiment) for one in said]


def difference(submission: Submission, tables: list[pd.DataFrame], said: Said, experiment: str) -> Difference:
    name, labels, predictions = said
    a, b = (submission.classes(table, name, labels) for table in tables)
    other = np.flatnonzero(a != b)
    above = [(labels.nodes[a[i]][:-1], labels.nodes[b[i]][:-1]) for i in other]
    parent = np.array([x == y and len(x) > 0 for x, y in above], bool)
    top = np.array([labels.nodes[a[i]][0] == labels.nodes[b[i]][0] for i in other], bool) & ~parent
    gain = float((predictions.proba_of(b[:, None]) - predictions.proba_of(a[:, None]))[other].sum())
    return Difference(name, len(a), len(other), int(parent.sum()), int(top.sum()), gain, experiment)
