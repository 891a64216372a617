"""What of the files of an unknown contest cannot be, and what of them should be looked at."""

from __future__ import annotations

import re

from goods.competitions.arrow import told
from goods.competitions.guess.columns import Column, Columns
from goods.competitions.guess.files import Source, Sources
from goods.competitions.guess.guess import Guess
from goods.competitions.table_files import TEXT, suffix_of
from goods.competitions.table_values import float_of
from goods.core.errors import GoodsError

NUMBER = re.compile(r"\s*[-+]?\d")
NUMBERS = 0.9  # share of a column's cells that are numbers, where it is one of these
EMPTY = 0.4  # share of a text's cells that may be empty without a word
MANY = 0.5  # classes per card from which on they look like ids


def check_header(source: Source, columns: Columns) -> None:
    """GoodsError where the first line looks like a card: each column of numbers is called by a number, or one of few
    values by one of them."""
    file = source.table.parts[0]
    if suffix_of(file) not in TEXT or not is_card(list(columns), list(columns.values())):
        return
    raise GoodsError(
        f"{file}: its first line looks like a card, not like the names of columns ({told(list(columns))}); write a "
        "line of names above it"
    )


def is_card(names: list[str], columns: list[Column]) -> bool:
    if names == [str(i) for i in range(len(names))]:  # as pandas calls columns without a name
        return False
    numeric = [column for column in columns if column.numeric > NUMBERS]
    if numeric:
        return all(NUMBER.match(column.name) and float_of(column.name) is not None for column in numeric)
    return any(column.name in column.words and column.values < len(column.there) for column in columns)


def check_shared(sources: Sources, train: Columns, test: Columns) -> None:
    """GoodsError where train and test have the same columns but for how their names are written, or none at all."""
    alike = {name.casefold(): name for name in test}
    pairs = [
        (name, alike[name.casefold()]) for name in train if name not in test and name.casefold() in alike
    ]
    where = sources.of["test"].table.where
    if pairs:
        named = ", ".join(f"{one!r} as {other!r}" for one, other in pairs[:3])
        raise GoodsError(
            f"{where}: writes names of columns of train otherwise ({named}); write them alike in both"
        )
    if not set(train) & set(test):
        raise GoodsError(
            f"{where}: has no column of train by its name; train has {', '.join(map(repr, list(train)[:10]))}: call "
            "the same columns alike in both"
        )


def warnings_of(train: Columns, test: Columns, answers: Columns, made: Guess) -> list[str]:
    """One line for each; what was guessed is not changed by it."""
    found = []
    targets = made.section.get("target") or []
    for name in [targets] if isinstance(targets, str) else targets:
        column = answers.get(name) or train[name]
        if column.values > MANY * len(column.there):
            found.append(
                f"target {name!r} has {column.values:,} different values in {len(column.there):,} rows: it looks like "
                "an id or a number, not like a class"
            )
        if sign := column.divides_classes:
            found.append(
                f"target {name!r} holds several values in a cell, divided by {sign!r}: each combination counts as a "
                "class; if each value is asked for, write a column of yes and no for it and name these as targets"
            )
        if name in test:
            found.append(f"target {name!r} is in test too: it is no secret there, or not what is asked")
    of_ids = [name for name, column in answers.items() if column.unique]
    found += [f"{name!r} has a value of its own in each row: an id, not a class" for name in of_ids]
    if targets in (None, []) and (both := [n for n, c in train.items() if n in test and c.called("target")]):
        found.append(f"{', '.join(map(repr, both))} may be the target, but test has it too")
    if lost := [name for name in test if name not in train]:
        found.append(f"test has columns that train lacks, which are not used: {', '.join(map(repr, lost))}")
    used = {targets} if isinstance(targets, str) else set(targets)
    tree = made.section.get("tree") or {}
    used |= {tree.get("column"), *tree.get("columns", ())}
    if extra := [name for name in answers if name not in used]:
        found.append(f"not used, as test cards do not have them: {', '.join(map(repr, extra))}")
    for name, column in train.items():
        if column.dates > 0.5 and name in test:
            found.append(f"{name!r} holds dates, which are read as texts: not used")
        if column.values == 1:
            found.append(f"{name!r} is the same in all rows: not used")
        if name in (made.section.get("title"), made.section.get("description")) and column.empty > EMPTY:
            found.append(f"{column.empty:.0%} of the cells of {name!r} are empty")
    return found
