"""Rows of a table → card rows: texts, attributes, numbers, categories, names of photos."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd

from goods.cards.fields import as_text, attribute_lines, is_nothing, plain_value, unique_lines
from goods.cards.literals import Malformed, TooDeep, read_cell
from goods.cards.table import CATEGORY, NUMBER, PHOTO, TEXT_FIELDS, Issues
from goods.cards.text import strip_html
from goods.competitions.raw import clip_text, require_unique
from goods.competitions.table_values import are_whole, floats_of, ids_of, words_of, writable
from goods.config.table import Columns, Split, TableConfig, listed

ROW = "goods:row"  # column of row numbers, where a table has no ids
PLACE = re.compile(r"\{([^{}]*)\}")


def columns_of_cards(config: TableConfig) -> dict[str, str]:
    """What a card is read from: key of the section → column, for each."""
    wanted = {} if config.id is None else {"id": config.id}
    for key in ("title", "description", "attributes", "shop", "numbers", "categories"):
        for i, column in enumerate(listed(getattr(config, key))):
            wanted[f"{key}[{i}]" if i else key] = column
    if config.photo is not None:
        for column in PLACE.findall(config.photo) or [config.photo]:
            wanted[f"photo {column}"] = column
    return wanted


def cards_of(
    frame: pd.DataFrame,
    path: Path,
    split: Split,
    config: TableConfig,
    issues: Issues,
    whole: bool | None = None,
) -> pd.DataFrame:
    """Card rows without classes; ids are `whole` numbers or texts, None: found out of these rows."""
    if config.id is None:
        ids, name = frame[ROW].astype("int64"), "row"
    else:
        if whole is None:
            whole = are_whole([frame], config.id)
        ids, name = ids_of(frame[config.id], whole, config.id, path), config.id
    cards = pd.DataFrame({"product_id": ids, "split": split})
    require_unique(cards.product_id, name, path)
    cards["title"] = texts(frame, config.title)
    cards["description"] = texts(frame, config.description)
    cards["attributes"] = attributes(frame, config.attributes, cards.product_id, issues)
    cards["shop"] = texts(frame, config.shop)
    cards["sale"] = False
    numbers = {f"{NUMBER}{c}": floats_of(frame[c], cards.product_id, c, issues) for c in config.numbers}
    categories = {
        f"{CATEGORY}{c}": pd.Series(words_of(frame[c]), frame.index, dtype="str") for c in config.categories
    }
    # added at once: each of thousands by itself would break the table into as many pieces
    cards = pd.concat([cards, pd.DataFrame(numbers | categories, frame.index)], axis=1)
    if config.photo is not None:
        names = [writable(name) for name in names_of_photos(frame, config.photo)]
        cards[PHOTO] = pd.Series(names, frame.index, dtype="str")
    clip_text(cards, TEXT_FIELDS, issues)
    return cards


def texts(frame: pd.DataFrame, columns: Columns | None) -> pd.Series:
    """What stands in the columns, of several joined by blanks."""
    found = [[strip_html(text) for text in words_of(frame[column])] for column in listed(columns)]
    joined = [" ".join(filter(None, row)) for row in zip(*found, strict=True)] if found else ""
    return pd.Series(joined, frame.index, dtype="str")


def attributes(frame: pd.DataFrame, columns: Columns | None, ids: pd.Series, issues: Issues) -> pd.Series:
    """A line for each attribute: of a list of columns one each, of one column what its cells hold."""
    if columns is None:
        return pd.Series("", frame.index, dtype="str")
    if isinstance(columns, str):
        cells = frame[columns].tolist()
        found = []
        for row, cell in enumerate(cells):
            text, problem = attributes_of(cell)
            found.append(text)
            if problem:
                issues.add_unreadable(
                    ids.iloc[row], columns, problem, "predicted from the other fields", cell
                )
        return pd.Series(found, frame.index, dtype="str")
    by_column = [[(name, strip_html(text)) for text in words_of(frame[name])] for name in columns]
    lines = [[f"{name}: {text}" for name, text in row if text] for row in zip(*by_column, strict=True)]
    return pd.Series([unique_lines(row) for row in lines], frame.index, dtype="str")


def attributes_of(cell: Any) -> tuple[str, str | None]:
    """Lines of one cell (JSON, nested values, `name: value` texts a line each or divided by semicolons, plain text),
    and what is wrong where it cannot be read."""
    if is_nothing(cell):
        return "", None
    if not isinstance(cell, str | bytes):
        return unique_lines(attribute_lines(usual_keys(plain_value(cell)))), None
    text = cell.decode("utf-8", "replace") if isinstance(cell, bytes) else cell
    if text.lstrip()[:1] not in ("{", "["):
        return unique_lines([strip_html(line) for line in re.split(r"[\n;]", text)]), None
    for reading in (text, text.replace('""', '"')):  # quotes that a CSV file has left doubled
        try:
            return unique_lines(attribute_lines(usual_keys(read_cell(reading)))), None
        except (Malformed, TooDeep) as error:
            problem = str(error)
    return "", f"attributes unreadable: {problem}"


def usual_keys(value: Any) -> Any:
    """Objects such as {"attribute_name": …, "attribute_value": …, "attribute_measure": …} as name and value."""
    if isinstance(value, list):
        return [usual_keys(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {end: key for end in ("_name", "_value", "_measure") for key in value if key.endswith(end)}
    if not {"_name", "_value"} <= found.keys() or len(value) > len(found):
        return value
    told = [value[found[end]] for end in ("_value", "_measure") if value.get(found.get(end))]
    return {"name": value[found["_name"]], "value": " ".join(map(as_text, told))}


def names_of_photos(frame: pd.DataFrame, photo: str) -> list[str]:
    """Path or name of each card's photo, "" where it has none."""
    places = PLACE.findall(photo)
    if not places:
        return [first_of(cell) for cell in words_or_lists(frame[photo])]
    words = [words_of(frame[column]) for column in places]
    pieces = PLACE.split(photo)[::2]
    return [
        "".join(piece + value for piece, value in zip(pieces, (*row, ""), strict=True)) if all(row) else ""
        for row in zip(*words, strict=True)
    ]


def words_or_lists(column: pd.Series) -> list[Any]:
    return [plain_value(cell) if isinstance(plain_value(cell), list) else cell for cell in column.tolist()]


def first_of(cell: Any) -> str:
    """The first name of a cell that may be a list, or a JSON list, of them."""
    if isinstance(cell, str) and cell.lstrip()[:1] == "[":
        try:
            cell = read_cell(cell)
        except Malformed:
            return ""
    if isinstance(cell, list):
        cell = next((item for item in cell if isinstance(item, str) and item.strip()), "")
    return "" if is_nothing(cell) else str(cell).strip()
