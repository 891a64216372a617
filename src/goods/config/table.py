"""How a table of products becomes a competition: the section `table` of competition.yaml (docs/own-contest.md)."""

from __future__ import annotations

import re
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from goods.config.base import Strict
from goods.config.refusals import refused
from goods.core.meant import among

Columns = str | tuple[str, ...]
ID, TARGET, CONFIDENCE = (
    "id",
    "target",
    "confidence",
)  # what a column of a submission holds, or a target's name


class Files(Strict):
    """Names below the data folder: a file, a pattern such as parts/*.csv, a folder of parts, or a list of these."""

    train: Columns = Field(description="labelled cards")
    test: Columns = Field(description="cards to label")
    validation: Columns | None = Field(None, description="more labelled cards, used as those of train")
    unlabelled: Columns | None = Field(
        None,
        description="cards without a label that are not asked for: seen by what learns without labels alone",
    )


class TextFormat(Strict):
    """How CSV files are written; what is not said is found out of each."""

    separator: str | None = Field(None, min_length=1, max_length=1)
    encoding: str | None = Field(None, description="such as utf-8, cp1251, cp1252, utf-16")
    quote: str | None = Field(None, max_length=1, description="sign around cells; '' for none")


class LabelFile(Strict):
    """Targets of the train cards in a file of their own."""

    file: Columns
    key: str | None = Field(None, description="column of both files that joins them; none: row by row")


class CategoryTree(Strict):
    """Where a class lies in a tree of categories: one of three ways. Without any classes are known by their names."""

    column: str | None = Field(None, description="column of paths, such as Home > Kitchen > Cups")
    separator: str = Field(">", min_length=1, description="between the names of a path")
    columns: tuple[str, ...] = Field((), description="a column for each level, from the top")
    file: str | None = Field(None, description="CSV file of all categories, those without a card too")
    id: str = Field("id", description="the file's column of ids, which targets are of")
    title: str = Field("title", description="the file's column of names")
    parent: str = Field("parent_id", description="the file's column of the ids of parents")
    key: str | None = Field(
        None,
        description="the file's column that parents are of, where targets are of another, such as names; none: id",
    )

    @property
    def node(self) -> tuple[str, ...]:
        """The file's columns: of ids, names, parents and, where parents are not of ids, of what they are of."""
        return self.id, self.title, self.parent, *([] if self.key is None else [self.key])

    @model_validator(mode="after")
    def one_way(self) -> Self:
        if sum(map(bool, (self.column, self.columns, self.file))) != 1:
            raise ValueError("name one of column, columns and file")
        return self


class SubmissionFormat(Strict):
    """`columns`: name in the submission → what it holds, in order: id, target (of several their names) or
    confidence."""

    columns: dict[str, str] = Field({}, description="empty: the id's and the targets' columns by their names")
    csv: bool | None = Field(
        None,
        description="whether result.csv is written beside result.parquet; none: where the test file is CSV",
    )
    separator: str = Field(",", min_length=1, max_length=1)
    header: bool = True
    encoding: str = Field("utf-8", description="of result.csv, such as cp1251")
    sample: str | None = Field(
        None, description="the contest's own example: its columns and ids are required, its order taken"
    )

    @field_validator("encoding")
    @classmethod
    def known_encoding(cls, encoding: str) -> str:
        try:
            "".encode(encoding)
        except LookupError:
            raise ValueError("is no encoding; write such as utf-8, cp1251, cp1252") from None
        return encoding


class TableConfig(Strict):
    files: Files
    format: TextFormat = Field(default_factory=lambda: TextFormat.model_validate({}))
    labels: LabelFile | None = None
    id: str | None = Field(
        None,
        description="column of ids, whole numbers or texts; none: rows are numbered, those of test from 0",
    )
    title: Columns | None = None
    description: Columns | None = None
    attributes: Columns | None = Field(
        None,
        description="column of JSON, of name: value texts, of lists of structs or of plain text; or a list of columns",
    )
    shop: Columns | None = Field(None, description="shop or brand")
    numbers: tuple[str, ...] = Field((), description="columns of numbers kept beside the text, such as price")
    categories: tuple[str, ...] = Field((), description="columns of few values kept beside the text")
    photo: str | None = Field(
        None,
        description="column of paths or names, or a pattern such as {sku}.jpg; none: photos are found by id",
    )
    target: str | tuple[str, ...] | dict[str, str] = Field(
        description="column of classes; of several targets a list of columns, or name: column"
    )
    tree: CategoryTree | None = None
    submission: SubmissionFormat = Field(default_factory=lambda: SubmissionFormat.model_validate({}))

    @property
    def targets(self) -> dict[str, str]:
        """Name of each target → its column."""
        if isinstance(self.target, str):
            return {TARGET: self.target}
        return dict(self.target) if isinstance(self.target, dict) else {name: name for name in self.target}

    @property
    def several(self) -> bool:
        return not isinstance(self.target, str)

    @field_validator("target", mode="before")
    @classmethod
    def target_that_is_named(cls, target: Any) -> Any:
        if target in (None, "", [], {}):
            raise ValueError("is empty; name the column of the classes")
        return target

    @model_validator(mode="after")
    def can_be_read(self) -> Self:
        wrong: list[str] = []
        if odd := [name for name in self.targets if not re.fullmatch(r"[\w-]+", name)]:
            wrong.append(f"target {odd[0]!r} cannot name a folder; write target: {{name: {odd[0]!r}}}")
        if self.several and (taken := {ID, TARGET, CONFIDENCE} & self.targets.keys()):
            wrong.append(f"a target of several cannot be called {min(taken)!r}; name it otherwise")
        if self.several and self.tree:
            wrong.append("a tree is of a single target")
        if not any((self.title, self.description, self.attributes)):
            wrong.append("none of title, description and attributes is named: there is no text to read")
        read = {*self.numbers, *self.categories}
        read.update(*map(listed, (self.title, self.description, self.attributes, self.shop)))
        if self.labels is None and (given := [column for column in self.targets.values() if column in read]):
            wrong.append(f"column {given[0]!r} is a target and read as a part of the cards; leave it in one")
        wrong += [
            f"column {column!r} is of two targets, {names[0]} and {names[1]}; leave one out"
            for column in dict.fromkeys(self.targets.values())
            if len(names := [name for name, of in self.targets.items() if of == column]) > 1
        ]
        if self.id is None and ID in self.targets.values() and not self.submission.columns:
            wrong.append(
                f"{ID!r} would hold the row's number and a target; name both as submission.columns, such as "
                f"{{row: {ID}, answer: {next(name for name, of in self.targets.items() if of == ID)}}}"
            )
        known = {ID, CONFIDENCE, *self.targets}
        if unknown := set(self.submission.columns.values()) - known:
            wrong.append(
                f"submission.columns holds {min(unknown)!r}; known are {among(min(unknown), sorted(known))}"
            )
        if wrong:
            raise refused("table", [((), self.target, text) for text in wrong])
        return self


def listed(columns: Columns | None) -> tuple[str, ...]:
    return () if columns is None else (columns,) if isinstance(columns, str) else columns


Split = Literal["train", "test", "unlabelled"]
