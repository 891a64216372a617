"""Columns that train and test have by different names: what test lacks by name alone is no class."""

from __future__ import annotations

import numpy as np

from goods.competitions.guess.columns import Column, Columns
from goods.competitions.table_values import float_of

SHARED = 0.5  # of the words (values) of the test column that the train column has too
TIMES = 2.0  # by which typical lengths and numbers may differ


def renamed(train: Columns, test: Columns, asked: set[str]) -> dict[str, str]:
    """Column of train → column of test that looks like it, each of which the other file lacks. None of those `asked`
    or called as classes are; none at all where nothing else would be left to be the class."""
    lacking = [c for name, c in train.items() if name not in test]
    others = [c for name, c in test.items() if name not in train]
    found: dict[str, str] = {}
    for column in lacking:
        if column.name in asked or column.called("target"):
            continue
        alike = [other.name for other in others if other.name not in found.values() and like(column, other)]
        if alike:
            found[column.name] = alike[0]
    left = [c for c in lacking if c.name not in found and c.values > 1 and not c.unique]
    return found if left else {}


def like(one: Column, other: Column) -> bool:
    if one.is_text and other.is_text:
        known = {word for words in one.words for word in words.lower().split()}
        met = [word in known for words in other.words for word in words.lower().split()]
        return float(np.mean(met)) >= SHARED and near(one.length, other.length)
    if min(one.numeric, other.numeric) > 0.9 and one.has_fractions == other.has_fractions:
        return near(typical(one), typical(other))
    return False


def typical(column: Column) -> float:
    numbers = [float_of(word) for word in column.words]
    return float(np.median([number for number in numbers if number is not None]))


def near(one: float, other: float) -> bool:
    return max(one, other) <= TIMES * min(one, other)
