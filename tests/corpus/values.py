"""Values that a cell should not hold."""

from __future__ import annotations

import json
import random
from typing import Any

Dice = random.Random

DEEP = 3_000
TEXTS = [
    *(
        "",
        " ",
        "\t\n",
        "\x00",
        "a\x00b",
        "\ufeff",
        "\u200b\u00ad",
        "\u202eкружка",
        "👩‍👩‍👧",
        "е\u0301ё\u0308",
        "щ" * 30_000,
    ),
    *(
        "NA",
        "None",
        "null",
        "nan",
        "N/A",
        "-",
        "0",
        "-1",
        "1e999",
        "9" * 40,
        "9" * 5_000,
        "1.5",
        "1 001",
        "1,001",
    ),
    *(
        "{",
        "}",
        "[",
        "]",
        '"',
        "'",
        "\\",
        "\\u",
        "\\ud800",
        "\\x",
        "b'",
        "b'\\xff'",
        "{{}}",
        "{}",
        "[]",
        "[[]]",
    ),
    *("{'a': 1", "{'a'}", "{1: 2}", "{None: 1}", "{'a': array([1 2], dtype=object)}", "array(", "array()"),
    *(
        '{"title": "\\ud800"}',
        '{"title": "\\u0000"}',
        '{"a": NaN}',
        '{"title": Infinity}',
        '{"title": 1e999}',
    ),
    *(
        '{"title": null}',
        '{"title": []}',
        '{"title": {"name": "a", "value": {"b": [1, null]}}}',
        '"x"',
        "1",
        "true",
    ),
    *(
        '{"title": "a", "title": "b"}',
        '{"attributes": 5}',
        '{"filters": [[[["x"]]]]}',
        '{"": ""}',
        '[{"name": 5}]',
    ),
    *(
        '{"title": ' + "9" * 5_000 + "}",
        "{'a': " + "9" * 5_000 + "}",
        "{'a': -1e-999}",
        "{'a': .5.}",
        "{'a': 0x1}",
    ),
    *(
        "[" * DEEP,
        "{" * DEEP,
        "(" * DEEP,
        '{"title":' * DEEP,
        "[" * DEEP + "]" * DEEP,
        "<" * DEEP,
        "&" * DEEP,
    ),
    *('{"a":' * 40 + "1" + "}" * 40, json.dumps(json.dumps(json.dumps(json.dumps(json.dumps({"a": 1})))))),
    *(
        "<p>",
        "<script>alert(1)</script>",
        "&#x110000;",
        "&#0;",
        "&#xd800;",
        "&amp;amp;",
        "<![CDATA[",
        "<!--",
        "<p" * 99,
    ),
    *(
        "../../etc/passwd",
        "=1+1",
        "$x$",
        "%s%n",
        "'; DROP TABLE cards; --",
        "__import__('os')",
        "ÐšÑ€ÑƒÐ¶ÐºÐ°",
    ),
    *(
        " / ",
        "a: | : / :",
        ": ",
        "a:b:c | | d / / e",
        "1|2|3",
        "->",
        "a->",
        "->->",
        "[CLS] [MASK]",
        "__label__x",
    ),
]
NUMBERS = [
    *(0, -1, 1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), 1.5, -0.0, 1e15, 1e300, 5e-324),
    *(float("nan"), float("inf"), float("-inf"), None),
]
NESTED = [
    [],
    [None],
    [[]],
    [[None]],
    {},
    {"a": None},
    [{"name": None, "value": None}],
    [float("nan")],
    [1e300],
    ["x"],
]


def odd_value(dice: Dice, old: Any) -> Any:
    if isinstance(old, bytes):
        return dice.choice(
            [dice.choice(TEXTS).encode("utf-8", "surrogatepass"), b"\xff\xfe", dice.randbytes(30)]
        )
    if isinstance(old, str):
        return dice.choice([dice.choice(TEXTS), spoilt(dice, old), spoilt(dice, old), None])
    if isinstance(old, list | dict):
        return dice.choice(NESTED)
    return dice.choice(NUMBERS)


def spoilt(dice: Dice, text: str) -> str:
    """A text cut, doubled, reversed in part, with other signs, or one more time encoded."""
    at, end = sorted(dice.choices(range(len(text) + 1), k=2))
    signs = "'\"\\{}[](),:= \n\x00\u200b№ъÿ"
    return dice.choice(
        [
            *(text[:at], text[at:], text[:at] + text[end:], text[:end] + text[at:], text * 2),
            *(text[:at] + dice.choice(signs) + text[at:], text[:at] + dice.choice(signs) + text[at + 1 :]),
            *(json.dumps(text), repr(text), repr(text.encode()), text.upper(), text.replace('"', "'")),
        ]
    )
