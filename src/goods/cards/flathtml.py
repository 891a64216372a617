"""The plain HTML that most descriptions are written in: paragraphs, lists and emphasis, closed as they were opened.

Read by one regular expression, as a parser of HTML would and several times as fast; whatever else a text holds is left
to the parser.
"""

from __future__ import annotations

import re

MAX_CHARS = 100_000  # a parser cuts huge texts

ENTITIES = {"nbsp": "\u00a0", "amp": "&", "lt": "<", "gt": ">", "quot": '"', "laquo": "«", "raquo": "»"}
ENTITIES |= {"mdash": "—", "ndash": "–", "hellip": "…", "bull": "•", "deg": "°", "times": "×"}

_ENTITY = re.compile(f"&({'|'.join(ENTITIES)});")
_TAG = re.compile(r"<[^<>]*>")

# no sign that XML does not have: parsers differ in what becomes of them
_TEXT = r"[^<&\x0b\x0c\ufffe\uffff]"
_RUN = rf"(?:{_TEXT}++|{_ENTITY.pattern.replace('(', '(?:')}|<br ?/?>)*+"
_PHRASES = rf"(?:{_RUN}(?:<b>{_RUN}</b>|<strong>{_RUN}</strong>|<i>{_RUN}</i>|<em>{_RUN}</em>|<u>{_RUN}</u>))*+{_RUN}"
_LIST = rf"\s*+(?:<li>{_PHRASES}</li>\s*+)++"
_BLOCK = rf"<p>{_PHRASES}</p>|<ul>{_LIST}</ul>|<ol>{_LIST}</ol>"
_FLAT = re.compile(rf"(?:{_PHRASES}(?:{_BLOCK}))*+{_PHRASES}")


def flat_markup(text: str) -> str | None:
    """The text with a blank for each tag and its entities read; None where it is not as plain as that."""
    if len(text) > MAX_CHARS or not _FLAT.fullmatch(text):
        return None
    text = _TAG.sub(" ", text)
    return _ENTITY.sub(lambda entity: ENTITIES[entity[1]], text) if "&" in text else text
