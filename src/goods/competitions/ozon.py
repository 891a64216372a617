"""Ozon matching 2023: products and pairs of them → cards, pairs, embeddings.

A pair that cannot be learned from (of a product with itself, of a product nobody describes, given twice) is left out
of the train pairs and noted; a test pair is always kept, in the order of the file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from goods.cards.table import Issues
from goods.cards.text import name_values, squeeze, strip_html, unique_lines
from goods.competitions.base import Competition
from goods.competitions.raw import (
    RawPairs,
    clip_text,
    columns_of,
    integer_ids,
    read_table,
    readable,
    require_unique,
)
from goods.competitions.submission import PairScores
from goods.core.errors import GoodsError

PAIR_FILES = {"train": "train_pairs.parquet", "test": "test_pairs_wo_target.parquet"}
CARD_FILES = {"train": "train_data.parquet", "test": "test_data.parquet"}
PAIR_IDS = ("variantid1", "variantid2")
CARD_COLUMNS = {"variantid": "int", "name": "str"}
CARD_OPTIONAL = {
    "categories": "str",
    "color_parsed": "any",
    "characteristic_attributes_mapping": "str",
    "price": "any",
}
EMBEDDINGS = {
    "main": "main_pic_embeddings_resnet_v1",
    "pictures": "pic_embeddings_resnet_v1",
    "name": "name_bert_64",
}
LEVELS = ("1", "2", "3", "4")
GROUPED_OVER = 1_000  # pairs: train categories of level 3 with more stand for themselves in the metric
REST = "rest"
HUGE = 1e15  # no embedding has such numbers, and their squares would be infinite
MAX_VALUE = 500  # signs of an attribute's value: what is longer is a description


def parsed(raw: Any, what: str) -> tuple[dict[str, Any], str | None]:
    """A JSON object, and what is wrong where it is none; null is an empty one."""
    if raw is None or (isinstance(raw, float) and np.isnan(raw)) or raw == "":
        return {}, None
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError, TypeError):
        return {}, f"{what} is not JSON"
    return (value, None) if isinstance(value, dict) else ({}, f"{what} is not a JSON object")


def texts_of(value: Any) -> list[str]:
    """The non-empty texts of a list, or of one text."""
    listed = [value] if isinstance(value, str) else value if isinstance(value, list | np.ndarray) else []
    return [text for text in (squeeze(str(v)) for v in listed if v is not None) if text]


def cards_of(path: Path, split: str, issues: Issues) -> pd.DataFrame:
    """Card rows of train_data or test_data."""
    frame = read_table(path, CARD_COLUMNS, CARD_OPTIONAL)
    cards = pd.DataFrame({"product_id": integer_ids(frame, "variantid", path)})
    require_unique(cards.product_id, "variantid", path)
    cards["split"] = split
    cards["title"] = [strip_html(v) if isinstance(v, str) else "" for v in frame.name]
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
        ids, frame.categories, frame.characteristic_attributes_mapping, strict=True
    ):
        named, broken = parsed(mapping, "characteristics")
        tree, unread = parsed(category, "categories")
        for field, problem in (("characteristics", broken), ("categories", unread)):
            if problem:
                issues.add(id_, field, problem, "matched by the other fields")
        values: dict[str, list[str]] = {}
        for name, value in named.items():
            found = [text[:MAX_VALUE] for text in texts_of(value)]
            values.setdefault(squeeze(str(name)).lower(), []).extend(found)
        characteristics.append(json.dumps({k: v for k, v in values.items() if v}, ensure_ascii=False))
        attributes.append(unique_lines(name_values(named)))
        told = [squeeze(str(tree.get(level) or "")) for level in LEVELS]
        levels.append(json.dumps(told, ensure_ascii=False))
    colours = [sorted({text.lower() for text in texts_of(value)}) for value in frame.color_parsed]
    texts = {
        "attributes": attributes,
        "colours": [json.dumps(row, ensure_ascii=False) for row in colours],
        "levels": levels,
        "characteristics": characteristics,
    }
    columns = {name: pd.Series(rows, dtype="str", index=frame.index) for name, rows in texts.items()}
    price = pd.to_numeric(frame.price, errors="coerce").astype("float64")
    for id_ in ids[(frame.price.notna() & price.isna()).to_numpy()]:
        issues.add(id_, "price", "price is not a number", "matched by the other fields")
    return columns | {"price": price}


def level_3(levels: pd.Series) -> pd.Series:
    return levels.map(lambda text: json.loads(text)[2])


def vectors_of(path: Path, column: str, ids: np.ndarray, issues: Issues) -> tuple[np.ndarray, np.ndarray]:
    """(owner int64 [m] row in the file, float32 [m, d]) of a column of vectors or of lists of vectors.

    A vector of another length than most, or with a value that is no number, is left out and noted.
    """
    nothing = np.empty(0, np.int64), np.empty((0, 0), np.float32)
    if column not in columns_of(path):
        return nothing
    with readable(path, f"column {column!r} cannot be read", "copy the file again"):
        listed = pq.read_table(path, columns=[column])[column].combine_chunks()
    if isinstance(listed, pa.ChunkedArray):
        listed = pa.concat_arrays(listed.chunks)
    if pa.types.is_null(listed.type):
        return nothing
    owner = np.arange(len(listed))
    if not _is_list(listed.type):
        raise GoodsError(f"{path}: column {column!r} is {listed.type}, expected lists of numbers; convert it")
    if _is_list(listed.type.value_type):
        owner = np.asarray(pc.list_parent_indices(listed), np.int64)
        listed = pc.list_flatten(listed)
    if pa.types.is_null(listed.type) or pa.types.is_null(listed.type.value_type):
        return nothing  # empty lists alone
    if not pa.types.is_floating(listed.type.value_type) and not pa.types.is_integer(listed.type.value_type):
        raise GoodsError(f"{path}: column {column!r} is {listed.type}, expected lists of numbers; convert it")
    lengths = np.asarray(pc.fill_null(pc.list_value_length(listed), 0), np.int64)
    if not (lengths > 0).any():
        return nothing
    width = int(np.bincount(lengths[lengths > 0]).argmax())
    fits = lengths == width
    values = pc.list_flatten(listed.filter(pa.array(fits))).to_numpy(zero_copy_only=False)
    vectors = values.astype(np.float32).reshape(-1, width)
    finite = (np.abs(vectors) < HUGE).all(1)  # not so of what is no number
    for row in np.unique(np.concatenate([owner[(lengths > 0) & ~fits], owner[fits][~finite]])):
        issues.add(ids[row], column, f"a vector not of {width} numbers", "matched without that vector")
    return owner[fits][finite], vectors[finite]


def _is_list(type_: pa.DataType) -> bool:
    return pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_)


def pairs_of(path: Path, split: str) -> pd.DataFrame:
    columns = dict.fromkeys(PAIR_IDS, "int") | ({"target": "int"} if split == "train" else {})
    frame = read_table(path, columns)
    pairs = pd.DataFrame({column: integer_ids(frame, column, path) for column in PAIR_IDS})
    pairs["split"] = split
    pairs["target"] = np.int32(-1)
    if split == "train":
        bad = ~frame.target.isin([0, 1])
        if bad.any():
            raise GoodsError(
                f"{path}: row {int(bad.to_numpy().argmax())}: target is not 0 or 1; mend that row"
            )
        pairs["target"] = frame.target.astype("int32")
    return pairs


def usable(pairs: pd.DataFrame, known: pd.Index, path: Path, issues: Issues) -> np.ndarray:
    """bool [n]: train pairs that can be learned from; notes what is odd of the others and of test pairs."""
    is_train = (pairs.split == "train").to_numpy()
    first, second = (pairs[column].to_numpy() for column in PAIR_IDS)
    strange = ~np.isin(first, known) | ~np.isin(second, known)
    if strange.mean() > 0.5:
        raise GoodsError(
            f"{path.parent}: {strange.sum()} of {len(pairs)} pairs in {path.name} name products that "
            "train_data.parquet and test_data.parquet lack (variantid "
            f"{first[strange][0] if first[strange][0] not in known else second[strange][0]} is the first); "
            "give the data files that belong to the pairs"
        )
    low, high = np.minimum(first, second), np.maximum(first, second)
    key = pd.DataFrame({"low": low, "high": high})
    again = key.duplicated().to_numpy()
    variety = pairs.target.groupby([low, high]).transform("nunique").to_numpy()
    action = "left out of the train pairs" if is_train.all() else "predicted all the same"
    problems = [
        (strange, "names a product that is not in the data"),
        (first == second, "a product with itself"),
        ((variety > 1) & is_train, "labelled 0 and 1"),
        (again, "given before, in this or the other order"),
    ]
    bad = np.zeros(len(pairs), bool)
    for which, problem in problems:
        for row in np.flatnonzero(which & ~bad):
            issues.add(first[row], "pair", f"with {second[row]}: {problem}", action)
        bad |= which
    return ~bad


def grouped_categories(pairs: pd.DataFrame, category: pd.Series) -> pd.Series:
    """cat3_grouped: the first product's category where it has more than `GROUPED_OVER` train pairs, else "rest"."""
    own = pairs.variantid1.map(category).fillna("").astype("str")
    sizes = own[pairs.split == "train"].value_counts()
    return own.where(own.isin(sizes.index[sizes > GROUPED_OVER]) & (own != ""), REST)


