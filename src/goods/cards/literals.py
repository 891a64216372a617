"""Cells that hold JSON, or values as Python and NumPy print them: read, never evaluated."""

from __future__ import annotations

import json
import re
from typing import Any

MAX_CHARS = 200_000  # of what is no JSON
MAX_LAYERS = 4  # JSON inside a JSON text inside …
MAX_DEPTH = 12
MAX_NESTED = 50  # levels of JSON and of nested columns; who tells them takes several calls for each
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
WHOLE = re.compile(r"[-+]?\d{1,4000}")  # the digits int() takes at once
SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "\n": "", "b": "\b", "f": "\f"}
CONSTANTS = {"None": None, "null": None, "nan": None, "NaN": None, "True": True, "true": True}
CONSTANTS |= {"False": False, "false": False}
CLOSING = {"[": "]", "(": ")", "{": "}"}


class Malformed(ValueError):
    """The text is neither of the serialisations."""


class TooDeep(Malformed):
    """The value has more than MAX_NESTED levels."""

    def __init__(self) -> None:
        super().__init__("nested too deeply")


def read_cell(raw: Any) -> Any:
    """The value that a text or bytes stand for, however many times encoded; what is no text comes back as it is.

    Raises Malformed.
    """
    for _ in range(MAX_LAYERS):
        if isinstance(raw, (bytes, bytearray)):
            raw = bytes(raw).decode("utf-8", errors="replace")
        if not isinstance(raw, str):
            return raw
        raw = read_literal(raw)
    raise Malformed("encoded too many times")


def read_literal(text: str) -> Any:
    """JSON, or the printed form of Python and NumPy values, commas between items optional. Raises Malformed."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        pass
    else:
        if text.count("[") + text.count("{") > MAX_NESTED and is_too_deep(value):
            raise TooDeep
        return value
    if len(text) > MAX_CHARS:
        raise Malformed(f"longer than {MAX_CHARS} characters")
    value, at = _value(text, 0, 0)
    if text[at:].strip():
        raise Malformed(f"something follows the value at character {at}")
    return value


def is_too_deep(value: Any) -> bool:
    """Whether lists and objects have more than MAX_NESTED levels."""
    level = [value] if isinstance(value, list | dict) else []
    for _ in range(MAX_NESTED):
        parts = (part for one in level for part in (one.values() if isinstance(one, dict) else one))
        level = [part for part in parts if isinstance(part, list | dict)]
        if not level:
            return False
    return True


def _next(text: str, at: int) -> re.Match[str]:
    token = TOKEN.match(text, at)
    if token is None:
        raise Malformed(f"cannot be read at character {at}" if text[at:].strip() else "ends too early")
    return token


def _value(text: str, at: int, depth: int) -> tuple[Any, int]:
    if depth > MAX_DEPTH:
        raise TooDeep
    token = _next(text, at)
    at = token.end()
    if token["text"]:
        return unescape(token["text"]), at
    if token["number"]:
        whole = WHOLE.fullmatch(token["number"])
        return int(token["number"]) if whole else float(token["number"]), at
    if token["word"]:
        if token["word"] in CONSTANTS:
            return CONSTANTS[token["word"]], at
        following = TOKEN.match(text, at)
        if following is None or following["mark"] != "(":
            raise Malformed(f"unknown word {token['word'][:20]!r}")
        arguments, at = _items(text, following.end(), ")", depth)  # array([...], dtype=object), np.str_('…')
        if len(arguments) != 1:  # date(2023, 1, 1) is not 2023
            raise Malformed(f"{token['word'][:20]} of {len(arguments)} values")
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
        if colon["mark"] != ":" or isinstance(key, bool) or not isinstance(key, str | int | float):
            raise Malformed(f"expected a name and a colon at character {at}")
        found[str(key)], at = _value(text, colon.end(), depth + 1)


def unescape(literal: str) -> str:
    """A quoted literal → its text; of bytes, `\\xd0` is a byte of UTF-8 and `\\u041f` stays as it is."""
    of_bytes = literal[0] in "bB"
    body = literal[literal.index(literal[-1]) + 1 : -1]
    if "\\" not in body:
        return body
    if not of_bytes:
        return paired(ESCAPE.sub(lambda m: _escaped(m[1]), body))
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


def paired(text: str) -> str:
    """Halves of surrogate pairs joined; lone ones replaced."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
