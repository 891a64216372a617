"""KazanExpress 2023: weighted F1, with photos.

reads: train.parquet test.parquet, optional categories_tree.csv images/ (formats: README, "Data")
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa

from goods.cards.fields import EMPTY, parse_text_fields
from goods.cards.table import TEXT_FIELDS, Issues
from goods.cards.text import squeeze
from goods.competitions.base import Competition
from goods.competitions.kazanexpress import read_splits
from goods.competitions.raw import Raw, clip_text, integer_ids, read_table, require_unique
from goods.competitions.submission import ClassIds

PARSED = ("title", "description", "attributes")
BATCH = 4096  # cells that are parsed together
OTHERS = "predicted from the other fields"
COLUMNS = {"product_id": "int", "text_fields": "json", "shop_title": "str", "sale": "bool"}


def texts(column: pd.Series) -> pd.Series:
    return column.map(lambda v: squeeze(v) if isinstance(v, str) else "").astype("str")


def parsed(cells: pd.Series, product_id: pd.Series, issues: Issues) -> dict[str, pa.Array]:
    """The fields in cells of `text_fields`; a batch at a time, as texts take several times the memory once they are
    Python's."""
    texts: dict[str, list[str]] = {field: [] for field in PARSED}
    # a list is much quicker to go through than a column
    for id_, cell in zip(product_id.tolist(), cells.tolist(), strict=True):
        fields, problem = parse_text_fields(cell)
        for field in PARSED:
            texts[field].append(fields[field])
        if problem == EMPTY:
            issues.add(id_, "text_fields", problem, OTHERS)
        elif problem:
            issues.add_unreadable(id_, "text_fields", problem, OTHERS, cell)
    return {field: pa.array(column, pa.large_string()) for field, column in texts.items()}


def cards_of(frame: pd.DataFrame, path: Path, split: str, issues: Issues) -> pd.DataFrame:
    """Raw 2023 rows → card rows without `category_id`."""
    cards = pd.DataFrame({"product_id": integer_ids(frame, "product_id", path)})
    require_unique(cards.product_id, "product_id", path)
    cards["split"] = split
    parts = [
        parsed(frame.text_fields.iloc[i : i + BATCH], cards.product_id.iloc[i : i + BATCH], issues)
        for i in range(0, len(frame), BATCH)
    ]
    for field in PARSED:
        cards[field] = pd.array(pa.concat_arrays([part[field] for part in parts]), dtype="str")
    cards["shop"] = texts(frame.shop_title)
    cards["sale"] = frame.sale.map(lambda v: bool(v) if pd.notna(v) else False).astype(bool)
    clip_text(cards, TEXT_FIELDS, issues)
    return cards


def read(data: Path) -> Raw:
    return read_splits(data, COLUMNS, cards_of, "product_id", tree_needed=False)


def read_new(path: Path, issues: Issues) -> pd.DataFrame:
    return cards_of(read_table(path, COLUMNS), path, "test", issues)


COMPETITION = Competition(read, ClassIds("product_id", "predicted_category_id"), read_new=read_new)
