"""Attributes, colours, categories and prices of a pair: what is equal, what differs, what only one side tells."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from rapidfuzz import fuzz, process

from goods.cards.texthash import UNIT
from goods.competitions.table_values import float_of
from goods.matching.codes import has_digit
from goods.matching.measures import measures
from goods.matching.sets import Columns, Sets, by_size, information, overlap, ratio

TOP_KEYS = 20  # attributes with a feature of their own: those that most products have
BRAND_KEYS = frozenset({"бренд", "brand", "марка", "производитель", "manufacturer", "торговая марка"})
MODEL_KEYS = frozenset(
    {"партномер", "артикул", "модель", "код товара", "sku", "article", "mpn", "part number", "partnumber"}
    | {"model", "modelno", "model no", "model number", "item model number", "product number"}
    | {"manufacturer part number"}
)
LONGEST_NUMBER = 16  # signs of a value that is a number; one of seven digits together is an article number
_ARTICLE = re.compile(r"\d{7}")
_LONG_WORD = re.compile(r"[^\W\d_]{5}")
_MODEL = re.compile(r"[^\W\d_][-./]?\d")
_JOINED = re.compile(r"\d[^\W\d_]")
Characteristics = list[dict[str, list[str]]]


def read_characteristics(cards: pd.DataFrame) -> Characteristics:
    return [json.loads(text) for text in cards.characteristics]


def told_attributes(lines: Iterable[str]) -> dict[str, list[str]]:
    """Values by lower-case name of attributes as "name: value"; what has no colon is left out."""
    found: dict[str, list[str]] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon and name.strip() and value.strip():
            found.setdefault(name.strip().lower(), []).append(value.strip())
    return found


def brands_of(rows: Characteristics) -> list[str]:
    """Lower-case brand of each product, "" where no attribute names one."""
    return [
        next((" ".join(values).lower() for key, values in row.items() if key in BRAND_KEYS), "")
        for row in rows
    ]


def models_of(rows: Characteristics) -> list[list[str]]:
    """What attributes give as the model or article number of each product."""
    return [[value for key in sorted(row.keys() & MODEL_KEYS) for value in row[key]] for row in rows]


def value_of(values: Sequence[str]) -> str:
    """The whole value of an attribute, whatever the order of its parts."""
    return " | ".join(sorted(v.lower() for v in values))


def differing(left: dict[str, list[str]], right: dict[str, list[str]]) -> tuple[str, str]:
    """The values of each side where a common attribute differs, in the order of the attributes' names."""
    keys = [k for k in sorted(left.keys() & right.keys()) if value_of(left[k]) != value_of(right[k])]
    first, second = (" ; ".join(f"{k}: {', '.join(side[k])}" for k in keys) for side in (left, right))
    return first, second


def entries_of(rows: Characteristics) -> list[dict[str, str]]:
    return [{key: value_of(values) for key, values in row.items()} for row in rows]


def keys_and_values(entries: list[dict[str, str]]) -> tuple[Sets, Sets]:
    """Which attributes products have, and which values of them."""
    values = [[f"{key}{UNIT}{value}" for key, value in row.items()] for row in entries]
    return Sets.of([row.keys() for row in entries]), Sets.of(values)


class Attributes:
    """The attributes of all products, and features of pairs: shares of equal, different and one-sided ones, plain and
    by how telling they are: agreement on a value by the bits it tells (as the u-probabilities of Fellegi and Sunter
    1969), disagreement by the mean bits of the attribute."""

    def __init__(self, rows: Characteristics) -> None:
        self.rows = rows
        entries = entries_of(rows)
        self.keys, self.values = keys_and_values(entries)
        telling = key_bits(entries)
        self.key_bits, self.value_bits = (
            np.array([telling[item.partition(UNIT)[0]] for item in sets.items], np.float32)
            for sets in (self.keys, self.values)
        )
        counts = Counter(key for row in entries for key in row)
        top = sorted(counts, key=lambda key: (-counts[key], key))[:TOP_KEYS]
        found = {key: pd.factorize(pd.Series([row.get(key) for row in entries], dtype="str")) for key in top}
        self.codes = {key: code for key, (code, _) in found.items()}
        read = {key: Sizes(values.tolist()) for key, (_, values) in found.items() if key not in MODEL_KEYS}
        self.sizes = {key: sizes for key, sizes in read.items() if sizes.known > 0.5}

    def features(self, left: np.ndarray, right: np.ndarray, threads: int) -> Columns:
        found, equal = overlap(self.keys, left, right, "keys"), overlap(self.values, left, right, "values")
        common = found["keys_common"]
        told, told_equal = (
            sets.common(bits, left, right)
            for sets, bits in ((self.keys, self.key_bits), (self.values, self.value_bits))
        )
        columns = {
            name: found[name] for name in ("keys_common", "keys_jaccard", "keys_apart_min", "keys_apart_max")
        } | {
            "values_equal": equal["values_common"],
            "values_equal_share": ratio(equal["values_common"], common),
            "values_equal_told": equal["values_told_common"],
            "values_different": common - equal["values_common"],
            "values_different_told": told - told_equal,
            "differing_likeness": self.likeness(left, right, threads),
        }
        for key, code in self.codes.items():  # 1 equal, 0 different, not a number where a side lacks it
            there = (code[left] >= 0) & (code[right] >= 0)
            columns[f"key {key}"] = np.where(there, code[left] == code[right], np.nan).astype(np.float32)
        for key, sizes in self.sizes.items():
            columns[f"ratio {key}"] = sizes.ratio(self.codes[key][left], self.codes[key][right])
        return columns

    def likeness(self, left: np.ndarray, right: np.ndarray, threads: int) -> np.ndarray:
        """float32 [n] how alike the values that differ are as texts, not a number where none differs."""
        texts = [
            differing(self.rows[i], self.rows[j]) for i, j in zip(left.tolist(), right.tolist(), strict=True)
        ]
        first, second = [a for a, _ in texts], [b for _, b in texts]
        alike = process.cpdist(first, second, scorer=fuzz.token_set_ratio, dtype=np.float32, workers=threads)
        return np.where([bool(a) for a in first], alike / 100, np.nan).astype(np.float32)


