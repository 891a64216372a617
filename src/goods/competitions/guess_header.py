"""CSV files that begin with a card in place of the names of their columns."""

from __future__ import annotations

import re

from goods.competitions.arrow import told
from goods.competitions.guess_columns import Column
from goods.competitions.guess_files import Source
from goods.competitions.table_files import TEXT, suffix_of
from goods.competitions.table_values import float_of
from goods.core.errors import GoodsError

NUMBER = re.compile(r"\s*[-+]?\d")
NUMBERS = 0.9  # share of a column's cells that are numbers, where it is one of these


def check_header(source: Source, columns: dict[str, Column]) -> None:
    """GoodsError where the first line looks like a card: each column of numbers is called by a number, or one of few
    values by one of them."""
    file = source.table.parts[0]
    if suffix_of(file) not in TEXT or not is_card(list(columns), list(columns.values())):
        return
    raise GoodsError(
        f"{file}: its first line looks like a card, not like the names of columns ({told(list(columns))}); write a "
        "line of names above it"
    )


def is_card(names: list[str], columns: list[Column]) -> bool:
    if names == [str(i) for i in range(len(names))]:  # as pandas calls columns without a name
        return False
    numeric = [column for column in columns if column.numeric > NUMBERS]
    if numeric:
        return all(NUMBER.match(column.name) and float_of(column.name) is not None for column in numeric)
    return any(column.name in column.words and column.values < len(column.there) for column in columns)
