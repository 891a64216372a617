"""What about the files of an unknown contest should be looked at."""

from __future__ import annotations

from goods.competitions.guess import Guess
from goods.competitions.guess_columns import Column

EMPTY = 0.4  # share of a text's cells that may be empty without a word
MANY = 0.5  # classes per card from which on they look like ids

Columns = dict[str, Column]


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
