"""Words and attributes of products as items, and which of them the two products of a pair have both or alone."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from goods.cards.texthash import UNIT
from goods.matching.attributes import Attributes, read_characteristics
from goods.matching.names import normal
from goods.matching.products import Products
from goods.matching.sets import Sets

_PART = re.compile(r"[^\W\d_]+|\d+(?:[.,]\d+)?")  # letters apart from digits: "64gb" is "64" and "gb"


class Items:
    """What products have: words, values and keys of attributes, and the columns of a pair: + for what both have, − for
    what one has. Of attributes there are values (equal on both sides) and keys (both have one, and the values differ).
    """

    def __init__(self, cards: pd.DataFrame) -> None:
        attributes = Attributes(read_characteristics(cards))
        self.words = Sets.of([_PART.findall(normal(title)) for title in cards.title])
        self.values, self.keys = attributes.values, attributes.keys
        # attributes that are equal are columns of values; summed by key they are taken off what both have
        number = {key: i for i, key in enumerate(self.keys.items)}
        owner = [number[item.partition(UNIT)[0]] for item in self.values.items]
        self.key_of_value = csr_matrix(
            (np.ones(len(owner), np.float32), (np.arange(len(owner)), owner)),
            shape=(self.values.matrix.shape[1], self.keys.matrix.shape[1]),
        )
        self.columns = [
            *(f"+{word}" for word in column_names(self.words)),
            *(f"-{word}" for word in column_names(self.words)),
            *(f"+{UNIT}{value}" for value in column_names(self.values)),
            *(f"-{UNIT}{key}" for key in column_names(self.keys)),
        ]


def items_of(products: Products) -> Items:
    """Made once for all models of a process."""
    kept = products.kept.items
    if not kept:
        kept.append(Items(products.cards))
    return kept[0]


def column_names(sets: Sets) -> list[str]:
    """Names of all columns of the matrix, which has one even where there is no item."""
    return sets.items or [UNIT]
