"""What a reader returns, and the checks all readers share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from goods.cards.table import Issues
from goods.cards.text import MAX_CHARS
from goods.core.errors import GoodsError

Owned = tuple[np.ndarray, np.ndarray]  # row of the card int64 [m] that each vector of float32 [m, d] is of


class CategoryPath(NamedTuple):
    """Where a category lies in the tree: node ids and names from below the root down to it."""

    nodes: tuple[str, ...]
    names: tuple[str, ...]
    is_leaf: bool


@dataclass
class Raw:
    """Cards with `category_id` (-1 in test) in place of `target` and no images yet.

    `tree` maps each category id to its path; empty where the contest has none: a category is known by its id. Where
    attributes are asked for, cards have their class names in `target_<name>` columns (null where unknown) in place of
    `category_id`, and `targets` holds the classes of each.
    """

    cards: pd.DataFrame
    tree: dict[int, CategoryPath]
    issues: Issues
    targets: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass
class RawPairs:
    """Cards as everywhere (title is the name, no target) and with what only matching reads: `colours`, `levels` and
    `characteristics` as JSON, `price`; pairs with product_id (their number), split, variantid1, variantid2, category
    (cat3_grouped of the first product) and target; embeddings by kind."""

    cards: pd.DataFrame
    pairs: pd.DataFrame
    embeddings: dict[str, Owned]
    issues: Issues


@dataclass
class Described:
    """What a file of new products tells besides their names: columns that only matching reads, and what reads the
    embeddings, per kind, once they are wanted."""

    columns: dict[str, pd.Series]
    embeddings: Callable[[], dict[str, Owned]]


@contextmanager
def readable(
    path: Path, problem: str = "not a readable parquet file", mend: str = "copy it again"
) -> Iterator[None]:
    """What pyarrow says of a damaged file becomes a GoodsError."""
    try:
        yield
    except (pa.ArrowInvalid, OSError) as error:
        raise GoodsError(f"{path}: {problem} ({str(error).splitlines()[0]}); {mend}") from None


def columns_of(path: Path) -> list[str]:
    """Names of a parquet file's columns, each once."""
    with readable(path):
        names = pq.read_schema(path).names
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise GoodsError(f"{path}: there are several columns {twice[0]!r}; keep one")
    return names


def read_table(path: Path, required: dict[str, str], optional: dict[str, str] | None = None) -> pd.DataFrame:
    """A parquet file with its columns checked: kind is 'int', 'str', 'bool' or 'any'.

    Missing optional columns come back as null. Raises GoodsError naming file, column and mend.
    """
    if not path.is_file():
        raise GoodsError(
            f"{path}: missing; put the contest's {path.name} there or name its folder with --data DIR"
        )
    names = columns_of(path)
    missing = [c for c in required if c not in names]
    if missing:
        raise GoodsError(
            f"{path}: column {missing[0]!r} is missing (it has {', '.join(names)}); "
            "give the contest's own file or rename the column"
        )
    wanted = {**required, **{c: k for c, k in (optional or {}).items() if c in names}}
    with readable(path):
        table = pq.read_table(path, columns=list(wanted))
    for column, kind in wanted.items():
        _check_kind(path, column, kind, table.schema.field(column).type)
        with readable(path, f"column {column!r} is damaged"):
            table[column].validate(full=True)  # text that is not UTF-8 would else be met much later
    frame = table.to_pandas(ignore_metadata=True)  # rows are counted from 0, whatever index was saved
    for column in optional or {}:
        if column not in frame:
            frame[column] = None
    if frame.empty:
        raise GoodsError(f"{path}: holds no rows; give a file with at least one")
    return frame


def _check_kind(path: Path, column: str, kind: str, type_: pa.DataType) -> None:
    is_text = pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_null(type_)
    good = {
        "int": pa.types.is_integer(type_) or pa.types.is_floating(type_),
        "str": is_text,
        "bool": pa.types.is_boolean(type_) or pa.types.is_integer(type_) or pa.types.is_null(type_),
        "any": True,
    }[kind]
    if not good:
        mend = "number them if they are texts" if kind == "int" and is_text else "convert it"
        raise GoodsError(f"{path}: column {column!r} is {type_}, expected {kind}; {mend}")


