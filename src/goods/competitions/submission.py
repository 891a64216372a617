"""What result.parquet of a contest holds: made from predictions, checked before it is written."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from goods.cards.labels import Labels
from goods.competitions.arrow import told
from goods.core.errors import GoodsError
from goods.core.predictions import Predictions

# A target (the competition's name where it has a single one), its classes, what is said.
Said = tuple[str, Labels, Predictions]


@dataclass(frozen=True)
class CsvFormat:
    separator: str = ","
    header: bool = True
    encoding: str = "utf-8"

    @property
    def options(self) -> dict[str, Any]:
        """Of pandas' `to_csv`."""
        return {"sep": self.separator, "header": self.header, "encoding": self.encoding}


class Submission(ABC):
    csv: CsvFormat | None = None  # where the contest takes a CSV file, which is written beside result.parquet

    @abstractmethod
    def table(self, rows: pd.DataFrame, said: list[Said]) -> pd.DataFrame:
        """The rows of the file, in the order of the test `rows`; predictions are in the same order."""

    @abstractmethod
    def check(self, table: pd.DataFrame, rows: pd.DataFrame, said: list[Said]) -> None:
        """GoodsError unless the table is what the contest takes."""

    def texts(self, rows: pd.DataFrame, said: list[Said]) -> list[str]:
        """Columns of texts, which a CSV file may show as numbers: "007"."""
        return []

    def id_columns(self) -> list[str]:
        """Columns of the test rows' ids."""
        return []

    def names(self) -> list[str]:
        """Columns of a CSV file that has no header."""
        return []

    def asked(self, said: list[Said]) -> list[Said]:
        """What is said of the targets that the file has columns of."""
        return said

    def classes(self, table: pd.DataFrame, target: str, labels: Labels) -> np.ndarray:
        """int [n] class of each row that a checked table says of a target."""
        raise GoodsError(
            "--compare: this contest's submissions say no classes, so there is nothing to compare by the "
            "tree; leave it out"
        )

    def with_confidence(self, rows: pd.DataFrame, said: list[Said]) -> pd.DataFrame:
        """The table of new cards, how sure each answer is beside it."""
        return self.table(rows, said)


@dataclass(frozen=True)
class ClassIds(Submission):
    """One int64 row per test card: its id and the contest's id of its class."""

    id: str
    target: str

    def id_columns(self) -> list[str]:
        return [self.id]

    def table(self, rows: pd.DataFrame, said: list[Said]) -> pd.DataFrame:
        _, labels, predictions = said[0]
        return pd.DataFrame({self.id: predictions.product_id, self.target: class_ids(predictions, labels)})

    def with_confidence(self, rows: pd.DataFrame, said: list[Said]) -> pd.DataFrame:
        return self.table(rows, said).assign(confidence=said[0][2].proba[:, 0])

    def classes(self, table: pd.DataFrame, target: str, labels: Labels) -> np.ndarray:
        return pd.Index(labels.ids).get_indexer(pd.Index(table[self.target]))

    def check(self, table: pd.DataFrame, rows: pd.DataFrame, said: list[Said]) -> None:
        require_columns(table, [self.id, self.target])
        require_ids(table, self.id, rows.product_id)
        require_answers(table[self.target], said[0][1])
        if table[self.target].dtype != np.int64:
            raise GoodsError(
                f"submission column {self.target!r} is {table[self.target].dtype}, expected int64; write the "
                f"contest's ids of classes, such as {said[0][1].ids[0]}"
            )
        unknown = set(table[self.target].tolist()) - set(said[0][1].ids)
        if unknown:
            raise GoodsError(
                f"submission: category {min(unknown)} is neither a train card's nor a leaf of the tree; "
                "write the contest's ids of classes"
            )


def require_answers(answers: pd.Series, labels: Labels) -> None:
    """GoodsError where a cell of a submission's column of classes is empty."""
    empty = answers.index[answers.isna()]
    if len(empty):
        raise GoodsError(
            f"submission: {answers.name} of row {empty[0]} is empty, expected a class such as "
            f"{labels.example}"
        )


@dataclass(frozen=True)
class ClassProbabilities(Submission):
    """The card's id, then a float32 column per class, named by `prefix` and the contest's id of it: probabilities that
    sum to 1. What a prediction leaves of 1 is shared by the classes that it gives nothing."""

    id: str
    prefix: str = ""

    def id_columns(self) -> list[str]:
        return [self.id]

    def table(self, rows: pd.DataFrame, said: list[Said]) -> pd.DataFrame:
        _, labels, predictions = said[0]
        proba = predictions.dense(labels.n_classes)
        table = pd.DataFrame(proba, columns=self._columns(labels))
        table.insert(0, self.id, rows.product_id.array)
        return table

    def texts(self, rows: pd.DataFrame, said: list[Said]) -> list[str]:
        return text_ids(self.id, rows)

    def check(self, table: pd.DataFrame, rows: pd.DataFrame, said: list[Said]) -> None:
        columns = self._columns(said[0][1])
        require_columns(table, [self.id, *columns])
        require_ids(table, self.id, rows.product_id)
        proba = table[columns].to_numpy()
        if not ((proba >= 0) & (proba <= 1)).all() or (np.abs(proba.sum(1) - 1) > 1e-3).any():
            raise GoodsError(
                "submission: the probabilities of a card are outside 0 … 1 or do not sum to 1; scale them"
            )

    def _columns(self, labels: Labels) -> list[str]:
        return [f"{self.prefix}{id_}" for id_ in labels.ids]


