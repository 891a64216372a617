"""The `characteristics` column of the Wildberries school: parsed, never evaluated.

Two serialisations occur, as bytes or text: JSON inside an escaped bytes literal inside a list that lacks the last
quote (`['b\\'[{"charcName": "\\\\u041f…"}]\\']`), and the str() of a NumPy array of dicts (no commas between the dicts,
`array([...], dtype=object)`, None, nan). Other escapings of the same, and lists that were never turned into text,
are read as well.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from goods.cards.fields import BOOLEANS, VALUES, named_value
from goods.cards.literals import CONSTANTS, MAX_CHARS, MAX_NESTED, Malformed, TooDeep, paired, read_literal
from goods.core.wording import count

MAX_DEPTH = 12
LEFT_OVER = re.compile(r"(?<!\\)\\+u([0-9a-fA-F]{4})")
EMPTY = re.compile(r"""[\[\s'"b\\]*\[\s*\][\]\s'"\\]*""")  # an empty list in any wrapping


def parse_characteristics(raw: Any) -> tuple[dict[str, list[str]], str | None]:
    """A raw cell → characteristic's name → its values as text, and the problem met (None where there is none).

    Never raises: what cannot be read gives an empty dict and a problem. `charcValues` may be a list or a single value;
    `value` counts where there are no `charcValues`. A name that occurs twice keeps the values of both.
    """
    if raw is None or (isinstance(raw, float) and np.isnan(raw)):
        return {}, None
    try:
        return _told_by(_unwrap(raw, 0))
    except ValueError as error:
        return {}, f"characteristics unreadable: {error}"


def _told_by(items: list[Any]) -> tuple[dict[str, list[str]], str | None]:
    found: dict[str, dict[str, None]] = {}  # values in their order, each once
    lost = 0
    for item in items:
        told = _told(item)
        lost += not told
        for name, texts in told:
            found.setdefault(_clean(name), {}).update(dict.fromkeys(texts))
    listed = {name: list(values) for name, values in found.items()}
    return listed, f"{lost} of {count(len(items), 'characteristic')} without a name" if lost else None


def _told(item: Any) -> list[tuple[str, list[str]]]:
    """Names and values of one item: an object of the contest's or of another's keys, a map's entry, a mapping."""
    if _is_entry(item):
        return [(item[0], _texts(item[1]))]
    if not isinstance(item, dict):
        return []
    if (name := item.get("charcName")) is not None or any(key in item for key in VALUES):
        named = named_value(item)
        name = name if isinstance(name, str) else named[0] if named else ""
        values = _texts(item.get("charcValues")) or _texts(item.get("value")) or _texts(item.get("values"))
        return [(name, values)] if name.strip() else []
    return [(str(name), _texts(value)) for name, value in item.items() if str(name).strip()]


def _texts(value: Any, depth: int = 0) -> list[str]:
    if value is None:
        return []
    if depth > MAX_NESTED:
        raise TooDeep
    if isinstance(value, (list, tuple, np.ndarray)):
        return [text for part in value for text in _texts(part, depth + 1)]
    if isinstance(value, bool | np.bool_):
        return [BOOLEANS[bool(value)]]
    if isinstance(value, dict) or (isinstance(value, float) and not np.isfinite(value)):
        return []
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = _clean(str(value))
    return [text] if text else []


def _clean(text: str) -> str:
    """White space squeezed; `\\u041f` and `\\'` that one more level of escapes has left are read."""
    text = re.sub(r"(?<!\\)\\+(?=['\"])", "", text)
    for _ in range(MAX_DEPTH):
        if "\\u" not in text:
            break
        text = LEFT_OVER.sub(lambda m: chr(int(m[1], 16)), text)
    return " ".join(paired(text).split())


def _is_entry(value: Any) -> bool:
    """Whether a value is a name and its values, as maps of a nested column come."""
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str)


def _unwrap(value: Any, depth: int) -> list[Any]:
    """The list of characteristics inside however many layers of lists, literals and encodings."""
    if depth > MAX_DEPTH:
        raise TooDeep
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (bytes, bytearray)):
        value = bytes(value).decode("utf-8", errors="replace")
    if isinstance(value, dict):
        return [value]
    if isinstance(value, (list, tuple)):
        if all(isinstance(part, dict) or _is_entry(part) for part in value):
            return list(value)
        return [item for part in value for item in _unwrap(part, depth + 1)]
    if not isinstance(value, str):
        raise Malformed(f"a {type(value).__name__} where a list was expected")
    text = value.strip()
    if not text or text in CONSTANTS or EMPTY.fullmatch(text):
        return []
    if len(text) > MAX_CHARS:
        raise Malformed(f"longer than {MAX_CHARS} characters")
    for reading in _readings(text):
        try:
            value = read_literal(reading)
            break
        except Malformed as error:
            problem = error
    else:
        raise problem
    return _unwrap(value, depth + 1)


def _readings(text: str) -> list[str]:
    """The text; what stands between its first and last brace, for wrappings that are damaged; the same with
    one backslash for each run of them, for escapes that are doubled."""
    first, last = text.find("{"), text.rfind("}")
    if not 0 <= first < last:
        return [text]
    inside = f"[{text[first : last + 1]}]"
    return [text, inside, re.sub(r"\\+", r"\\", inside)]
