"""Cells of a raw card, JSON or nested columns → clean text fields."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from goods.cards.literals import MAX_NESTED, Malformed, TooDeep, read_cell
from goods.cards.text import squeeze, strip_html
from goods.cards.unicode import is_usual, plain

BOOLEANS = {True: "true", False: "false"}
EMPTY = "text_fields is empty"  # which is no fault of the cell
NAMES = ("name", "title", "key", "charcName")  # how an object that is one attribute calls its name …
_NAMES = frozenset(NAMES)
VALUES = ("value", "values", "charcValues")  # … and its value


def as_text(value: Any) -> str:
    """A JSON value as plain text: numbers with all their digits, lists joined by commas, objects as "name: value";
    '' of null."""
    if isinstance(value, str):
        return strip_html(value)
    if isinstance(value, bool):
        return BOOLEANS[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return (
            f"{value:.15g}" if math.isfinite(value) else ""
        )  # 15 digits are what a float keeps of a decimal
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(text for text in map(as_text, value) if text)
    if isinstance(value, dict):
        return unique_lines(attribute_lines(value))
    return str(value)  # dates and decimals of nested columns


def named_value(item: Any) -> tuple[str, Any] | None:
    """Name and value of an object that is one attribute, `{"name": "Цвет", "value": "синий"}`; None of others."""
    if not isinstance(item, dict) or _NAMES.isdisjoint(item):
        return None
    name = next((key for key in NAMES if isinstance(item.get(key), str) and item[key].strip()), None)
    there = [key for key in VALUES if key in item]
    if name is None or not there:
        return None
    return item[name], next((item[key] for key in there if item[key] is not None), None)


def mapping_of(value: Any) -> dict[str, Any] | None:
    """An object, or a list of objects that are attributes, as name → value; a repeated name has the values of all.

    None of anything else.
    """
    if isinstance(value, dict):
        named = named_value(value)
        return value if named is None else {named[0]: named[1]}
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        return None
    found: dict[str, Any] = {}
    for item in value:
        for name, one in (mapping_of(item) or {}).items():
            found[name] = [*_listed(found[name]), *_listed(one)] if name in found else one
    return found


def name_values(mapping: Any) -> list[str]:
    """`{name: [v1, v2]}` → ["name: v1, v2"]; scalars stand for one-element lists."""
    if not isinstance(mapping, dict):
        return []
    lines = []
    for name, values in mapping.items():
        joined = ", ".join(text for text in map(as_text, _listed(values)) if text)
        lines.append(f"{squeeze(str(name))}: {joined}" if joined else squeeze(str(name)))
    return lines


def attribute_lines(value: Any) -> list[str]:
    """Attributes as texts, as objects, or as a list of either → a line for each."""
    if isinstance(value, dict):
        return name_values(mapping_of(value))
    if isinstance(value, list):
        return [line for item in value for line in attribute_lines(item)]
    return [] if value is None else [as_text(value)]


def unique_lines(lines: list[str]) -> str:
    """Non-empty lines without those that look like an earlier one, joined by '; '."""
    told = [line for line in lines if line]
    if is_usual(joined := "; ".join(dict.fromkeys(told))):
        return joined  # each looks like itself alone
    kept: dict[str, str] = {}
    for line in told:
        kept.setdefault(plain(line), line)
    return "; ".join(kept.values())


def plain_value(value: Any, depth: int = 0) -> Any:
    """A cell of a nested column as JSON would have it: arrays and maps are lists, fields without a value left out.

    Raises TooDeep.
    """
    if depth > MAX_NESTED:
        raise TooDeep
    if isinstance(value, np.ndarray):
        value = value.tolist()
    below = depth + 1
    if isinstance(value, dict):
        return {
            key: plain_value(one, below) for key, one in value.items() if one is not None or key in VALUES
        }
    if isinstance(value, list | tuple):
        if value and all(isinstance(item, tuple) and len(item) == 2 for item in value):  # a map's entries
            return [{"name": str(name), "value": plain_value(one, below)} for name, one in value]
        return [plain_value(item, below) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value.item() if isinstance(value, np.generic) else value


def read_object(raw: Any, what: str) -> tuple[dict[str, Any], str | None]:
    """A cell that holds an object, and what is wrong where it holds none; `what` names the cell."""
    try:
        value = mapping_of(read_cell(raw) if isinstance(raw, str | bytes) else plain_value(raw))
    except TooDeep as error:
        return {}, f"{what} is {error}"
    except Malformed:
        return {}, f"{what} is not JSON"
    return ({}, f"{what} is not a JSON object") if value is None else (value, None)


def parse_text_fields(raw: Any) -> tuple[dict[str, str], str | None]:
    """KazanExpress 2023 `text_fields` → title, description, attributes; and what was wrong, if anything."""
    empty = {"title": "", "description": "", "attributes": ""}
    if is_nothing(raw):
        return empty, EMPTY
    data, problem = read_object(raw, "text_fields")
    if problem:
        return empty, problem
    lines = attribute_lines(data.get("attributes"))
    for key in ("custom_characteristics", "defined_characteristics", "filters"):
        lines += attribute_lines(data.get(key))
    fields = {
        "title": as_text(data.get("title")),
        "description": as_text(data.get("description")),
        "attributes": unique_lines(lines),
    }
    return fields, None


def is_nothing(raw: Any) -> bool:
    """Whether a cell is null, blank, a time or a number without a value, which `as_text` has no sign for either."""
    return (
        raw is None
        or raw is pd.NaT
        or (isinstance(raw, float) and not math.isfinite(raw))
        or (isinstance(raw, str) and not raw.strip())
    )


def parse_name_value_characteristics(raw: Any) -> str:
    """KazanExpress 2022 "name1: v1 | v2 / name2: v1" → "name1: v1, v2; name2: v1"; objects are read as well."""
    if is_nothing(raw):
        return ""
    if not isinstance(raw, str) or raw.lstrip()[:1] in ("[", "{"):
        named, problem = read_object(raw, "characteristics")
        if not problem or not isinstance(raw, str):
            return unique_lines(name_values(named))
    lines = []
    for part in strip_html(raw).split(" / "):
        name, colon, values = part.partition(":")
        listed = ", ".join(v.strip() for v in values.split("|") if v.strip())
        lines.append(f"{name.strip()}: {listed}" if colon and listed else name.strip())
    return unique_lines(lines)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
