"""The products of Ozon matching 2023: names, categories, colours, attributes, prices, embeddings.

reads:  train_data.parquet test_data.parquet
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from goods.cards.fields import as_text, is_nothing, name_values, plain_value, read_object, unique_lines
from goods.cards.literals import Malformed, TooDeep, read_cell
from goods.cards.table import Issues
from goods.cards.text import squeeze, strip_html
from goods.cards.unicode import plain
from goods.competitions.arrow import columns_of
from goods.competitions.embeddings import vectors_of
from goods.competitions.raw import Described, clip_text, integer_ids, read_table, require_unique
from goods.competitions.table_values import floats_of
from goods.core.errors import GoodsError

CARD_FILES = {"train": "train_data.parquet", "test": "test_data.parquet"}
CARD_COLUMNS = {"variantid": "int", "name": "str"}
CARD_OPTIONAL = {
    "categories": "json",
    "color_parsed": "any",
    "characteristic_attributes_mapping": "json",
    "price": "any",
}
EMBEDDINGS = {
    "main": "main_pic_embeddings_resnet_v1",
    "pictures": "pic_embeddings_resnet_v1",
    "name": "name_bert_64",
}
LEVELS = ("1", "2", "3", "4")
MAX_VALUE = 500  # signs of an attribute's value: what is longer is a description


def object_of(raw: Any, what: str) -> tuple[dict[str, Any], str | None]:
    """A cell's object, and what is wrong where it is none; of null it is an empty one."""
    return ({}, None) if is_nothing(raw) else read_object(raw, what)


def texts_of(value: Any) -> list[str]:
    """The non-empty texts of a list, or of one text or number."""
    value = value.tolist() if isinstance(value, np.ndarray) else value
    listed = value if isinstance(value, list) else [value]
    return [
        text for text in (plain(squeeze(v) if isinstance(v, str) else as_text(v)) for v in listed) if text
    ]


def colours_of(cell: Any) -> list[str]:
    """In lower case, sorted, of a list of colours or the text of one; a text that is none is a colour itself, a value
    nested too deeply says nothing."""
    if isinstance(cell, str) and cell.lstrip().startswith(("[", "(", '"[')):
        with suppress(Malformed):
            cell = read_cell(cell)
    try:
        return sorted({text.lower() for text in texts_of(plain_value(cell))})
    except TooDeep:
        return []


def cards_of(path: Path, split: str, issues: Issues) -> pd.DataFrame:
    """Card rows of train_data or test_data."""
    frame = read_table(path, CARD_COLUMNS, CARD_OPTIONAL)
    cards = pd.DataFrame({"product_id": integer_ids(frame, "variantid", path)})
    require_unique(cards.product_id, "variantid", path)
    cards["split"] = split
    cards["title"] = [strip_html(v) if isinstance(v, str) else "" for v in frame.name.tolist()]
    columns = matching_columns(frame, cards.product_id.to_numpy(), issues)
    cards["description"] = cards["shop"] = ""
    cards["sale"], cards["image"] = False, pd.Series(None, index=cards.index, dtype="str")
    cards["target"] = np.int32(-1)
    cards = cards.assign(**columns)
    clip_text(cards, ("title", "attributes"), issues)
    return cards


def matching_columns(frame: pd.DataFrame, ids: np.ndarray, issues: Issues) -> dict[str, pd.Series]:
    """attributes as text, and what only matching reads (colours, levels, characteristics, price), of rows with the
    columns CARD_OPTIONAL."""
    attributes, characteristics, levels = [], [], []
    for id_, category, mapping in zip(
        ids, frame.categories.tolist(), frame.characteristic_attributes_mapping.tolist(), strict=True
    ):
        named, broken = object_of(mapping, "characteristics")
        tree, unread = object_of(category, "categories")
        cells = {
            "characteristic_attributes_mapping": (broken, mapping),
            "categories": (unread, category),
        }
        for field, (problem, cell) in cells.items():
            if problem:
                issues.add_unreadable(id_, field, problem, "matched by the other fields", cell)
        values: dict[str, list[str]] = {}
        for name, value in named.items():
            found = [text[:MAX_VALUE] for text in texts_of(value)]
            values.setdefault(plain(squeeze(str(name))).lower(), []).extend(found)
        characteristics.append(json.dumps({k: v for k, v in values.items() if v}, ensure_ascii=False))
        attributes.append(unique_lines(name_values(named)))
        told = [plain(squeeze(str(tree.get(level) or ""))) for level in LEVELS]
        levels.append(json.dumps(told, ensure_ascii=False))
    colours = [colours_of(cell) for cell in frame.color_parsed.tolist()]
    texts = {
        "attributes": attributes,
        "colours": [json.dumps(row, ensure_ascii=False) for row in colours],
        "levels": levels,
        "characteristics": characteristics,
    }
    columns = {name: pd.Series(rows, dtype="str", index=frame.index) for name, rows in texts.items()}
    price = floats_of(
        frame.price, pd.Series(ids, frame.index), "price", issues, "write that column as numbers"
    )
    return columns | {"price": price}


def level_3(levels: pd.Series) -> pd.Series:
    return levels.map(lambda text: json.loads(text)[2])


def one_of_each(cards: pd.DataFrame, issues: Issues) -> pd.DataFrame:
    """The first row of every product: the train file's of those in both files; notes those told otherwise in the
    other."""
    told = ["product_id", "title", "colours", "levels", "characteristics"]
    variants = cards[told].drop_duplicates()
    for id_ in variants.product_id[variants.product_id.duplicated()]:
        issues.add(id_, "variantid", "told otherwise in each data file", f"as in {CARD_FILES['train']}")
    return cards.drop_duplicates("product_id", ignore_index=True)


def embeddings_of(
    data: Path, column: str, parts: dict[str, pd.DataFrame], index: pd.Index, issues: Issues
) -> tuple[np.ndarray, np.ndarray]:
    """(owner int64 [m] row in `index`, float32 [m, d]) of a column of both data files."""
    owners, vectors, seen = [], [], np.zeros(len(index), bool)
    for split, cards in parts.items():
        owner, found = vectors_of(data / CARD_FILES[split], column, cards.product_id.to_numpy(), issues)
        rows = index.get_indexer(pd.Index(cards.product_id))
        kept = ~seen[rows][owner]
        seen[rows] = True
        if kept.any():
            owners.append(rows[owner[kept]])
            vectors.append(found[kept])
    widths = sorted({v.shape[1] for v in vectors})
    if len(widths) > 1:
        raise GoodsError(
            f"{data}: {column} has {widths[0]} numbers in one data file and {widths[1]} in the other; "
            "give files that belong together"
        )
    if not vectors:
        return np.empty(0, np.int64), np.empty((0, 0), np.float32)
    return np.concatenate(owners), np.concatenate(vectors)


def describe(path: Path, ids: np.ndarray, issues: Issues) -> Described:
    """What `path`, a file of products `ids` int64 [n] in their order, tells in columns of the contest's format."""
    there = columns_of(path)
    known = {column: kind for column, kind in CARD_OPTIONAL.items() if column in there}
    lacking = {column: kind for column, kind in CARD_OPTIONAL.items() if column not in there}
    columns = matching_columns(read_table(path, known, lacking), ids, issues) if known else {}
    return Described(
        columns, lambda: {kind: vectors_of(path, name, ids, issues) for kind, name in EMBEDDINGS.items()}
    )
