"""A small shop in the format of 2023 whose columns a test replaces or converts."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from goods.competitions import kazanexpress2023

N_TRAIN, N_TEST = 24, 6
TREE = "id,title,parent_id\n1,Все,\n10,Дом,1\n11,Кружки,10\n12,Ложки,10\n"
WORDS = {11: "Кружка", 12: "Ложка"}


def fields(i: int) -> dict:
    leaf = 11 + i % 2
    return {
        "title": f"{WORDS[leaf]} д'Артаньян {i}",
        "description": f"<p>Белая &amp; {i}</p>",
        "attributes": ["Объём: 300 мл"],
        "custom_characteristics": {"Штрихкод": 4601234567890 + i, "Новинка": i % 3 == 0},
        "defined_characteristics": {"Цвет": ["белый", "синий"]},
        "filters": {},
    }


def columns(first: int, n: int) -> dict[str, list]:
    """The plain columns of a small shop in the format of 2023."""
    ids = range(first, first + n)
    return {
        "product_id": list(ids),
        "text_fields": [json.dumps(fields(i), ensure_ascii=False) for i in ids],
        "shop_title": [f"Магазин {i % 3}" for i in ids],
        "sale": [i % 2 == 0 for i in ids],
        "category_id": [11 + i % 2 for i in ids],
    }


def write_shop(folder: Path, tree: str | bytes = TREE, **changed: object) -> Path:
    """A small shop whose columns `changed` replaces or, called with the plain values, converts."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, first, n in (("train", 100, N_TRAIN), ("test", 900, N_TEST)):
        table = columns(first, n)
        for column, change in changed.items():
            table[column] = change(table[column])
        if name == "test":
            del table["category_id"]
        pq.write_table(pa.table(table), folder / f"{name}.parquet")
    (folder / "categories_tree.csv").write_bytes(tree.encode() if isinstance(tree, str) else tree)
    return folder


def cards_of(folder: Path, **changed: object) -> pd.DataFrame:
    return kazanexpress2023.read(write_shop(folder, **changed)).cards