@dataclass(frozen=True)
class Attributes(Submission):
    """The card's id, then each attribute's class name and, float32 beside it, how sure it is."""

    id: str

    def id_columns(self) -> list[str]:
        return [self.id]

    def table(self, rows: pd.DataFrame, said: list[Said]) -> pd.DataFrame:
        table = pd.DataFrame({self.id: said[0][2].product_id})
        for name, labels, predictions in said:
            table[name] = np.array(labels.names, dtype=object)[predictions.classes[:, 0]]
            table[f"{name}_confidence"] = predictions.proba[:, 0]
        return table

    def texts(self, rows: pd.DataFrame, said: list[Said]) -> list[str]:
        return [*text_ids(self.id, rows), *(name for name, *_ in said)]

    def classes(self, table: pd.DataFrame, target: str, labels: Labels) -> np.ndarray:
        return pd.Index(labels.names).get_indexer(pd.Index(table[target]))

    def check(self, table: pd.DataFrame, rows: pd.DataFrame, said: list[Said]) -> None:
        require_columns(table, [self.id, *(c for name, *_ in said for c in (name, f"{name}_confidence"))])
        require_ids(table, self.id, rows.product_id)
        for name, labels, _ in said:
            unknown = set(table[name]) - set(labels.names)
            if unknown:
                raise GoodsError(
                    f"submission: {min(unknown, key=str)!r} is no class of {name}; write one of "
                    f"{', '.join(map(repr, labels.names[:5]))}"
                )
            if not table[f"{name}_confidence"].between(0, 1 + 1e-5).all():
                raise GoodsError(f"submission: {name}_confidence is outside 0 … 1; scale it")


@dataclass(frozen=True)
class PairScores(Submission):
    """Both products of a pair, in the order of the test pairs, and the probability that they are the same."""

    ids: tuple[str, str]
    target: str

    def id_columns(self) -> list[str]:
        return list(self.ids)

    def table(self, rows: pd.DataFrame, said: list[Said]) -> pd.DataFrame:
        score = said[0][2].proba_of(1)
        return pd.DataFrame({**{name: rows[name].to_numpy() for name in self.ids}, self.target: score})

    def check(self, table: pd.DataFrame, rows: pd.DataFrame, said: list[Said]) -> None:
        require_columns(table, [*self.ids, self.target])
        for name in self.ids:
            if table[name].dtype != np.int64 or not np.array_equal(table[name], rows[name]):
                raise GoodsError(
                    f"submission: column {name} is not that of the test pairs; keep their ids and their order"
                )
        if not table[self.target].between(0, 1).all():
            raise GoodsError(f"submission: a score in {self.target!r} is outside 0 … 1; scale them")


def text_ids(column: str, rows: pd.DataFrame) -> list[str]:
    """The column of ids, where those of the test `rows` are texts."""
    return [] if pd.api.types.is_integer_dtype(rows.product_id) else [column]


def class_ids(predictions: Predictions, labels: Labels) -> np.ndarray:
    """int64 [n] contest ids of the classes to submit."""
    return np.array(labels.ids, np.int64)[predictions.classes[:, 0]]


def require_columns(table: pd.DataFrame, expected: list[str]) -> None:
    """GoodsError unless the columns are those, in their order."""
    there = [str(column) for column in table.columns]
    if there == expected:
        return
    mend = f"write {told(expected)}, in this order"
    if lacking := [column for column in expected if column not in there]:
        raise GoodsError(f"submission: column {lacking[0]!r} is missing (it has {told(there)}); {mend}")
    if more := [column for column in there if column not in expected]:
        raise GoodsError(
            f"submission: column {more[0]!r} is one too many (it has {told(there)}); {mend} and none beside them (a "
            "table's row numbers: to_csv(index=False))"
        )
    raise GoodsError(f"submission: its columns are {told(there)}; {mend}")


def require_ids(table: pd.DataFrame, column: str, ids: pd.Series) -> None:
    """Raise unless there is one row per test id, as the ids are: int64, or text."""
    if table[column].dtype != ids.dtype:
        kind = "whole numbers" if pd.api.types.is_integer_dtype(ids) else "texts"
        raise GoodsError(
            f"submission column {column!r} is {table[column].dtype}, expected {ids.dtype}; write the test cards' ids, "
            f"which are {kind} such as {ids.iloc[0]}"
        )
    if not table[column].is_unique:
        raise GoodsError(
            f"submission: {column!r} {table[column][table[column].duplicated()].iloc[0]} occurs twice; give "
            "each test card once"
        )
    if set(table[column].tolist()) != set(ids.tolist()):
        lacking, more = ids[~ids.isin(table[column])], table[column][~table[column].isin(ids)]
        odd = f"{lacking.iloc[0]} is missing" if len(lacking) else f"{more.iloc[0]} is no test card's"
        raise GoodsError(
            f"submission: the ids are not exactly those of the test cards, {odd}; give each test card one row"
        )
