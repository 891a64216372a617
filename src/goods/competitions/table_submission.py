"""What a table's contest takes as an answer, as its YAML says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype, is_string_dtype

from goods.cards.labels import Labels
from goods.competitions.submission import (
    CsvFormat,
    Said,
    Submission,
    require_answers,
    require_columns,
    require_ids,
    text_ids,
)
from goods.competitions.table_files import TEXT, suffix_of
from goods.competitions.table_values import class_text
from goods.config.table import CONFIDENCE, ID, TARGET, TableConfig, listed
from goods.core.errors import GoodsError
from goods.core.predictions import Predictions
from goods.core.wording import count

KINDS = {"i": "whole numbers", "f": "numbers", "b": "true and false"}  # of dtypes


@dataclass(frozen=True)
class TableSubmission(Submission):
    """`columns`: name → what it holds: the id, a target (by its name; the single one is "target") or, float32, how sure
    the single one is."""

    columns: dict[str, str]
    csv: CsvFormat | None = None

    @staticmethod
    def of(config: TableConfig) -> TableSubmission:
        said = config.submission
        named = {column: name for name, column in config.targets.items()}
        columns = said.columns or {ID if config.id is None else config.id: ID} | named
        wanted = of_texts(config) if said.csv is None else said.csv
        csv = CsvFormat(said.separator, said.header, said.encoding) if wanted else None
        return TableSubmission(columns, csv)

    def table(self, rows: pd.DataFrame, said: list[Said]) -> pd.DataFrame:
        answers: dict[str, Any] = {ID: rows.product_id.array, CONFIDENCE: said[0][2].proba[:, 0]}
        answers |= {name: answer_of(labels, predictions) for name, labels, predictions in self._named(said)}
        return pd.DataFrame({column: answers[what] for column, what in self.columns.items()})

    def with_confidence(self, rows: pd.DataFrame, said: list[Said]) -> pd.DataFrame:
        sure = {
            CONFIDENCE if name == TARGET else f"{name}_{CONFIDENCE}": predictions.proba[:, 0]
            for name, _, predictions in self._named(said)
        }
        return self.table(rows, said).assign(**sure)

    def texts(self, rows: pd.DataFrame, said: list[Said]) -> list[str]:
        classes = {name for name, labels, _ in self._named(said) if is_string_dtype(labels.written)}
        ids = set(text_ids(ID, rows))
        return [column for column, what in self.columns.items() if what in ids | classes]

    def id_columns(self) -> list[str]:
        return [column for column, what in self.columns.items() if what == ID]

    def names(self) -> list[str]:
        return list(self.columns)

    def check(self, table: pd.DataFrame, rows: pd.DataFrame, said: list[Said]) -> None:
        require_columns(table, list(self.columns))
        for column, what in self.columns.items():
            if what == ID:
                require_ids(table, column, rows.product_id)
        if len(table) != len(rows):
            raise GoodsError(
                f"submission: {count(len(table), 'row')}, expected {len(rows)}; write one for each test card"
            )
        for name, labels, _ in self._named(said):
            for column in (column for column, what in self.columns.items() if what == name):
                check_classes(table[column], column, labels)
        for column in (column for column, what in self.columns.items() if what == CONFIDENCE):
            if not is_numeric_dtype(table[column]) or not table[column].between(0, 1 + 1e-5).all():
                raise GoodsError(f"submission: a value of {column!r} is outside 0 … 1; scale them")
        if self.csv is not None:
            check_encoding(table, self.texts(rows, said), self.csv.encoding)

    def asked(self, said: list[Said]) -> list[Said]:
        """A submission of several targets may leave some out."""
        held = set(self.columns.values())
        return [one for one in said if {TARGET, one[0]} & held]

    def classes(self, table: pd.DataFrame, target: str, labels: Labels) -> np.ndarray:
        column = next(column for column, what in self.columns.items() if what in (TARGET, target))
        return index_of(table[column], labels)

    def _named(self, said: list[Said]) -> list[Said]:
        return [(TARGET, *said[0][1:])] if TARGET in self.columns.values() else said


def of_texts(config: TableConfig) -> bool:
    """Whether the test cards come as CSV, by their files' names: a contest takes what it gives."""
    return all(suffix_of(Path(name)) in TEXT for name in listed(config.files.test))


def check_encoding(table: pd.DataFrame, texts: list[str], encoding: str) -> None:
    """GoodsError where a name of the table, or a cell of its columns of `texts`, has a sign that is not in it."""
    cells = [*table.columns, *(cell for column in texts for cell in table[column].unique().tolist())]
    for cell in cells:
        try:
            cell.encode(encoding)
        except UnicodeEncodeError:
            raise GoodsError(
                f"submission: {cell!r} cannot be written in {encoding}, as table.submission.encoding says; name "
                "another, such as utf-8"
            ) from None


def check_classes(answers: pd.Series, column: str, labels: Labels) -> None:
    """GoodsError where the answers of a submission's column are not the contest's ids of classes."""
    require_answers(answers, labels)
    unknown = answers[index_of(answers, labels) < 0]
    if len(unknown):
        raise GoodsError(
            f"submission: {column} of row {unknown.index[0]} is {unknown.tolist()[0]!r}, expected a class such as "
            f"{labels.example}"
        )
    if labels.are_times:  # of another unit, or of a file without types
        return
    expected = labels.written.dtype
    whole = expected.kind == "f" and answers.dtype.kind == "i"  # as a file without types has them
    if not is_string_dtype(expected) and answers.dtype != expected and not whole:
        raise GoodsError(
            f"submission column {column!r} is {answers.dtype}, expected {expected}; write the contest's classes as "
            f"{KINDS[expected.kind]}, such as {labels.example}"
        )


def index_of(answers: pd.Series, labels: Labels) -> np.ndarray:
    """int [n] class of each of the contest's ids, -1 for what is none."""
    if labels.are_times:
        return pd.Index(labels.written).get_indexer(pd.Index(labels.times(answers)))
    told = answers if labels.kind is None else answers.map(class_text)
    return pd.Index(labels.ids, dtype=object).get_indexer(pd.Index(told, dtype=object))


def answer_of(labels: Labels, predictions: Predictions) -> pd.Series:
    """The contest's ids of the classes to submit, as `Labels.written`."""
    return labels.written.take(predictions.classes[:, 0]).reset_index(drop=True)
