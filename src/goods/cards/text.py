"""HTML and JSON of a raw card → clean text fields."""

from __future__ import annotations

import html
import json
import re
from typing import Any

from lxml import etree

from goods.cards.unicode import plain

MAX_CHARS = 20_000  # longer texts are cut: spam, and no model reads that far

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff]")

# inside a word they are the door's (`goods.cards.unicode`), which keeps what the text was
_UNSEEN = "\u200b\u200e\u200f\u202a-\u202e\u2060\ufeff"

_UNSEEN_SIGN = re.compile(f"[{_UNSEEN}]")

_GAP = re.compile(rf"[\s{_UNSEEN}]+")

_LETTERS = re.compile(r"[^\W\d_]+")

_SPACE = re.compile(r"\s+")

_MARKUP = re.compile(r"<[a-zA-Z/!]|&#?\w+;")

_SKIPPED_TAGS = ("script", "style", "head", "template")


def squeeze(text: str) -> str:
    """Control characters out, runs of white space to one blank, nothing unseen beside one or at the ends."""
    text = _SPACE.sub(" ", _CONTROL.sub(" ", text)).strip()
    if not _UNSEEN_SIGN.search(text):
        return text

    def gap(run: re.Match[str]) -> str:
        at_end = run.start() == 0 or run.end() == len(text)
        return " " if at_end or " " in run.group() else run.group()

    return _GAP.sub(gap, text).strip()


def near_duplicate_key(title: str) -> str:
    """The title's words in alphabetical order, without case, digits and signs: equal for near-identical cards."""
    return " ".join(sorted(_LETTERS.findall(title.lower())))


def strip_html(text: str) -> str:
    """Visible text of an HTML fragment; what is not HTML comes back as it is, squeezed."""
    text = _CONTROL.sub(" ", text)
    if not _MARKUP.search(text):
        return squeeze(text)
    try:
        # a wrapper element keeps the parser from dropping leading text and from failing on comments alone
        tree = etree.fromstring(f"<div>{text}</div>", etree.HTMLParser(recover=True, huge_tree=False))
    except (etree.ParseError, ValueError):
        tree = None
    if tree is None:
        return squeeze(html.unescape(re.sub(r"<[^>]*>", " ", text)))
    etree.strip_elements(tree, *_SKIPPED_TAGS, with_tail=False)
    etree.strip_tags(tree, etree.Comment, etree.ProcessingInstruction)
    return squeeze(" ".join(tree.itertext()))


def as_text(value: Any) -> str:
    """A JSON value as plain text; null and containers nobody expects here become ''."""
    if isinstance(value, str):
        return strip_html(value)
    if isinstance(value, bool) or value is None:
        return ""
    if isinstance(value, int | float):
        try:
            return f"{value:g}"
        except OverflowError:
            return ""  # a whole number of hundreds of digits
    return ""


def name_values(mapping: Any) -> list[str]:
    """`{name: [v1, v2]}` → ["name: v1, v2"]; scalars stand for one-element lists."""
    if not isinstance(mapping, dict):
        return []
    lines = []
    for name, values in mapping.items():
        texts = [as_text(v) for v in (values if isinstance(values, list) else [values])]
        joined = ", ".join(t for t in texts if t)
        lines.append(f"{squeeze(str(name))}: {joined}" if joined else squeeze(str(name)))
    return lines


def unique_lines(lines: list[str]) -> str:
    """Non-empty lines without those that look like an earlier one, joined by '; '."""
    kept: dict[str, str] = {}
    for line in lines:
        if line:
            kept.setdefault(plain(line), line)
    return "; ".join(kept.values())


def parse_text_fields(raw: Any) -> tuple[dict[str, str], str | None]:
    """KazanExpress 2023 `text_fields` → title, description, attributes; and what was wrong, if anything."""
    empty = {"title": "", "description": "", "attributes": ""}
    if not isinstance(raw, str) or not raw.strip():
        return empty, "text_fields is empty"
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        return empty, "text_fields is not JSON"
    if not isinstance(data, dict):
        return empty, "text_fields is not a JSON object"
    listed = data.get("attributes")
    lines = [as_text(v) for v in listed] if isinstance(listed, list) else [as_text(listed)]
    for key in ("custom_characteristics", "defined_characteristics", "filters"):
        lines += name_values(data.get(key))
    fields = {
        "title": as_text(data.get("title")),
        "description": as_text(data.get("description")),
        "attributes": unique_lines(lines),
    }
    return fields, None


def parse_name_value_characteristics(raw: Any) -> str:
    """KazanExpress 2022 "name1: v1 | v2 / name2: v1" → "name1: v1, v2; name2: v1"."""
    if not isinstance(raw, str):
        return ""
    lines = []
    for part in strip_html(raw).split(" / "):
        name, colon, values = part.partition(":")
        listed = ", ".join(v.strip() for v in values.split("|") if v.strip())
        lines.append(f"{name.strip()}: {listed}" if colon and listed else name.strip())
    return unique_lines(lines)
