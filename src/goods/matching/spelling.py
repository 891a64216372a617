"""One spelling for what shops write in many: script, case, blanks in codes and measures, decimal commas.

Only for finding and comparing candidates: the result is no language any more ("Чехол-накладка RX-450" becomes
"sehol nakladka rks 450"), but both scripts of one name mostly end up the same.
"""

from __future__ import annotations

import re

MAX_CHARS = 1_000  # of a title: more is spam, and no shop tells products apart there
MAX_KEYS = 64  # of a card

_LATIN = "a b v g d e zh z i y k l m n o p r s t u f h ts ch sh sch  i  e yu ya"
_SCRIPT = str.maketrans({chr(ord("а") + i): latin for i, latin in enumerate(_LATIN.split(" "))} | {"ё": "e"})
# What a transliterated name and its original differ in, in this order.
_HEARD = (
    "ck:k qu:kv ph:f ee:i oo:u yu:u ya:a sch:s sh:s ch:s dzh:j zh:j dj:j x:ks ce:se ci:si c:k w:v y:i z:s"
)
_SOUNDS = [change.split(":") for change in _HEARD.split()]
_TWICE = re.compile(r"([^\W\d])\1+")
_COMMA = re.compile(r"(?<=\d),(?=\d)")
_BORDER = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")
_WORD = re.compile(r"\d+\.\d+|[^\W_]+")
_CODE = re.compile(r"\b([^\W\d_]{1,4}) (\d{3,})\b(?!\.)")


def plain(title: str) -> str:
    """Words and numbers by single blanks, letters apart from digits; "" where a title has neither."""
    text = title[:MAX_CHARS].lower().translate(_SCRIPT)
    for written, heard in _SOUNDS:
        text = text.replace(written, heard)
    text = _BORDER.sub(" ", _COMMA.sub(".", _TWICE.sub(r"\1", text)))
    return " ".join(_WORD.findall(text))


def codes(text: str) -> set[str]:
    """Letters and a number beside each other in a `plain` text, joined: "rks450" of RX-450, RX 450 and rx450."""
    return {letters + number for letters, number in _CODE.findall(text)}


def keys(text: str) -> list[str]:
    """Distinct words, numbers and codes of a `plain` text of two characters or more, at most MAX_KEYS."""
    found = dict.fromkeys(word for word in text.split() if len(word) > 1)
    return [*found, *sorted(codes(text) - found.keys())][:MAX_KEYS]
