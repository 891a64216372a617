"""KazanExpress 2023 (weighted F1, with photos) and 2022 (hierarchical F1) raw files.

reads: train.parquet test.parquet, optional categories_tree.csv (formats: README, "Data")
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from goods.cards.table import TEXT_FIELDS, Issues
from goods.cards.text import parse_name_value_characteristics, parse_text_fields, squeeze, strip_html
from goods.competitions.raw import (
    Raw,
    clip_text,
    integer_ids,
    read_table,
    read_tree_csv,
    require_disjoint,
    require_unique,
    tree_from_names,
)
from goods.core.errors import GoodsError

SUBMISSION_COLUMNS_2023 = ("product_id", "predicted_category_id")
SUBMISSION_COLUMNS_2022 = ("id", "predicted_category_id")


def texts(column: pd.Series) -> pd.Series:
    return column.map(lambda v: squeeze(v) if isinstance(v, str) else "").astype("str")


def cards_2023(frame: pd.DataFrame, path: Path, split: str, issues: Issues) -> pd.DataFrame:
    """Raw 2023 rows → card rows without `category_id`."""
    cards = pd.DataFrame({"product_id": integer_ids(frame, "product_id", path)})
    require_unique(cards.product_id, "product_id", path)
    cards["split"] = split
    parsed = [parse_text_fields(raw) for raw in frame.text_fields]
    for field in ("title", "description", "attributes"):
        cards[field] = pd.Series([fields[field] for fields, _ in parsed], dtype="str", index=cards.index)
    for product_id, (_, problem) in zip(cards.product_id, parsed, strict=True):
        if problem:
            issues.add(product_id, "text_fields", problem, "predicted from the other fields")
    cards["shop"] = texts(frame.shop_title)
    cards["sale"] = frame.sale.map(lambda v: bool(v) if pd.notna(v) else False).astype(bool)
    clip_text(cards, TEXT_FIELDS, issues)
    return cards


def cards_2022(frame: pd.DataFrame, path: Path, split: str, issues: Issues) -> pd.DataFrame:
    """Raw 2022 rows → card rows without `category_id`; there are no shops and no sales."""
    cards = pd.DataFrame({"product_id": integer_ids(frame, "id", path)})
    require_unique(cards.product_id, "id", path)
    cards["split"] = split
    for field, column in (("title", "title"), ("description", "short_description")):
        cards[field] = frame[column].map(lambda v: strip_html(v) if isinstance(v, str) else "").astype("str")
    cards["attributes"] = frame.name_value_characteristics.map(parse_name_value_characteristics).astype("str")
    cards["shop"] = pd.Series("", dtype="str", index=cards.index)
    cards["sale"] = False
    clip_text(cards, TEXT_FIELDS, issues)
    return cards


COLUMNS_2023 = {"product_id": "int", "text_fields": "str", "shop_title": "str", "sale": "bool"}
COLUMNS_2022 = {"id": "int", "title": "str", "short_description": "str", "name_value_characteristics": "str"}


def read_2023(data: Path) -> Raw:
    return _read(data, COLUMNS_2023, cards_2023, id_column="product_id")


def read_2022(data: Path) -> Raw:
    return _read(data, COLUMNS_2022, cards_2022, id_column="id")


def _read(data: Path, columns: dict[str, str], to_cards, id_column: str) -> Raw:
    if not data.is_dir():
        raise GoodsError(
            f"{data}: no such data folder; put train.parquet and test.parquet there "
            "(categories_tree.csv and images/ beside them), or name their folder with --data DIR"
        )
    issues = Issues()
    train_path, test_path, tree_path = (
        data / n for n in ("train.parquet", "test.parquet", "categories_tree.csv")
    )
    named = {} if tree_path.is_file() or id_column == "id" else {"category_name": "str"}
    if id_column == "id" and not tree_path.is_file():
        raise GoodsError(
            f"{tree_path}: missing; this competition needs its category tree, put the file there"
        )
    train_raw = read_table(train_path, {**columns, "category_id": "int", **named})
    test_raw = read_table(test_path, columns)
    train = to_cards(train_raw, train_path, "train", issues)
    train["category_id"] = integer_ids(train_raw, "category_id", train_path)
    test = to_cards(test_raw, test_path, "test", issues)
    test["category_id"] = -1
    require_disjoint(train.product_id, test.product_id, id_column, data)
    if tree_path.is_file():
        tree = read_tree_csv(tree_path)
        unknown = ~train.category_id.isin(list(tree))
        if unknown.any():
            row = int(unknown.to_numpy().argmax())
            raise GoodsError(
                f"{train_path}: row {row}: category_id {train.category_id.iloc[row]} is not in {tree_path.name}; "
                "add it to the tree or correct the row"
            )
    else:
        tree = tree_from_names(train.category_id, train_raw.category_name, train_path)
    return Raw(pd.concat([train, test], ignore_index=True), tree, issues)
