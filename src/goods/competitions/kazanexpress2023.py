"""KazanExpress 2023: weighted F1, with photos.

reads: train.parquet test.parquet, optional categories_tree.csv images/ (formats: README, "Data")
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from goods.cards.fields import EMPTY, parse_text_fields
from goods.cards.table import TEXT_FIELDS, Issues
from goods.cards.text import squeeze
from goods.competitions.base import Competition
from goods.competitions.kazanexpress import read_splits
from goods.competitions.raw import Raw, clip_text, integer_ids, read_table, require_unique
from goods.competitions.submission import ClassIds

OTHERS = "predicted from the other fields"
COLUMNS = {"product_id": "int", "text_fields": "json", "shop_title": "str", "sale": "bool"}


def texts(column: pd.Series) -> pd.Series:
    return column.map(lambda v: squeeze(v) if isinstance(v, str) else "").astype("str")


def cards_of(frame: pd.DataFrame, path: Path, split: str, issues: Issues) -> pd.DataFrame:
    """Raw 2023 rows → card rows without `category_id`."""
    cards = pd.DataFrame({"product_id": integer_ids(frame, "product_id", path)})
    require_unique(cards.product_id, "product_id", path)
    cards["split"] = split
    cells = frame.text_fields.tolist()  # which is much quicker than going through the column
    parsed = [parse_text_fields(cell) for cell in cells]
    for field in ("title", "description", "attributes"):
        cards[field] = pd.Series([fields[field] for fields, _ in parsed], dtype="str", index=cards.index)
    for product_id, cell, (_, problem) in zip(cards.product_id, cells, parsed, strict=True):
        if problem == EMPTY:
            issues.add(product_id, "text_fields", problem, OTHERS)
        elif problem:
            issues.add_unreadable(product_id, "text_fields", problem, OTHERS, cell)
    cards["shop"] = texts(frame.shop_title)
    cards["sale"] = frame.sale.map(lambda v: bool(v) if pd.notna(v) else False).astype(bool)
    clip_text(cards, TEXT_FIELDS, issues)
    return cards


def read(data: Path) -> Raw:
    return read_splits(data, COLUMNS, cards_of, "product_id", tree_needed=False)


def read_new(path: Path, issues: Issues) -> pd.DataFrame:
    return cards_of(read_table(path, COLUMNS), path, "test", issues)


COMPETITION = Competition(read, ClassIds("product_id", "predicted_category_id"), read_new=read_new)
