"""HTML and white space of a raw text → clean text."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from lxml import etree
from lxml.html.defs import tags

from goods.cards.flathtml import flat_markup

if TYPE_CHECKING:
    import pandas as pd

MAX_CHARS = 20_000  # longer texts are cut: spam, and no model reads that far

PARSED_DEPTH = 200  # tags within tags that the parser certainly reads

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff]")

# inside a word they are the door's (`goods.cards.unicode`), which keeps what the text was
_UNSEEN = "\u200b\u200e\u200f\u202a-\u202e\u2060\ufeff"

_UNSEEN_SIGN = re.compile(f"[{_UNSEEN}]")

_HIDDEN = re.compile(f"[{_UNSEEN}\u00ad\u200c\u200d]")

_ANGLED = re.compile(r"<[^<>]*>")

_GAP = re.compile(rf"[\s{_UNSEEN}]+")

_LETTERS = re.compile(r"[^\W\d_]+")

# behind these a blank that does not break may be a part of a letter in a wrong encoding: the door sees to it
_SPACE = re.compile("(?:[^\\S\u00a0]|(?<![РВГЃÐÂÃ\x81])\u00a0)+")

_MARKUP = re.compile(r"<[a-zA-Z/!]|&#?\w+;")

_ANGLE = re.compile(
    r"<(?:(?P<name>/?[a-z][\w:.-]*)(?=[\s/>])|(?P<comment>!--)|(?P<other>!doctype|!\[|\?))?(?P<rest>[^<]*)",
    re.IGNORECASE,
)

# most texts hold nothing but these
_UNUSUAL = re.compile(
    r"<(?!/?(?:p|br|b|li|ul|ol|div|span|strong|em|i|u|h\d|img|a|tr|td|table)(?=[\s/>])[^<]*>)", re.IGNORECASE
)

_CLOSED = re.compile(r"</([a-z][\w:.-]*)\s*>", re.IGNORECASE)

_OFFICE_TAG = re.compile(r"(?:[ovwxm]|st\d):", re.IGNORECASE)  # what word processors paste

TAGS = frozenset(tags) | {"bdi", "data", "dialog", "frame", "main", "nobr", "noframes", "noindex", "path"}
TAGS |= {"picture", "rb", "search", "slot", "template"}

_SKIPPED_TAGS = ("script", "style", "head", "template")


LETTER = re.compile(r"[^\W\d_]")


def occurrences(texts: pd.Series, pattern: re.Pattern[str]) -> pd.Series:
    """How often the pattern occurs in each text. By Python's `re`: to some versions of pandas `Series.str.count` is
    Arrow's, to which only ASCII is a letter, a digit or a blank."""
    return texts.map(lambda text: len(pattern.findall(text))).astype("int64")


def is_squeezed(text: str) -> bool:
    """Whether `squeeze` would leave the text as it is: most are, and this is quick."""
    # no control, format or surrogate sign is printable, nor any white space but the blank
    return text.isprintable() and "  " not in text and text[:1] != " " and text[-1:] != " "


def squeeze(text: str) -> str:
    """Control characters out, runs of white space to one blank, nothing unseen beside one or at the ends."""
    if is_squeezed(text):
        return text
    text = _SPACE.sub(" ", _CONTROL.sub(" ", text)).strip(" ")
    if not _UNSEEN_SIGN.search(text):
        return text

    def gap(run: re.Match[str]) -> str:
        at_end = run.start() == 0 or run.end() == len(text)
        return " " if at_end or " " in run.group() else run.group()

    return _GAP.sub(gap, text).strip(" ")


def near_duplicate_key(title: str) -> str:
    """The title's words in alphabetical order, without case, digits and signs: equal for near-identical cards."""
    return " ".join(sorted(_LETTERS.findall(title.lower())))


def escape_bare(text: str) -> str:
    """Each "<" that begins neither a comment nor a tag of HTML as an entity.

    A tag has a name that HTML knows, or one that is closed in the same text, and an end: "<Samsung A50>" is none.
    """
    if not _UNUSUAL.search(text):
        return text
    closed = {name.lower() for name in _CLOSED.findall(text)}
    last_comment_end = text.rfind("-->")

    def checked(match: re.Match[str]) -> str:
        if match["comment"]:
            markup = match.start() < last_comment_end
        else:
            markup = ">" in match["rest"] and bool(match["other"])
            if match["name"] and ">" in match["rest"]:
                name = match["name"].lstrip("/").lower()
                markup = name in TAGS or name in closed or bool(_OFFICE_TAG.match(name))
        return match[0] if markup else f"&lt;{match[0][1:]}"

    return _ANGLE.sub(checked, text)


def _gave_up(parser: etree.HTMLParser) -> bool:
    """Whether the parser met tags within tags deeper than it goes: what follows there it has not read."""
    return any("depth" in error.message for error in parser.error_log)


def strip_html(text: str) -> str:
    """Visible text of an HTML fragment; what is not HTML comes back as it is, squeezed."""
    if "<" not in text and "&" not in text and is_squeezed(text):
        return text
    text = _CONTROL.sub(" ", text)
    if not _MARKUP.search(text):
        return squeeze(text)
    if (flat := flat_markup(text)) is not None:
        return squeeze(flat)
    if _HIDDEN.search(text):  # within a tag they would make another name of it
        text = _ANGLED.sub(lambda tag: _HIDDEN.sub("", tag[0]), text)
    text = escape_bare(text)
    parser = etree.HTMLParser(recover=True, huge_tree=False)
    try:
        # a wrapper element keeps the parser from dropping leading text and from failing on comments alone
        tree = etree.fromstring(f"<div>{text}</div>", parser)
    except (etree.ParseError, ValueError):
        tree = None
    if tree is None or (text.count("<") > PARSED_DEPTH and _gave_up(parser)):
        return squeeze(html.unescape(_ANGLED.sub(" ", text)))
    etree.strip_elements(tree, *_SKIPPED_TAGS, with_tail=False)
    etree.strip_tags(tree, etree.Comment, etree.ProcessingInstruction)
    return squeeze(" ".join(tree.itertext()))
