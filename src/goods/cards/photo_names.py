"""What the name of a photo and of its folders says: whose it is, which of several, and of which split."""

from __future__ import annotations

import re
from collections.abc import Container
from functools import lru_cache
from typing import Literal, NamedTuple
from unicodedata import normalize

from goods.cards.decoding import SUFFIXES, UNKNOWN_SUFFIXES
from goods.core.ids import Id

SPLITS = ("train", "test")

SPLIT_WORDS = {
    f"{split}{end}": split for split in SPLITS for end in ("", "ing", "set", "images", "photos", "imgs")
}

# <id>, <id>_1, <id>.0, <id>-2, <id> (1); more than three digits behind the id are another number, not a photo's
NAME = re.compile(r"(0*)([0-9]{1,19})(?:[._-]([0-9]{1,3})| ?\(([0-9]{1,3})\))?")

NUMBERED = re.compile(r"(.+?)(?:[._-]([0-9]{1,3})| ?\(([0-9]{1,3})\))")

CARD_FOLDER = (
    1000  # the least id that a folder stands for: lower numbers are rather prefixes, 010/0108775015.jpg
)

OTHER_ZIP = 9  # rank of a zip whose name promises no photos

# letters composed, and in parts as in macOS
FORMS: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")

PLAIN = -1  # the number of a photo without one: before all others
LAST = 1000  # that of a photo in a card's folder by another name


class Reading(NamedTuple):
    """A file name as one card's photo: the card, which of its photos, and how many zeros stand before the id."""

    product_id: Id
    number: int
    zeros: int


def looks_like_photo(path: str) -> bool:
    return path.lower().endswith(SUFFIXES) and not is_hidden(path)


def unknown_format(path: str) -> str | None:
    """The suffix of a photo that no decoder knows."""
    suffix = next((suffix for suffix in UNKNOWN_SUFFIXES if path.lower().endswith(suffix)), None)
    return None if suffix is None or is_hidden(path) else suffix


def is_hidden(path: str) -> bool:
    """Whether the file or a folder on the way is one that systems and tools keep for themselves."""
    return path.startswith((".", "__MACOSX")) or "/." in path or "/__MACOSX" in path


def readings(path: str, known: Container[Id]) -> list[Reading]:
    """The `known` cards whose photo the file may be: two where it may be <id>/<number>.jpg or <prefix>/<id>.jpg."""
    *folders, name = path.split("/")
    stem = name.rpartition(".")[0]
    parent = folders[-1] if folders else ""
    for form in FORMS if not path.isascii() else FORMS[:1]:
        if told := _by_text(normalize(form, stem), normalize(form, parent), known):
            return told
    match = NAME.fullmatch(stem)
    if match is None:
        return []
    zeros, digits, *numbers = match.groups()
    number = next((int(n) for n in numbers if n), PLAIN)
    own = Reading(int(digits), number, len(zeros))
    found = [own] if own.product_id in known else []
    if number == PLAIN and len(stem) <= 3 and re.fullmatch("[0-9]{1,19}", parent):
        card = int(parent)
        if card in known and card != own.product_id and (found or card >= CARD_FOLDER):
            found.append(Reading(card, int(stem), 0))
    return found


def _by_text(stem: str, parent: str, known: Container[Id]) -> list[Reading]:
    """As `readings`, of ids that are texts: the name as a whole before one that ends in a number."""
    if stem in known:
        return [Reading(stem, PLAIN, 0)]
    if (numbered := NUMBERED.fullmatch(stem)) and numbered[1] in known:
        return [Reading(numbered[1], int(numbered[2] or numbered[3]), 0)]
    if parent in known:
        return [Reading(parent, int(stem) if stem.isdecimal() else LAST, 0)]
    return []


@lru_cache(maxsize=65536)
def split_of(folder: str) -> str | None:
    """The split that the folder, or else the nearest above that names one, is of; None for both."""
    for name in reversed(folder.split("/")):
        named = {SPLIT_WORDS[word] for word in re.findall(r"[a-z]+", name.lower()) if word in SPLIT_WORDS}
        if len(named) == 1:
            return named.pop()
    return None


@lru_cache(maxsize=65536)
def rank_of_folder(folder: str) -> int:
    """0 for images/<split>/ itself, then what is below it, then folders that name a split, then others."""
    first, _, rest = folder.lower().partition("/")
    split, _, below = rest.partition("/")
    if first == "images" and split in SPLITS:
        return 1 if below else 0
    return 2 if split_of(folder) else 3


def rank_of_zip(path: str) -> int:
    """Behind all folders; zips that data sets come with first."""
    common = ("images.zip", "wb_school_horizcv_images.zip", "images/train.zip", "images/test.zip")
    if path.lower() in common:
        return 4 + common.index(path.lower())
    return OTHER_ZIP - 1 if split_of(path) else OTHER_ZIP
