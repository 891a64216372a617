"""What a reader returns, and the checks all readers share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from goods.cards.fields import is_nothing, plain_value
from goods.cards.labels import Kind
from goods.cards.literals import TooDeep
from goods.cards.table import Issues
from goods.cards.text import MAX_CHARS
from goods.competitions.arrow import columns_of, frame_of, plain, read_columns, told
from goods.core.errors import GoodsError
from goods.core.ids import Id, plain_id
from goods.core.numbers import ROUNDED, whole_number
from goods.core.wording import rows_told

DEEPEST = 100  # levels of a tree of categories: paths of each category are held, and deeper ones are a fault
Owned = tuple[np.ndarray, np.ndarray]  # row of the card int64 [m] that each vector of float32 [m, d] is of


class CategoryPath(NamedTuple):
    """Where a category lies in the tree: node ids and names from below the root down to it."""

    nodes: tuple[str, ...]
    names: tuple[str, ...]
    is_leaf: bool


@dataclass
class Raw:
    """Cards with `category_id` (-1 in test, null where categories are texts) in place of `target` and no images yet;
    a column `photo`, if there, holds the path or name of each card's photo, which is else found by the card's id.

    `tree` maps each category id to its path; empty where the contest has none: a category is known by its id. Where
    attributes are asked for, cards have their class names in `target_<name>` columns (null where unknown) in place of
    `category_id`, and `targets` holds the classes of each. `kinds`: of an attribute, or of the single "target", whose
    classes are flags, floats or dates in the files and texts here. `warnings`: what the files' columns give cause to
    look at.
    """

    cards: pd.DataFrame
    tree: dict[Id, CategoryPath]
    issues: Issues
    targets: Mapping[str, tuple[Id, ...]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    kinds: Mapping[str, Kind] = field(default_factory=dict)


@dataclass
class RawPairs:
    """Cards as everywhere (title is the name, no target) and with what only matching reads: `colours`, `levels` and
    `characteristics` as JSON, `price`; pairs with product_id (their number), split, variantid1, variantid2, category
    (cat3_grouped of the first product) and target; embeddings by kind; warnings as those of Raw."""

    cards: pd.DataFrame
    pairs: pd.DataFrame
    embeddings: dict[str, Owned]
    issues: Issues
    warnings: list[str] = field(default_factory=list)


@dataclass
class Described:
    """What a file of new products tells besides their names: columns that only matching reads, and what reads the
    embeddings, per kind, once they are wanted."""

    columns: dict[str, pd.Series]
    embeddings: Callable[[], dict[str, Owned]]


def read_table(path: Path, required: dict[str, str], optional: dict[str, str] | None = None) -> pd.DataFrame:
    """A parquet file, or a folder of its parts, with its columns checked. Kinds: 'int', 'str', 'bool', 'json' (a text
    or a nested value) or 'any', in whatever type they were written.

    Missing optional columns come back as null. Raises GoodsError naming file, column and mend.
    """
    if not path.exists():
        raise GoodsError(
            f"{path}: missing; put the contest's {path.name} there or name its folder with --data DIR"
        )
    names = columns_of(path)
    missing = [c for c in required if c not in names]
    if missing:
        raise GoodsError(
            f"{path}: column {missing[0]!r} is missing (it has {told(names)}); "
            "give the contest's own file or rename the column"
        )
    wanted = {**required, **{c: k for c, k in (optional or {}).items() if c in names}}
    table = read_columns(path, list(wanted))
    table = pa.table({column: plain(table[column], column, kind, path) for column, kind in wanted.items()})
    frame = frame_of(table, path)
    for column in optional or {}:
        if column not in frame:
            frame[column] = None
    if frame.empty:
        raise GoodsError(f"{path}: holds no rows; give a file with at least one")
    return frame


def integer_ids(frame: pd.DataFrame, column: str, path: Path) -> pd.Series:
    """int64 values of an id column; null or fractional ones, and floats that skip whole numbers, are refused with
    their row."""
    values = frame[column]
    if values.dtype.kind == "i":
        return values.astype("int64")
    check_filled(values, values.isna().to_numpy(bool), path, "give that row a whole number")
    as_float = values.astype("float64")
    bad = as_float % 1 != 0
    if values.dtype.kind == "f":
        bad |= as_float.abs() >= 2.0**63
    if bad.any():
        raise GoodsError(
            f"{path}: row {int(bad.to_numpy().argmax())}: {column!r} is not a whole number; mend that row"
        )
    if values.dtype.kind != "f":
        beyond = (values > 2**63 - 1) | (values < -(2**63))
        for row in np.flatnonzero(beyond.to_numpy(bool))[:1].tolist():
            try:
                whole_number(str(values.iloc[row]))
            except ValueError as problem:
                raise GoodsError(f"{path}: row {row}: {column!r} {values.iloc[row]} {problem}") from None
    else:
        rounded = as_float.abs() >= 2.0 ** (np.finfo(str(values.dtype)).nmant + 1)
        if rounded.any():
            row = int(rounded.to_numpy().argmax())
            raise GoodsError(f"{path}: row {row}: {column!r} {as_float[row]:.0f} {ROUNDED}")
    return values.astype("int64")


def check_filled(column: pd.Series, empty: np.ndarray, path: Path, mend: str) -> None:
    """GoodsError with the `mend` naming the first row of the column that is `empty` bool [n]."""
    if empty.any():
        raise GoodsError(f"{path}: row {int(empty.argmax())}: {column.name!r} is empty; {mend}")


def require_unique(ids: pd.Series, column: str, path: Path) -> None:
    """GoodsError naming an id that stands in several rows, how many, and the first of them."""
    if not ids.is_unique:
        twice = ids[ids.duplicated()].iloc[0]
        rows = rows_told(ids.index[ids == twice])
        raise GoodsError(
            f"{path}: {column} {twice} occurs more than once, in {rows}; drop the duplicate rows"
        )


def require_disjoint(train: pd.Series, test: pd.Series, column: str, *files: Path) -> None:
    """GoodsError naming an id of both `files`, those of the train and of the test cards, in one folder."""
    both = train[train.isin(test)]
    if len(both):
        raise GoodsError(
            f"{files[0].parent}: {column} {both.iloc[0]} is in {' and in '.join(file.name for file in files)}; "
            "leave it in one"
        )


def answers_in(path: Path, column: str) -> list[str]:
    """As `answers_told`, of a parquet file that may have the column."""
    if column not in columns_of(path):
        return []
    try:
        return answers_told(read_table(path, {column: "any"})[column].tolist(), column, path)
    except (GoodsError, TooDeep):  # nothing looks at them
        return []


def answers_told(cells: list[Any], column: str, path: Path) -> list[str]:
    """A warning where a test file holds classes in the column that train cards have theirs in; one value that stands in
    all rows holds a place."""
    there = [str(cell) for cell in map(plain_value, cells) if not is_nothing(cell)]
    if len(set(there)) < 2:
        return []
    return [
        f"{path.name} has classes in {column!r} too, in {len(there)} of {len(cells)} rows: nothing looks at them; give "
        "rows whose class is known as train cards, and look whether it is the right file"
    ]


def clip_text(cards: pd.DataFrame, fields: tuple[str, ...], issues: Issues) -> None:
    """Cut texts of more than MAX_CHARS and note empty titles, in place; `cards` have `product_id` and the `fields`."""
    for name in fields:
        long = cards[name].str.len() > MAX_CHARS
        cards[name] = cards[name].str.slice(stop=MAX_CHARS)
        for product_id in cards.product_id[long]:
            issues.add(product_id, name, f"longer than {MAX_CHARS} characters", "cut")
    for product_id in cards.product_id[cards.title == ""]:
        issues.add(product_id, "title", "empty title", "predicted from the other fields")


def tree_from_names(
    category_id: pd.Series, category_name: pd.Series, path: Path, separator: str = "->"
) -> dict[Id, CategoryPath]:
    """A tree from "root->A->B" names, aligned with their ids; a node is known by its path, the class by its contest id.
    A root that all names share is left out. GoodsError where a name is missing, an id has two, or one has more than
    DEEPEST levels."""
    pairs = pd.DataFrame({"id": category_id, "name": category_name}).drop_duplicates()
    if pairs.name.isna().any():
        raise GoodsError(
            f"{path}: column 'category_name' has nulls and there is no categories_tree.csv; give one"
        )
    if pairs.id.duplicated().any():
        twice = pairs.id[pairs.id.duplicated()].iloc[0]
        raise GoodsError(f"{path}: category_id {twice} has two different category_name values; mend them")
    split = [
        [part for part in map(str.strip, name.split(separator)) if part] or [str(id_)]
        for id_, name in zip(pairs.id, pairs.name, strict=True)
    ]
    deep = pairs.id[[len(parts) > DEEPEST for parts in split]]
    if len(deep):
        raise GoodsError(
            f"{path}: the name of category {deep.iloc[0]} has more than {DEEPEST} levels; mend it"
        )
    rooted = len({parts[0] for parts in split}) == 1
    paths = {
        id_: tuple(parts[1:] if rooted else parts) or (parts[0],)
        for id_, parts in zip(pairs.id, split, strict=True)
    }
    times = Counter(paths.values())
    known = {names: str(id_) for id_, names in paths.items() if times[names] == 1}
    tree: dict[Id, CategoryPath] = {}
    for id_, names in paths.items():
        prefixes = [names[: i + 1] for i in range(len(names) - 1)]
        nodes = [
            known.get(prefix, "->".join(prefix)) for prefix in prefixes
        ]  # a category may lie above another
        tree[plain_id(id_)] = CategoryPath((*nodes, str(id_)), names, is_leaf=True)
    return tree
