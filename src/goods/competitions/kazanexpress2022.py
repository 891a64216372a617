"""KazanExpress 2022: hierarchical F1.

reads: train.parquet test.parquet categories_tree.csv (formats: README, "Data")
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from goods.cards.fields import parse_name_value_characteristics
from goods.cards.table import TEXT_FIELDS, Issues
from goods.cards.text import strip_html
from goods.competitions.base import Competition
from goods.competitions.kazanexpress import read_splits
from goods.competitions.raw import Raw, clip_text, integer_ids, read_table, require_unique
from goods.competitions.submission import ClassIds

COLUMNS = {"id": "int", "title": "str", "short_description": "str", "name_value_characteristics": "json"}


def cards_of(frame: pd.DataFrame, path: Path, split: str, issues: Issues) -> pd.DataFrame:
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


def read(data: Path) -> Raw:
    return read_splits(data, COLUMNS, cards_of, "id", tree_needed=True)


def read_new(path: Path, issues: Issues) -> pd.DataFrame:
    return cards_of(read_table(path, COLUMNS), path, "test", issues)


COMPETITION = Competition(read, ClassIds("id", "predicted_category_id"), read_new=read_new)