def integer_ids(frame: pd.DataFrame, column: str, path: Path) -> pd.Series:
    """int64 values of an id column; null or fractional ones are refused with their row."""
    values = frame[column]
    as_float = values.astype("float64")
    bad = values.isna() | (as_float % 1 != 0) | (as_float.abs() >= 2.0**63)
    if bad.any():
        raise GoodsError(
            f"{path}: row {int(bad.to_numpy().argmax())}: {column!r} is not a whole number; mend that row"
        )
    return values.astype("int64")


def require_unique(ids: pd.Series, column: str, path: Path) -> None:
    if not ids.is_unique:
        rows = ids.index[ids.duplicated(keep=False)][:2].tolist()
        twice = ids[ids.duplicated()].iloc[0]
        raise GoodsError(
            f"{path}: {column} {twice} occurs more than once (rows {rows}); drop the duplicate rows"
        )


def require_disjoint(train: pd.Series, test: pd.Series, column: str, *files: Path) -> None:
    """GoodsError naming an id of both `files`, those of the train and of the test cards, in one folder."""
    both = train[train.isin(test)]
    if len(both):
        raise GoodsError(
            f"{files[0].parent}: {column} {both.iloc[0]} is in {' and in '.join(file.name for file in files)}; "
            "a card may be in one only"
        )


def clip_text(cards: pd.DataFrame, fields: tuple[str, ...], issues: Issues) -> None:
    """Cut huge texts and note empty titles, in place."""
    for name in fields:
        long = cards[name].str.len() > MAX_CHARS
        cards[name] = cards[name].str.slice(stop=MAX_CHARS)
        for product_id in cards.product_id[long]:
            issues.add(product_id, name, f"longer than {MAX_CHARS} characters", "cut")
    for product_id in cards.product_id[cards.title == ""]:
        issues.add(product_id, "title", "empty title", "predicted from the other fields")


def read_tree_csv(path: Path) -> dict[int, CategoryPath]:
    """categories_tree.csv (id, title, parent_id) → paths below the root."""
    try:
        nodes = pd.read_csv(path, dtype={"title": "str"})
    except (ValueError, OSError) as error:
        raise GoodsError(f"{path}: not a readable csv file ({str(error).splitlines()[0]})") from None
    for column in ("id", "title", "parent_id"):
        if column not in nodes:
            raise GoodsError(f"{path}: column {column!r} is missing; expected id, title, parent_id")
    ids = integer_ids(nodes, "id", path)
    require_unique(ids, "id", path)
    parents = nodes.parent_id.fillna(0).astype("int64")
    parent_of = dict(zip(ids.tolist(), parents.tolist(), strict=True))
    title_of = dict(zip(ids.tolist(), nodes.title.fillna("").tolist(), strict=True))
    tree, inner = {}, set(parent_of.values())
    for leaf in parent_of:
        chain: list[int] = []
        node = leaf
        while node in parent_of and node not in chain:
            chain.append(node)
            node = parent_of[node]
        if node in chain and node != chain[-1]:
            raise GoodsError(
                f"{path}: category {leaf} has a cycle among its parents; mend parent_id of {node}"
            )
        below = chain[:-1] or chain  # the root is no information: every path has it
        path_ids, path_titles = tuple(str(n) for n in below[::-1]), tuple(title_of[n] for n in below[::-1])
        tree[leaf] = CategoryPath(path_ids, path_titles, is_leaf=leaf not in inner)
    return tree


def tree_from_names(category_id: pd.Series, category_name: pd.Series, path: Path) -> dict[int, CategoryPath]:
    """A tree from "root->A->B" names; a node is known by its path, the class by its contest id."""
    pairs = pd.DataFrame({"id": category_id, "name": category_name}).drop_duplicates()
    if pairs.name.isna().any():
        raise GoodsError(
            f"{path}: column 'category_name' has nulls and there is no categories_tree.csv; give one"
        )
    if pairs.id.duplicated().any():
        twice = pairs.id[pairs.id.duplicated()].iloc[0]
        raise GoodsError(f"{path}: category_id {twice} has two different category_name values; mend them")
    split = [[part.strip() for part in name.split("->")] for name in pairs.name]
    rooted = len({parts[0] for parts in split}) == 1 and all(len(parts) > 1 for parts in split)
    tree = {}
    for id_, parts in zip(pairs.id.tolist(), split, strict=True):
        names = tuple(parts[1:] if rooted else parts)
        prefixes = ["->".join(names[: i + 1]) for i in range(len(names) - 1)]
        tree[id_] = CategoryPath((*prefixes, str(id_)), names, is_leaf=True)
    return tree
