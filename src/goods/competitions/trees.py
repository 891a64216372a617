"""categories_tree.csv → where each category lies in the tree.

reads: a csv of id, title, parent_id; separator and code page are found out
"""

from __future__ import annotations

import csv
import io
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from goods.competitions.arrow import parsed_cell
from goods.competitions.dialect import MAX_FIELD, SEPARATORS, code_page_of
from goods.competitions.raw import DEEPEST, CategoryPath, require_unique
from goods.core.errors import GoodsError
from goods.core.ids import Id
from goods.core.log import say
from goods.core.meant import meant
from goods.core.numbers import is_nothing, whole_number
from goods.core.wording import count

Columns = tuple[str, ...]  # those of a category's id, title, parent and, where parents are not of ids, key

COLUMNS: Columns = ("id", "title", "parent_id")
SHOWN, SIGNS = 5, 40  # roots that are named, signs of the title of each


class Nodes(NamedTuple):
    """A tree's file: id, title, parent_id and, if any, key of each row as they are written."""

    path: Path
    rows: list[tuple[str, ...]]


def read_tree_csv(path: Path, columns: Columns = COLUMNS, texts: bool = False) -> dict[Id, CategoryPath]:
    """Category → its path; ids are texts where `texts`."""
    return tree_of_rows(rows_of(path, columns), columns, texts)


def tree_of_rows(nodes: Nodes, columns: Columns, texts: bool) -> dict[Id, CategoryPath]:
    """As `read_tree_csv`.

    Roots are what has no known parent; the level below a single root begins the paths, of several roots they begin
    them themselves. GoodsError naming row and mend.
    """
    path, rows = nodes.path, nodes.rows
    known = text_or_none if texts else partial(number, path)
    ids: list[Id] = []
    for row, fields in enumerate(rows):
        id_ = known(row, columns[0], fields[0])
        if id_ is None:
            raise GoodsError(f"{path}: row {row}: {columns[0]!r} is empty; number that category")
        ids.append(id_)
    require_unique(pd.Series(ids, dtype="str" if texts else "int64"), columns[0], path)
    if len(columns) > len(COLUMNS):
        parents = parents_by_key(nodes, columns[3], ids)
    else:
        parents = [known(row, columns[2], fields[2]) for row, fields in enumerate(rows)]
    title_of = {id_: fields[1] for id_, fields in zip(ids, rows, strict=True)}
    parent_of: dict[Id, Id | None] = {
        id_: parent if parent in title_of and parent != id_ else None
        for id_, parent in zip(ids, parents, strict=True)
    }
    roots = [id_ for id_, parent in parent_of.items() if parent is None]
    if len(roots) > 1:
        written = dict(zip(ids, parents, strict=True))
        named = "; ".join(root_told(id_, title_of[id_], written[id_]) for id_ in roots[:SHOWN])
        more = "; …" if len(roots) > SHOWN else ""
        say(
            f"{path}: {count(len(roots), 'root')} ({named}{more}): paths begin with them; give them a common parent to "
            "leave them out"
        )
    inner, tree = set(parent_of.values()), dict[Id, CategoryPath]()
    for id_ in parent_of:
        chain = chain_of(id_, parent_of, path)
        if len(roots) == 1:
            chain = chain[:-1] or chain  # a single root is no information: every path has it
        above, names = tuple(str(n) for n in chain[::-1]), tuple(title_of[n] for n in chain[::-1])
        tree[id_] = CategoryPath(above, names, is_leaf=id_ not in inner)
    return tree


def parents_by_key(nodes: Nodes, column: str, ids: list[Id]) -> list[Id | None]:
    """The parent of each row, which names it by its key, such as a number where ids are names."""
    keys = [key_of(fields[3]) for fields in nodes.rows]
    if None in keys:
        raise GoodsError(f"{nodes.path}: row {keys.index(None)}: {column!r} is empty; number that category")
    require_unique(pd.Series(keys, dtype="str"), column, nodes.path)
    of_key = dict(zip(keys, ids, strict=True))
    parents = [key_of(fields[2]) for fields in nodes.rows]
    return [None if parent is None else of_key.get(parent, parent) for parent in parents]


def key_of(text: str) -> str | None:
    """As the same key is written elsewhere, where one column may have decimals for its empty cells."""
    try:
        found = whole_number(text)
    except ValueError:
        return text.strip()
    return None if found is None else str(found)


def root_told(id_: Id, title: str, parent: Id | None) -> str:
    """A root as a message names it, with what makes it one where that may be a mistake."""
    lost = parent not in (None, 0, "0", id_)
    return f"{id_} {title[:SIGNS]!r}{f', of the parent {parent}, which has no row' if lost else ''}"


def chain_of(id_: Id, parent_of: dict[Id, Id | None], path: Path) -> list[Id]:
    """The category, its parent, … up to its root."""
    chain, node = [id_], parent_of[id_]
    while node is not None:
        if node in chain:
            raise GoodsError(
                f"{path}: category {id_} has a cycle among its parents; mend parent_id of {node}"
            )
        if len(chain) == DEEPEST:
            raise GoodsError(
                f"{path}: category {id_} has more than {DEEPEST} others above it, as no shop has; mend parent_id"
            )
        chain.append(node)
        node = parent_of[node]
    return chain


def number(path: Path, row: int, column: str, text: str) -> int | None:
    return parsed_cell(text, whole_number, row, column, path)


def text_or_none(row: int, column: str, text: str) -> str | None:
    return None if is_nothing(text) else text.strip()


def rows_of(path: Path, columns: Columns) -> Nodes:
    """GoodsError where the file has not the `columns`."""
    text = text_of(path)
    header = text.partition("\n")[0]
    separator = max(SEPARATORS, key=header.count)
    csv.field_size_limit(MAX_FIELD)
    try:
        names, *rows = [
            row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if any(row)
        ]
    except (csv.Error, ValueError) as error:
        problem = "it is empty" if isinstance(error, ValueError) else str(error)
        raise GoodsError(f"{path}: not a readable csv file ({problem}); write it again") from None
    names, columns = [name.strip().lower() for name in names], tuple(map(str.lower, columns))
    for column in columns:
        if names.count(column) != 1:
            problem = "there twice" if column in names else f"missing{meant(column, names)}"
            raise GoodsError(f"{path}: column {column!r} is {problem}; expected {', '.join(columns)}")
    for row, fields in enumerate(rows):
        if len(fields) < len(names) or any(fields[len(names) :]):
            raise GoodsError(
                f"{path}: row {row} has {len(fields)} fields, the header {len(names)}; put a title that has a "
                f"{separator!r} in it in quotes"
            )
    at = [names.index(column) for column in columns]
    return Nodes(path, [tuple(fields[i] for i in at) for fields in rows])


def text_of(path: Path) -> str:
    """The file's text, in UTF-8 or the code page that its letters speak for."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise GoodsError(f"{path}: not a readable csv file ({error.strerror}); copy it again") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        encoding = code_page_of(data)
    if encoding is None:
        raise GoodsError(f"{path}: neither UTF-8 nor a code page of Cyrillic; write it again in UTF-8")
    say(f"{path}: read as {encoding}, it is not UTF-8")
    return data.decode(encoding).removeprefix("\ufeff")