class Sizes:
    """The distinct values of one attribute as numbers; `known` is the share of them that are."""

    def __init__(self, values: list[str]) -> None:
        read = [quantity(value) for value in values]
        self.dimension = pd.factorize(pd.Series([q and q[0] for q in read], dtype="str"))[0]
        self.size = np.array([q[1] if q else np.nan for q in read], np.float64)
        self.known = float(np.mean([q is not None for q in read]))

    def ratio(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """float32 [n] of the values of two sides int [n], −1 for none: the smaller as a share of the larger, not a
        number where a side is none, or of another dimension."""
        low, high = (side(self.size[one], self.size[other]) for side in (np.minimum, np.maximum))
        told = (one >= 0) & (other >= 0) & (self.dimension[one] == self.dimension[other]) & (low > 0)
        return ratio(np.where(told, low, np.nan), np.where(told, high, 0)).astype(np.float32)


def quantity(value: str) -> tuple[str, float] | None:
    """(dimension, "" of a bare number, and size) of a value that is one amount, or one number with no more than a sign
    of currency or a short word beside it: "64 ГБ", "$1,299.00", "49.99 gbp"; None of any other."""
    if len(value) > LONGEST_NUMBER or not has_digit(value) or _ARTICLE.search(value) or _MODEL.search(value):
        return None
    if len(found := measures(value)) == 1:
        return found[0]
    if _LONG_WORD.search(value) or _JOINED.search(value):
        return None
    number = float_of(value)
    return None if number is None else ("", number)


def key_bits(entries: list[dict[str, str]]) -> dict[str, float]:
    """Mean bits that a value of each attribute tells: its entropy."""
    counted: dict[str, Counter[str]] = {}
    for row in entries:
        for key, value in row.items():
            counted.setdefault(key, Counter())[value] += 1
    bits = {}
    for key, counts in counted.items():
        share = np.array(list(counts.values())) / counts.total()
        bits[key] = float(-(share * np.log2(share)).sum())
    return bits


class Levels:
    """The categories of all products, level by level; what is not known is neither equal nor different."""

    def __init__(self, cards: pd.DataFrame) -> None:
        listed = [json.loads(text) for text in cards.levels]
        depth = max((len(levels) for levels in listed), default=0)
        named = [[row[d] if d < len(row) and row[d] else None for row in listed] for d in range(depth)]
        self.codes = [pd.factorize(pd.Series(column, dtype="str"))[0] for column in named]  # −1: not known
        deepest = pd.Series([next(filter(None, reversed(row)), None) for row in listed], dtype="str")
        bits = information(deepest.map(deepest.value_counts()).fillna(1).to_numpy(), len(listed))
        self.bits = np.where(deepest.isna(), np.nan, bits).astype(np.float32)

    @property
    def known(self) -> bool:
        return any((code >= 0).any() for code in self.codes)

    def features(self, left: np.ndarray, right: np.ndarray) -> Columns:
        """Down to which level both are in one category, not a number where a side has none; bits that the deepest of
        either tells."""
        agreed, still = np.zeros(len(left), np.float32), np.ones(len(left), bool)
        told = np.zeros(len(left), bool)
        for code in self.codes:
            there = (code[left] >= 0) & (code[right] >= 0)
            still &= ~there | (code[left] == code[right])
            agreed += still & there
            told |= there
        agreed[~told] = np.nan
        return {"levels_agreed": agreed, **by_size(self.bits[left], self.bits[right], "category_bits")}


def colour_features(colours: Sets, left: np.ndarray, right: np.ndarray) -> Columns:
    """float32 [n] of products `left` and `right` int [n]: colours both have, their share, whether none is common."""
    found = overlap(colours, left, right, "colours")
    return {name: found[name] for name in ("colours_common", "colours_jaccard", "colours_disagree")}


def price_features(price: np.ndarray, left: np.ndarray, right: np.ndarray) -> Columns:
    """price float64 [products], not a number where it is not known."""
    low, high = np.minimum(price[left], price[right]), np.maximum(price[left], price[right])
    with np.errstate(invalid="ignore"):
        found = ratio(np.where(low > 0, low, np.nan), np.where(high > 0, high, 0))
    return {"price_ratio": found.astype(np.float32)}
