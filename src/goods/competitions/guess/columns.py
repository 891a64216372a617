"""What a column looks like, and which of several is the id, the title, the photo, …"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from goods.cards.decoding import SUFFIXES
from goods.cards.fields import is_nothing, plain_value
from goods.competitions.table_values import WHOLE_SPELLED, float_of
from goods.core import numbers

NAMES = {  # how columns are called
    "id": r"^$|^(id|index|row)$|id$|^(sku|nm|asin|offer|uid|код|артикул)$",
    "title": r"title|name|designation|naimen|наимен|назван|товар|product$|^text$",
    "description": r"descr|опис|text|detail|body|content",
    "attributes": r"attr|charac|param|spec|propert|feature|характ|свойств",
    "shop": r"brand|shop|seller|vendor|store|merchant|бренд|магазин|продав",
    "photo": r"image|img|photo|picture|pic\b|фото|картин",
    "parent": r"(?<!trans)(?<!ap)parent|родит|^up$|^pid$",
    "target": r"target|label|class|category|cat_?id|code$|type|y$|категор|класс",
}
SAMPLE = 2_000  # cells that are looked at
DATE = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d.*)?|\d\d?[./]\d\d?[./]\d{4}( \d\d:\d\d.*)?")
UNIT = re.compile(  # words beside a number that leave it one
    r"(?:руб|коп|тенге|грн|шт|грамм|литр|метр|мин|час|rub|usd|eur|gbp|kzt|byn|uah|cny|pcs|gram|kilo)[^\W\d_]*",
    re.I,
)
CODE = re.compile(r"\W*[^\W\d_]+\d")  # letters before a digit: "A1" and "B1" are two things
FEW = 60  # values of a category beside the text
WORDS = 3  # of a title, at least, on average


@dataclass
class Column:
    """A column of one table; of many cells some are looked at."""

    name: str
    cells: pd.Series

    @cached_property
    def there(self) -> list[Any]:
        """Cells that hold something."""
        return [cell for cell in self.cells.tolist() if not is_nothing(plain_value(cell))]

    @cached_property
    def some(self) -> list[Any]:
        step = max(1, len(self.there) // SAMPLE)
        return self.there[::step]

    @property
    def empty(self) -> float:
        return 1 - len(self.there) / max(1, len(self.cells))

    @cached_property
    def words(self) -> list[str]:
        return [str(plain_value(cell)) for cell in self.some]

    @property
    def all_words(self) -> list[str]:
        return [str(plain_value(cell)) for cell in self.there]

    @cached_property
    def ids(self) -> list[str]:
        """Its words, whole numbers without decimals and marks between thousands."""
        words = self.all_words
        if not all(map(WHOLE_SPELLED.fullmatch, words)):
            return words
        try:
            return [str(numbers.whole_number(word)) for word in words]
        except ValueError:  # told where they are read
            return words

    @cached_property
    def values(self) -> int:
        return len(set(self.all_words))

    @property
    def unique(self) -> bool:
        return len(self.there) == len(self.cells) == self.values

    @property
    def numbers_rows(self) -> bool:
        """Whether each whole number of a range stands once in it, in whatever order."""
        if (
            len(self.cells) < 2
            or not self.unique
            or not all(re.fullmatch(r"-?\d+", word) for word in self.ids)
        ):
            return False
        values = list(map(int, self.ids))
        return max(values) - min(values) == len(values) - 1

    @property
    def nested(self) -> float:
        return self._share(
            lambda cell: (
                isinstance(cell, dict | list | tuple | np.ndarray)
                or bool(isinstance(cell, str) and cell.lstrip()[:1] in ("{", "["))
            )
        )

    @property
    def binary(self) -> float:
        """Share of cells with bytes that are no text, such as those of photos."""
        return self._share(holds_binary)

    @property
    def named_values(self) -> float:
        """Share of cells such as "colour: red; size: 5"."""
        return self._share(lambda cell: isinstance(cell, str) and bool(re.match(r"[^\n;:]{2,30}: ?\S", cell)))

    @property
    def numeric(self) -> float:
        """Share of numbers among the cells that hold more than a word for nothing."""
        told = [cell for cell in self.some if not (isinstance(cell, str) and numbers.is_nothing(cell))]
        return share(
            told,
            lambda cell: (
                (not isinstance(cell, str | bytes | bool) and np.isscalar(cell))
                or (
                    isinstance(cell, str)
                    and len(cell) < 30
                    and float_of(cell) is not None
                    and not re.search(r"[^\W\d_]{3}", UNIT.sub("", cell))
                    and not CODE.match(UNIT.sub("", cell))
                )
            ),
        )

    @property
    def has_fractions(self) -> bool:
        if self.unique and all(map(WHOLE_SPELLED.fullmatch, self.words)):  # 1,234 is no number near 1
            return False
        numbers = [float_of(str(cell)) for cell in self.some] if self.numeric > 0.9 else []
        return any(number is not None and number % 1 for number in numbers)

    @property
    def dates(self) -> float:
        return self._share(lambda cell: bool(DATE.fullmatch(str(cell).strip())))

    @property
    def photos(self) -> float:
        return self._share(lambda cell: str(cell).lower().strip("]\"' ").endswith(SUFFIXES))

    @cached_property
    def length(self) -> float:
        """Words of a cell, on average."""
        return float(np.mean([len(word.split()) for word in self.words])) if self.words else 0.0

    @property
    def is_text(self) -> bool:
        return (
            bool(self.words)
            and self.numeric < 0.5
            and self.nested < 0.5
            and self.dates < 0.5
            and self.photos < 0.5
        )

    @property
    def divides_classes(self) -> str | None:
        """What stands between several values of a cell, where they make far more combinations than there are values,
        and some lead one cell and follow in another, as the levels of a path do not."""
        for sign in ("|", ";", ","):
            cells = [[part.strip() for part in word.split(sign)] for word in set(self.words)]
            parts = {part for cell in cells for part in cell}
            follow = {part for cell in cells for part in cell[1:]}
            if 2 * len(parts) < len(cells) and any(cell[0] in follow for cell in cells):
                return sign
        return None

    @property
    def depth(self) -> int:
        """The number at the end of its name, such as that of a level; -1 where there is none."""
        number = re.search(r"\d+$", self.name.strip())
        return int(number[0]) if number else -1

    def called(self, what: str) -> bool:
        return is_called(self.name, what)

    def _share(self, asked: Any) -> float:
        return share(self.some, asked)


Columns = dict[str, Column]


def is_called(name: str, what: str) -> bool:
    """Whether a column of this name is likely what a key of NAMES stands for."""
    return bool(re.search(NAMES[what], name.strip().lower()))


def holds_binary(cell: Any) -> bool:
    if isinstance(cell, dict):
        return any(map(holds_binary, cell.values()))
    if not isinstance(cell, bytes):
        return False
    try:
        return "\0" in cell.decode()
    except UnicodeDecodeError:
        return True


def share(cells: list[Any], asked: Any) -> float:
    return sum(bool(asked(cell)) for cell in cells) / max(1, len(cells))


def separator_of(column: Column) -> str | None:
    """What divides the names of a path, where most cells hold it."""
    for separator in ("->", " > ", ">", " / ", "/", "|", "::", "\\"):
        if sum(separator in word for word in column.words) > 0.8 * max(1, len(column.words)):
            return separator.strip()
    return None


def decides(of: pd.Series, what: pd.Series) -> bool:
    """Whether each value of a column goes with one value of another alone."""
    pairs = pd.DataFrame({"a": of.map(str), "b": what.map(str)})[of.notna().to_numpy()].drop_duplicates()
    return bool(pairs.a.is_unique)
