"""Whole numbers and flags as files write them."""

from __future__ import annotations

import re

NOTHING = frozenset({"", "-", "nan", "none", "null", "na", "n/a", "<na>", "nat", "#n/a", "#н/д"})
FLAGS = dict.fromkeys(("true", "t", "1", "1.0", "yes", "y", "да"), True)
FLAGS |= dict.fromkeys(("false", "f", "0", "0.0", "no", "n", "нет"), False)
# the apostrophe, the blanks and the comma that stand between thousands
_GROUPED = re.compile("[-+]?[0-9]{1,3}(?:([ \u00a0\u2009\u202f'_,])[0-9]{3})(?:\\1[0-9]{3})*")
_WHOLE = re.compile(r"([-+]?[0-9]{1,40})(\.0*)?")
_SCIENTIFIC = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?[eE][-+]?[0-9]+")
_NUMBER = re.compile(r"[-+]?(inf(inity)?|[0-9.]+e[-+]?[0-9]+)", re.IGNORECASE)
EXACT = 2**53  # above it a float skips whole numbers
ROUNDED = "went through a float, its last digits are lost; read the source as text or integer and write the file again"


def is_nothing(text: str) -> bool:
    return text.strip().lower() in NOTHING


def whole_number(text: str) -> int | None:
    """The number a text writes, None where it stands for nothing. ValueError says what else it is, and the mend."""
    text = text.strip()
    if is_nothing(text):
        return None
    plain = re.sub("[ \u00a0\u2009\u202f'_,]", "", text) if _GROUPED.fullmatch(text) else text
    found = _WHOLE.fullmatch(plain)
    if found is None:
        if _SCIENTIFIC.fullmatch(plain) and abs(float(plain)) >= EXACT:
            raise ValueError(ROUNDED)
        if any(sign.isalpha() for sign in plain) and not _NUMBER.fullmatch(plain):
            raise ValueError("is a string, expected int; number them if they are texts")
        raise ValueError("is not a whole number; mend that row")
    number = int(found[1])
    if found[2] and abs(number) >= EXACT:
        raise ValueError(ROUNDED)
    if not -(2**63) <= number < 2**63:
        raise ValueError("is not a whole number of 64 bits; number them anew")
    return number


def flag(text: str) -> bool | None:
    """ValueError where a text says neither yes nor no."""
    if is_nothing(text):
        return None
    if text.strip().lower() not in FLAGS:
        raise ValueError("is neither true nor false; mend that row")
    return FLAGS[text.strip().lower()]
