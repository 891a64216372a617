"""The `characteristics` column of the Wildberries school: parsed, never evaluated.

Two serialisations occur, as bytes or text: JSON inside an escaped bytes literal inside a list that lacks the last
quote (`['b\\'[{"charcName": "\\\\u041f…"}]\\']`), and the str() of a NumPy array of dicts (no commas between the dicts,
`array([...], dtype=object)`, None, nan). Other escapings of the same, and lists that were never turned into text,
are read as well.
"""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

MAX_CHARS = 200_000
MAX_DEPTH = 12
TOKEN = re.compile(
    r"""\s*(?:
    (?P<mark>[\[\](){},:=])
    | (?P<text>[bBuU]?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"))
    | (?P<number>[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))
    | (?P<word>[A-Za-z_][\w.]*)
    )""",
    re.VERBOSE | re.DOTALL,
)
ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|\n|.)", re.DOTALL)
LEFT_OVER = re.compile(r"(?<!\\)\\+u([0-9a-fA-F]{4})")
SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "\n": "", "b": "\b", "f": "\f"}
CONSTANTS = {"None": None, "null": None, "nan": None, "NaN": None, "True": True, "true": True}
CONSTANTS |= {"False": False, "false": False}
EMPTY = re.compile(r"""[\[\s'"b\\]*\[\s*\][\]\s'"\\]*""")  # an empty list in any wrapping
CLOSING = {"[": "]", "(": ")", "{": "}"}


class Malformed(ValueError):
    """The text is neither of the serialisations."""


def parse_characteristics(raw: Any) -> tuple[dict[str, list[str]], str | None]:
    """A raw cell → characteristic's name → its values as text, and the problem met (None where there is none).

    Never raises: what cannot be read gives an empty dict and a problem. `charcValues` may be a list or a single value;
    `value` counts where there are no `charcValues`. A name that occurs twice keeps the values of both.
    """
    if raw is None or (isinstance(raw, float) and np.isnan(raw)):
        return {}, None
    try:
        items = _unwrap(raw, 0)
    except (ValueError, RecursionError) as error:
        return (
            {},
            f"characteristics unreadable: {error if isinstance(error, Malformed) else type(error).__name__}",
        )
    found: dict[str, dict[str, None]] = {}  # values in their order, each once
    lost = 0
    for item in items:
        name = item.get("charcName") if isinstance(item, dict) else None
        if not isinstance(name, str) or not name.strip():
            lost += 1
            continue
        texts = _texts(item.get("charcValues")) or _texts(item.get("value"))
        found.setdefault(_clean(name), {}).update(dict.fromkeys(texts))
    listed = {name: list(values) for name, values in found.items()}
    return listed, f"{lost} of {len(items)} characteristics without a name" if lost else None


def _texts(value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, (list, tuple, np.ndarray)):
        return [text for part in value for text in _texts(part)]
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
    return " ".join(_paired(text).split())


def _paired(text: str) -> str:
    """Halves of surrogate pairs joined; lone ones replaced."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _unwrap(value: Any, depth: int) -> list[Any]:
    """The list of characteristics inside however many layers of lists, literals and encodings."""
    if depth > MAX_DEPTH:
        raise Malformed("nested too deeply")
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (bytes, bytearray)):
        value = bytes(value).decode("utf-8", errors="replace")
    if isinstance(value, dict):
        return [value]
    if isinstance(value, (list, tuple)):
        if all(isinstance(part, dict) for part in value):
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


def read_literal(text: str) -> Any:
    """JSON, or the printed form of Python and NumPy values, commas between items optional. Raises Malformed."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    value, at = _value(text, 0, 0)
    if text[at:].strip():
        raise Malformed(f"something follows the value at character {at}")
    return value


def _next(text: str, at: int) -> re.Match[str]:
    token = TOKEN.match(text, at)
    if token is None:
        raise Malformed(f"cannot be read at character {at}" if text[at:].strip() else "ends too early")
    return token


def _value(text: str, at: int, depth: int) -> tuple[Any, int]:
    if depth > MAX_DEPTH:
        raise Malformed("nested too deeply")
    token = _next(text, at)
    at = token.end()
    if token["text"]:
        return unescape(token["text"]), at
    if token["number"]:
        number = float(token["number"])
        return int(number) if re.fullmatch(r"[-+]?\d+", token["number"]) and abs(
            number
        ) < 2**53 else number, at
    if token["word"]:
        if token["word"] in CONSTANTS:
            return CONSTANTS[token["word"]], at
        following = TOKEN.match(text, at)
        if following is None or following["mark"] != "(":
            raise Malformed(f"unknown word {token['word'][:20]!r}")
        arguments, at = _items(text, following.end(), ")", depth)  # array([...], dtype=object), np.str_('…')
        if not arguments:
            raise Malformed(f"{token['word'][:20]} of nothing")
        return arguments[0], at
    if token["mark"] == "{":
        return _dict(text, at, depth)
    if token["mark"] in CLOSING:
        return _items(text, at, CLOSING[token["mark"]], depth)
    raise Malformed(f"unexpected {token['mark']!r} at character {at - 1}")


def _items(text: str, at: int, closing: str, depth: int) -> tuple[list[Any], int]:
    """Values up to `closing`; named arguments are left out."""
    items: list[Any] = []
    while True:
        token = _next(text, at)
        if token["mark"] == closing:
            return items, token.end()
        if token["mark"] == ",":
            at = token.end()
            continue
        if token["word"] and (sign := TOKEN.match(text, token.end())) and sign["mark"] == "=":
            named = _next(text, sign.end())  # dtype=object, dtype='<U5', shape=(0,)
            at = named.end() if named["word"] else _value(text, sign.end(), depth + 1)[1]
            continue
        item, at = _value(text, at, depth + 1)
        items.append(item)


def _dict(text: str, at: int, depth: int) -> tuple[dict[str, Any], int]:
    found: dict[str, Any] = {}
    while True:
        token = _next(text, at)
        if token["mark"] == "}":
            return found, token.end()
        if token["mark"] == ",":
            at = token.end()
            continue
        key, at = _value(text, at, depth + 1)
        colon = _next(text, at)
        if colon["mark"] != ":" or not isinstance(key, str):
            raise Malformed(f"expected a name and a colon at character {at}")
        found[key], at = _value(text, colon.end(), depth + 1)


def unescape(literal: str) -> str:
    """A quoted literal → its text; of bytes, `\\xd0` is a byte of UTF-8 and `\\u041f` stays as it is."""
    of_bytes = literal[0] in "bB"
    body = literal[literal.index(literal[-1]) + 1 : -1]
    if "\\" not in body:
        return body
    if not of_bytes:
        return _paired(ESCAPE.sub(lambda m: _escaped(m[1]), body))
    parts, end = [], 0
    for match in ESCAPE.finditer(body):
        parts.append(body[end : match.start()].encode())
        code = match[1]
        if code[0] == "x" and len(code) == 3:
            parts.append(bytes([int(code[1:], 16)]))
        elif code[0] in "uU":
            parts.append(match[0].encode())
        else:
            parts.append(_escaped(code).encode())
        end = match.end()
    parts.append(body[end:].encode())
    return b"".join(parts).decode("utf-8", "replace")


def _escaped(code: str) -> str:
    if len(code) > 1:
        return chr(min(int(code[1:], 16), 0x10FFFF))
    return SIMPLE.get(code, code if code in "\\'\"/" else "\\" + code)
