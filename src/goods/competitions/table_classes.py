"""Targets of a table's train cards, and where their classes lie in a tree."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd

from goods.cards.fields import is_nothing, plain_value
from goods.cards.labels import BOOL, DATE, FLOAT, Kind
from goods.cards.table import Issues
from goods.competitions.raw import CategoryPath, tree_from_names
from goods.competitions.table_files import Table
from goods.competitions.table_values import (
    WHOLE_CLASS,
    are_whole,
    are_whole_ids,
    classes_of,
    keys_of,
    words_of,
)
from goods.competitions.trees import Nodes, tree_of_rows
from goods.config.table import TableConfig
from goods.core.errors import GoodsError
from goods.core.ids import Id
from goods.core.log import say
from goods.core.wording import count

NOTHINGS = ("nan", "none", "null", "<na>", "nat")  # as text, what Python and its libraries call no value
LEVELS = "\x1f"  # between the names of a path while it is one text


def columns_of_classes(config: TableConfig) -> dict[str, str]:
    """What targets are read from, where they have no file of their own: key of the section → column."""
    return {("target" if name == "target" else f"target.{name}"): c for name, c in config.targets.items()}


def columns_of_tree(config: TableConfig) -> dict[str, str]:
    tree = config.tree
    if tree is None or tree.file:
        return {}
    if tree.column:
        return {"tree.column": tree.column}
    return {f"tree.columns[{i}]": column for i, column in enumerate(tree.columns)}


def columns_of_labels(config: TableConfig) -> dict[str, str]:
    """Of a file of their own."""
    key = None if config.labels is None else config.labels.key
    return columns_of_classes(config) | ({} if key is None else {"labels.key": key})


def with_labels(frame: pd.DataFrame, path: Path, table: Table, config: TableConfig) -> pd.DataFrame:
    """The train rows with the targets of a `table` of their own. GoodsError where a row has none there."""
    labels = config.labels
    assert labels is not None
    told = table.frame(list(columns_of_labels(config).values()))
    columns = list(config.targets.values())
    if taken := [column for column in columns if column in frame]:
        raise GoodsError(
            f"{table.where}: its column {taken[0]!r} of classes is called as one that cards are read from; rename one "
            "of both"
        )
    if labels.key is None:
        if len(told) != len(frame):
            raise GoodsError(
                f"{table.where}: {len(told)} rows, {path.name} has {len(frame)}; name the column that joins "
                "them as table.labels.key"
            )
        joined = told[columns].reset_index(drop=True)
    else:
        told = table.without_empty_rows(told)
        whole = are_whole_ids([told, frame], labels.key, None)
        keys = [keys_of(side[labels.key], whole, at) for side, at in ((told, table.where), (frame, path))]
        if not keys[0].is_unique:
            twice = keys[0][keys[0].duplicated()].iloc[0]
            raise GoodsError(
                f"{table.where}: {labels.key!r} {twice} occurs more than once; drop the duplicate rows"
            )
        rows = pd.Index(keys[0]).get_indexer(pd.Index(keys[1]))
        if (rows < 0).any():
            raise GoodsError(
                f"{table.where}: no row with {labels.key!r} {keys[1][rows < 0].iloc[0]}, which {path.name} has; "
                "give all labels"
            )
        joined = told[columns].iloc[rows].reset_index(drop=True)
    attrs = {"texts": frame.attrs["texts"], "texts of targets": told.attrs["texts"]}
    frame = frame.assign(**{column: joined[column].to_numpy() for column in columns})
    frame.attrs |= attrs
    return frame


def add_classes(
    cards: pd.DataFrame, frame: pd.DataFrame, path: Path, config: TableConfig, issues: Issues
) -> dict[str, tuple[Id, ...]]:
    """Give train cards their classes, in place: `category_id`, or of several targets `target_<name>`, of which the
    classes are returned. A card without its single class counts as unlabelled, which is noted."""
    texts = "texts of targets" if "texts of targets" in frame.attrs else "texts"
    targets: dict[str, tuple[Id, ...]] = {}
    for name, column in config.targets.items():
        found = classes_of(frame[column], are_whole([frame], column, texts, WHOLE_CLASS), path)
        if config.several:
            cards[f"target_{name}"] = found
            targets[name] = tuple(sorted(set(found.dropna().tolist())))
            continue
        cards["category_id"] = found
        without = found.isna().to_numpy(bool)
        cards.loc[without, "split"] = "unlabelled"
        for product_id in cards.product_id[without]:
            issues.add(product_id, column, "no class", "counts as unlabelled")
        if without.any():
            counts = "counts" if without.sum() == 1 else "count"
            cards_without = count(int(without.sum()), "train card")
            say(f"table: {cards_without} without {column!r} {counts} as unlabelled")
    return targets


def kinds_of(frame: pd.DataFrame, config: TableConfig) -> dict[str, Kind]:
    """Of each target whose classes are flags, floats or dates in the files: which."""
    found: dict[str, Kind] = {}
    for name, column in config.targets.items():
        if isinstance(frame[column].dtype, pd.StringDtype):
            continue
        cells = {type(plain_value(cell)) for cell in frame[column].tolist() if not is_nothing(cell)}
        if cells == {bool}:
            found[name] = BOOL
        elif cells == {float} and not are_whole([frame], column):
            found[name] = FLOAT
        elif cells == {date}:
            found[name] = DATE
        elif cells == {pd.Timestamp} and (dtype := frame[column].infer_objects().dtype).kind == "M":
            found[name] = str(dtype)
    return found


def nothings_told(cards: pd.DataFrame) -> list[str]:
    """A warning for each class, of several targets with the target, whose name is how tools write that there is
    none."""
    told = []
    for column in (c for c in map(str, cards) if c == "category_id" or c.startswith("target_")):
        sizes = cards[column].dropna().value_counts()
        where = f"{column.removeprefix('target_')}: " if column != "category_id" else ""
        told += [
            f"{where}{count(int(sizes[name]), 'train card is', 'train cards are')} of a class called {name!r}: leave "
            "those cells empty if they have none"
            for name in sorted(n for n in sizes.index if isinstance(n, str) and n.lower() in NOTHINGS)
        ]
    return told


def tree_of(
    cards: pd.DataFrame, frame: pd.DataFrame, path: Path, nodes: Nodes | None, config: TableConfig
) -> dict[Id, CategoryPath]:
    """Where each class lies, by the tree's file the rows of which are `nodes`; empty where the table has no tree."""
    tree = config.tree
    if tree is None:
        return {}
    known = cards.category_id.notna().to_numpy(bool)
    classes = cards.category_id[known]
    if nodes is not None:
        texts = any(isinstance(class_, str) for class_ in classes.tolist())
        found = tree_of_rows(nodes, tree.node, texts)
        unknown = ~classes.isin(list(found))
        if unknown.any():
            lost = classes[unknown].iloc[0]
            named = tree.key is None and str(lost) in {fields[1].strip() for fields in nodes.rows}
            by_name = f", or write tree: {{id: {tree.title}, key: {tree.id}}}, as it is there by its name"
            raise GoodsError(
                f"{path}: class {lost} is not in {tree.file}; add it to the tree or correct the row"
                f"{by_name if named else ''}"
            )
        return found
    columns = [tree.column] if tree.column else list(tree.columns)
    levels = [words_of(frame[column][known]) for column in columns]
    names = [LEVELS.join(filter(None, row)) for row in zip(*levels, strict=True)]
    if tree.column:
        names = [LEVELS.join(filter(None, map(str.strip, name.split(tree.separator)))) for name in names]
    said = pd.DataFrame({"class": classes.tolist(), "name": names})
    said.loc[said.name.map(is_nothing), "name"] = said["class"].map(str)
    counts = said.value_counts(sort=False).reset_index()
    # of a class with several paths that of most cards counts, of equally many the first by name
    chosen = counts.sort_values(["count", "name"], ascending=[False, True]).drop_duplicates("class")
    if len(chosen) < len(counts):
        several = counts["class"][counts["class"].duplicated()]
        say(
            f"table: {count(several.nunique(), 'class has', 'classes have')} several paths, such as "
            f"{several.iloc[0]}: that of most cards "
            "counts"
        )
    chosen = chosen.sort_values("class", key=lambda column: column.map(str))
    return tree_from_names(chosen["class"], chosen["name"], path, LEVELS)
