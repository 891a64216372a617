"""What a reader of any author has given back, looked at before anything is made of it."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from pandas.api.types import is_integer

from goods.cards.table import TEXT_FIELDS, UNLABELLED
from goods.competitions.arrow import told
from goods.competitions.raw import CategoryPath, Raw, RawPairs
from goods.core.errors import GoodsError
from goods.core.ids import Id, are_numbers, plain_id

SPLITS = ("train", "test", UNLABELLED)
LARGEST = 2**63 - 1


def check_returned(raw: object, reader: str) -> None:
    """GoodsError where `raw` is none, or its cards are not as `Raw` says; it names the reader and the first card."""
    if isinstance(raw, RawPairs):
        return
    if not isinstance(raw, Raw):
        raise GoodsError(f"reader {reader}: read returned a {type(raw).__name__}, expected a Raw; return one")
    cards, where = raw.cards, f"reader {reader}: "
    classes = [f"target_{name}" for name in raw.targets] or ["category_id"]
    needed = ["product_id", "split", *TEXT_FIELDS, "sale", *classes]
    if lacking := [name for name in needed if name not in cards]:
        raise GoodsError(
            f"{where}its cards have no column {lacking[0]!r} (they have {told(list(map(str, cards.columns)))}); add it"
        )
    ids = cards.product_id
    refuse(no_ids(ids), ids, f"{where}product_id", "expected a whole number of 64 bits or a text")
    refuse(ids.duplicated(), ids, f"{where}product_id", "which another card has; give each its own")
    refuse(~cards.split.isin(SPLITS), cards.split, f"{where}split", f"expected one of {', '.join(SPLITS)}")
    for name in TEXT_FIELDS:
        texts = cards[name]
        refuse(no_texts(texts), texts, f"{where}{name}", "expected a text, '' where there is none")
    if not raw.targets:
        known = cards.category_id[cards.split == "train"]
        refuse(no_ids(known), known, f"{where}category_id", "expected the class of a train card")
        check_tree(raw.tree, known, where)


def refuse(wrong: pd.Series, values: pd.Series, what: str, expected: str) -> None:
    """GoodsError that tells the first of the `values` that are `wrong`."""
    if wrong.any():
        row = int(wrong.to_numpy(bool).argmax())
        value = values.iloc[[row]].tolist()[0]  # Python's own, by its bare name
        raise GoodsError(f"{what} of its card {row} is {told([repr(value)])}, {expected}")


def check_tree(tree: Mapping[Id, object], classes: pd.Series, where: str) -> None:
    if not isinstance(tree, Mapping):
        raise GoodsError(
            f"{where}its tree is a {type(tree).__name__}, expected each class's CategoryPath; {{}} is none"
        )
    if odd := [id_ for id_, path in tree.items() if not isinstance(path, CategoryPath)]:
        raise GoodsError(f"{where}its tree has no CategoryPath of {odd[0]!r}; make each one")
    known = {plain_id(class_) for class_ in classes.unique()}
    if tree and (lacking := sorted(known - tree.keys(), key=str)):
        raise GoodsError(f"{where}its tree lacks {lacking[0]!r}, the class of a train card; add it")


def no_ids(values: pd.Series) -> pd.Series:
    if are_numbers(values):
        return values.isna() | (values > LARGEST)
    return ~values.map(is_id).astype(bool)


def is_id(value: object) -> bool:
    return isinstance(value, str) or (is_integer(value) and -LARGEST - 1 <= int(value) <= LARGEST)


def no_texts(values: pd.Series) -> pd.Series:
    if values.dtype == "str":
        return values.isna()
    return ~values.map(lambda value: isinstance(value, str)).astype(bool)
