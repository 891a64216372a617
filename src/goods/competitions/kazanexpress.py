"""What both KazanExpress contests share: train and test files beside a category tree."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from goods.cards.table import Issues
from goods.competitions.raw import (
    CategoryPath,
    Raw,
    answers_in,
    integer_ids,
    read_table,
    require_disjoint,
    tree_from_names,
)
from goods.competitions.trees import read_tree_csv
from goods.core.errors import GoodsError
from goods.core.ids import Id
from goods.core.log import say
from goods.core.wording import count

CATEGORY_ID = "category_id"
NO_CATEGORY = -1  # that of test cards


def require_categories(category_id: pd.Series, path: Path) -> None:
    """GoodsError where a train card has the number that stands for no category."""
    none = (category_id == NO_CATEGORY).to_numpy()
    if none.any():
        raise GoodsError(
            f"{path}: row {int(none.argmax())}: category_id {NO_CATEGORY} stands for no category; give that card its "
            "category or leave it out"
        )


def note_inner(train: pd.DataFrame, tree: dict[Id, CategoryPath], issues: Issues) -> None:
    """Train cards whose category has others below it: issues, and a line that counts them."""
    inner = train[~train.category_id.map({id_: path.is_leaf for id_, path in tree.items()}).astype(bool)]
    for product_id in inner.product_id:
        issues.add(product_id, "category_id", "no leaf of the tree", "its category is a class all the same")
    if len(inner):
        lie = count(len(inner), "train card lies", "train cards lie")
        of = count(inner.category_id.nunique(), "category that is no leaf", "categories that are no leaves")
        say(
            f"prepare: {lie} in {of} of the tree, such as {inner.category_id.iloc[0]}; each is a class all the same"
        )


def read_splits(
    data: Path,
    columns: dict[str, str],
    to_cards: Callable[[pd.DataFrame, Path, str, Issues], pd.DataFrame],
    id_column: str,
    tree_needed: bool,
) -> Raw:
    """Both splits; the tree from its file or, where none is needed, from the train cards' category names."""
    if not data.is_dir():
        raise GoodsError(
            f"{data}: no such data folder; put train.parquet and test.parquet there "
            "(categories_tree.csv and images/ beside them), or name their folder with --data DIR"
        )
    issues = Issues()
    train_path, test_path, tree_path = (
        data / n for n in ("train.parquet", "test.parquet", "categories_tree.csv")
    )
    named = {} if tree_path.is_file() or tree_needed else {"category_name": "str"}
    if tree_path.exists() and not tree_path.is_file():
        raise GoodsError(f"{tree_path}: not a file; put the category tree there, or remove it")
    if tree_needed and not tree_path.is_file():
        raise GoodsError(f"{tree_path}: missing; put the competition's category tree there")
    train_raw = read_table(train_path, {**columns, "category_id": "int", **named})
    test_raw = read_table(test_path, columns)
    train = to_cards(train_raw, train_path, "train", issues)
    train["category_id"] = integer_ids(train_raw, "category_id", train_path)
    require_categories(train.category_id, train_path)
    names = train_raw.category_name if named else pd.Series(dtype="str")
    del train_raw  # the largest of all there is
    test = to_cards(test_raw, test_path, "test", issues)
    test["category_id"] = NO_CATEGORY
    require_disjoint(train.product_id, test.product_id, id_column, train_path, test_path)
    if tree_path.is_file():
        tree = read_tree_csv(tree_path)
        unknown = ~train.category_id.isin(list(tree))
        if unknown.any():
            row = int(unknown.to_numpy().argmax())
            raise GoodsError(
                f"{train_path}: row {row}: category_id {train.category_id.iloc[row]} is not in {tree_path.name}; "
                "add it to the tree or correct the row"
            )
        note_inner(train, tree, issues)
    else:
        tree = tree_from_names(train.category_id, names, train_path)
    cards = pd.concat([train, test], ignore_index=True)
    return Raw(cards, tree, issues, warnings=answers_in(test_path, CATEGORY_ID))
