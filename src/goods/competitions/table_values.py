"""Cells of a table, as files write them → ids, numbers, words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from goods.cards.fields import as_text, is_nothing, plain_value
from goods.cards.literals import paired
from goods.cards.table import Issues
from goods.cards.text import squeeze
from goods.cards.unicode import plain
from goods.competitions.arrow import UNCONVERTED
from goods.competitions.raw import check_filled, integer_ids
from goods.core import numbers
from goods.core.errors import GoodsError
from goods.core.log import say
from goods.core.numbers import EXACT, ROUNDED
from goods.core.wording import count

# no zeros before a number: "007" is a text, and stays one
WHOLE = re.compile(r"(?:0|-?[1-9][0-9]{0,18})")
WHOLE_CLASS = re.compile(WHOLE.pattern + r"(?:\.0)?")  # as pandas writes whole numbers beside missing ones
# as others write them: 12.0 beside missing ones, 1,234 and 1 234 with marks between thousands
WHOLE_SPELLED = re.compile(
    rf"{WHOLE.pattern}(?:\.0)?|-?[1-9][0-9]{{0,2}}(?:([, \u00a0\u2009\u202f])[0-9]{{3}})(?:\1[0-9]{{3}}){{0,4}}"
)
NO_NUMBER = ("not a number", "counts as missing")
TOO_LARGE = ("larger than a number of 32 bits", "counts as missing")
LARGEST = float(np.finfo(np.float32).max)  # what features and terms of numbers are held as
NO_NUMBERS = "write that column as numbers, take it out of table.numbers (few values: table.categories)"
NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)(?:[eE][-+]?[0-9]{1,3})?")
COMMAS = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?(?![0-9,])")  # 1,299,000 and 1,299.50
POINTS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{3})+(?:,[0-9]*)?(?![0-9.])")  # 1.299.000 and 1.299,50
BETWEEN = re.compile(r"(?<=[0-9])[ \u00a0\u2009\u202f'_](?=[0-9]{3})")  # thousands
MINUS = "\u2212"  # the sign, where most write a hyphen
LONGEST_ID = 200


def are_whole(
    frames: Iterable[pd.DataFrame], column: str, texts: str = "texts", pattern: re.Pattern[str] = WHOLE
) -> bool:
    """Whether all cells of a column are whole numbers; where they are texts for want of types, as `attrs[texts]` of a
    frame says, by how they are written."""
    return all(
        are_whole_cells(frame[column].dropna(), pattern if frame.attrs[texts] else None) for frame in frames
    )


def are_whole_ids(frames: list[pd.DataFrame], column: str, sample: pd.DataFrame | None) -> bool:
    """Whether ids are whole numbers: all are written as such, or some file, which may be that of the `sample`'s only
    column, writes them so and others with decimals or marks between thousands. Where all do, texts stay what they
    are."""
    if are_whole(frames, column):
        return True
    found = [*frames, *([] if sample is None else [sample.set_axis([column], axis=1)])]
    plain = any(are_whole([frame], column) for frame in found)
    return plain and are_whole(found, column, pattern=WHOLE_SPELLED)


def are_whole_cells(cells: pd.Series, pattern: re.Pattern[str] | None) -> bool:
    """Whether cells, none of them null, are whole numbers; texts are where they match the `pattern` (None: never)."""
    if cells.dtype.kind == "i":
        return True
    if cells.dtype.kind == "f":
        return bool((cells % 1 == 0).all())
    return all(
        pattern is not None and bool(pattern.fullmatch(cell.strip())) and in_64_bits(cell)
        if isinstance(cell, str)
        else isinstance(cell, int | Decimal)
        and not isinstance(cell, bool)
        and -(2**63) <= cell < 2**63
        and cell == int(cell)
        for cell in cells.tolist()
    )


def in_64_bits(text: str) -> bool:
    """Whether a text that one of the patterns describes is a number of so many; short ones are."""
    return len(text) < 19 or -(2**63) <= int(re.sub(r"\.0|[^-0-9]", "", text)) < 2**63


def ids_of(column: pd.Series, whole: bool, name: str, path: Path) -> pd.Series:
    """int64 where they are `whole` numbers, else text as it is written; GoodsError naming the row of one that is
    empty."""
    check_filled(column, empty_cells(column), path, "give that card an id")
    if whole:
        return whole_ids(column, path)
    ids = texts_of(column, path).astype("str")
    odd = ~ids.map(lambda id_: id_.isprintable() and len(id_) <= LONGEST_ID).to_numpy(bool)
    if odd.any():
        row = int(odd.argmax())
        raise GoodsError(
            f"{path}: row {row}: {name!r} {ids.iloc[row][:40]!r} is no id: longer than {LONGEST_ID} signs, or with "
            "signs that cannot be printed; mend that row"
        )
    return ids


def keys_of(column: pd.Series, whole: bool, path: Path) -> pd.Series:
    """What joins tables: as `ids_of`, of any length and without blanks around texts."""
    check_filled(column, empty_cells(column), path, "give that row one")
    return whole_ids(column, path) if whole else texts_of(column, path).astype("str").str.strip()


def empty_cells(column: pd.Series) -> np.ndarray:
    """bool [n]"""
    return column.map(is_nothing).to_numpy(bool)


def whole_ids(column: pd.Series, path: Path) -> pd.Series:
    told = column if column.dtype.kind in "iuf" else whole_numbers(column, path).infer_objects()
    return integer_ids(told.to_frame(column.name), str(column.name), path)


def whole_numbers(column: pd.Series, path: Path) -> pd.Series:
    """Those of numbers and of texts as the patterns describe, None of None. GoodsError naming the row of one that went
    through a float."""
    found = []
    for row, cell in enumerate(column.tolist()):
        try:
            found.append(None if cell is None else whole_number(cell))
        except ValueError as problem:
            told = f"{cell:.0f}" if isinstance(cell, float) else repr(cell)
            raise GoodsError(f"{path}: row {row}: {column.name!r} {told} {problem}") from None
    return pd.Series(found, column.index, dtype=object)


def whole_number(cell: Any) -> int | None:
    if isinstance(cell, float) and abs(cell) >= EXACT:
        raise ValueError(ROUNDED)
    return numbers.whole_number(cell) if isinstance(cell, str) else int(cell)


def classes_of(column: pd.Series, whole: bool, path: Path) -> pd.Series:
    """Whole numbers where they are `whole`, else texts; None where a card has none. GoodsError naming the row of a
    number that went through a float."""
    said = pd.Series(
        [None if is_nothing(cell) else cell for cell in column.tolist()], column.index, object, column.name
    )
    if whole:
        return whole_numbers(said, path)
    return one_spelling(texts_of(said, path))


def one_spelling(classes: pd.Series) -> pd.Series:
    """Texts that look alike (blanks around them, letters in parts, invisible signs) as the one that is written most
    often."""
    bare = classes.map(lambda cell: plain(cell).strip() if isinstance(cell, str) else cell)
    known = pd.DataFrame({"bare": bare, "written": classes}).value_counts(sort=True).reset_index()
    several = known.bare[known.bare.duplicated()].unique()
    if not len(several):
        return classes
    say(
        f"table: {count(len(several), 'class is', 'classes are')} written in several ways that look alike, such as "
        f"{several[0]!r}: the most frequent one counts"
    )
    often = known.drop_duplicates("bare").set_index("bare").written
    return bare.map(lambda cell: often.get(cell, cell)).astype(object).where(classes.notna(), None)


def texts_of(column: pd.Series, path: Path) -> pd.Series:
    """Cells as the contest writes them, None of None. GoodsError naming the row of bytes that are no text: with what
    cannot be read replaced, different ones would be one."""
    found = []
    for row, cell in enumerate(column.tolist()):
        try:
            found.append(None if cell is None else class_text(cell))
        except UnicodeDecodeError:
            raise GoodsError(
                f"{path}: row {row}: {column.name!r} {cell!r:.40} is not in UTF-8; write that column as text"
            ) from None
    return pd.Series(found, column.index, object, column.name)


def class_text(cell: Any) -> str:
    """A cell as the contest writes it; UnicodeDecodeError of bytes that are no text."""
    if isinstance(cell, bytes):
        return cell.decode("utf-8")
    return cell if isinstance(cell, str) else as_text(plain_value(cell))


def writable(text: str) -> str:
    """Halves of signs, which JSON can hold and no file, joined or replaced."""
    return text if text.isprintable() else paired(text)


def arrow_of(column: pd.Series) -> pa.Array | pa.ChunkedArray:
    """The cells as they are; as texts, null where empty, where arrow has no type for all of them: cells of JSON are of
    any."""
    try:
        return pa.array(column, from_pandas=True)
    except UNCONVERTED:
        return pa.array([class_text(cell) or None for cell in column.tolist()], pa.string())


def words_of(column: pd.Series) -> list[str]:
    """A text per cell, "" of null."""
    return [squeeze(cell) if isinstance(cell, str) else as_text(plain_value(cell)) for cell in _told(column)]


def _told(column: pd.Series) -> list[Any]:
    return [None if cell is None or cell is pd.NA or cell is pd.NaT else cell for cell in column.tolist()]


def floats_of(
    column: pd.Series, ids: pd.Series, name: str, issues: Issues, mend: str = NO_NUMBERS
) -> pd.Series:
    """float64, NaN where a card has none; what is no number is noted with its `mend`."""
    found = np.full(len(column), np.nan)
    for row, cell in enumerate(_told(column)):
        if isinstance(cell, str):
            if numbers.is_nothing(cell):
                continue
            value = float_of(cell)
            if value is None:
                issues.add_unreadable(ids.iloc[row], name, *NO_NUMBER, cell, mend)
            else:
                found[row] = value
        elif cell is not None:
            try:
                found[row] = float(cell)
            # lists, dates, bytes, numbers of hundreds of digits
            except (TypeError, ValueError, OverflowError):
                issues.add_unreadable(ids.iloc[row], name, *NO_NUMBER, cell, mend)
    for row in np.flatnonzero(np.isfinite(found) & (np.abs(found) > LARGEST)).tolist():
        issues.add_unreadable(ids.iloc[row], name, *TOO_LARGE, column.iloc[row], mend)
        found[row] = np.nan
    found[~np.isfinite(found)] = np.nan
    return pd.Series(found, column.index)


def float_of(text: str) -> float | None:
    """The first number of a text, "1 299,50 ₽" → 1299.5; None where there is none or more than one."""
    bare = BETWEEN.sub("", text.replace(MINUS, "-"))
    if (found := COMMAS.search(bare)) and (found[0].count(",") > 1 or "." in found[0]):
        bare = bare.replace(",", "")
    elif (found := POINTS.search(bare)) and (found[0].count(".") > 1 or "," in found[0]):
        bare = bare.replace(found[0], found[0].replace(".", ""))
    numbers_ = NUMBER.findall(bare)
    return float(numbers_[0].replace(",", ".")) if len(numbers_) == 1 else None