def embeddings_of(
    data: Path, column: str, parts: dict[str, pd.DataFrame], index: pd.Index, issues: Issues
) -> tuple[np.ndarray, np.ndarray]:
    """(owner int64 [m] row in `index`, float32 [m, d]) of a column of both data files."""
    owners, vectors, seen = [], [], np.zeros(len(index), bool)
    for split, cards in parts.items():
        owner, found = vectors_of(data / CARD_FILES[split], column, cards.product_id.to_numpy(), issues)
        place = index.get_indexer(pd.Index(cards.product_id))
        kept = ~seen[place][owner]
        seen[place] = True
        if kept.any():
            owners.append(place[owner[kept]])
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


def one_of_each(cards: pd.DataFrame, issues: Issues) -> pd.DataFrame:
    """The first row of every product: the train file's of those in both files; notes those told otherwise in the
    other."""
    told = ["product_id", "title", "colours", "levels", "characteristics"]
    variants = cards[told].drop_duplicates()
    for id_ in variants.product_id[variants.product_id.duplicated()]:
        issues.add(id_, "variantid", "told otherwise in each data file", f"as in {CARD_FILES['train']}")
    return cards.drop_duplicates("product_id", ignore_index=True)


def read_ozon(data: Path) -> RawPairs:
    """All four files. Raises GoodsError naming the file and the mend."""
    if not data.is_dir():
        files = ", ".join((*PAIR_FILES.values(), *CARD_FILES.values()))
        raise GoodsError(
            f"{data}: no such data folder; put {files} there, or name their folder with --data DIR"
        )
    issues = Issues()
    parts = {split: cards_of(data / name, split, issues) for split, name in CARD_FILES.items()}
    cards = one_of_each(pd.concat(parts.values(), ignore_index=True), issues)
    embeddings = {
        kind: embeddings_of(data, column, parts, pd.Index(cards.product_id), issues)
        for kind, column in EMBEDDINGS.items()
    }
    known = pd.Index(cards.product_id)
    found: list[pd.DataFrame] = []
    for split, name in PAIR_FILES.items():
        pairs = pairs_of(data / name, split)
        kept = usable(pairs, known, data / name, issues)
        found.append(pairs[kept] if split == "train" else pairs)
    pairs = pd.concat(found, ignore_index=True)
    train = pairs.target[pairs.split == "train"]
    if train.nunique() < 2:
        raise GoodsError(
            f"{data / PAIR_FILES['train']}: its {len(train)} usable pairs are all alike, of target "
            f"{', '.join(map(str, train.unique()))}; give matches (1) and others (0)"
        )
    pairs["category"] = grouped_categories(pairs, level_3(cards.set_index("product_id").levels))
    pairs.insert(0, "product_id", np.arange(len(pairs), dtype=np.int64))
    return RawPairs(cards, pairs, embeddings, issues)


COMPETITION = Competition(read_ozon, PairScores(PAIR_IDS, "target"), problem="pairs")
