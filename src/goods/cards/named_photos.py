"""Which file is which card's photo where a table names it, by a path or by a name.

Letter case and suffix count only where there are several: a.JPG is found as a.jpg, photos/a.webp as a.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from unicodedata import normalize
from urllib.parse import unquote

from goods.cards.decoding import SUFFIXES
from goods.core.ids import Id

URL = re.compile("[a-z]+://", re.IGNORECASE)


class Photo(NamedTuple):
    """A photo by its path from the data folder or a zip, in small letters and without suffix."""

    pieces: tuple[str, ...]
    suffix: str
    rank: int
    ref: str


def named_photos(
    photos: Iterable[tuple[str, list[str], int]], named: Mapping[Id, str]
) -> tuple[dict[Id, str], list[str]]:
    """(product_id → reference of the photo it names, references that no card names) of `photos`: reference, paths it
    may have and rank each. Of several the one whose folders are those named counts, then its suffix, then the lower
    rank."""
    there: dict[str, list[Photo]] = {}
    for ref, paths, rank in photos:
        for pieces, suffix in map(split, paths):
            there.setdefault(pieces[-1], []).append(Photo(pieces, suffix, rank, ref))
    refs: dict[Id, str] = {}
    for product_id, name in named.items():
        pieces, suffix = split(name)
        if not pieces:
            continue
        found = [photo for photo in there.get(pieces[-1], ()) if encodable(photo.ref)]
        if found:
            best = min(found, key=lambda p: (-common(p.pieces, pieces), p.suffix != suffix, p.rank, p.ref))
            refs[product_id] = best.ref
    taken = set(refs.values())
    refs_there = dict.fromkeys(photo.ref for of_name in there.values() for photo in of_name)
    return refs, [ref for ref in refs_there if ref not in taken]


def split(path: str) -> tuple[tuple[str, ...], str]:
    """("photos", "a"), ".jpg" of "Photos\\A.JPG" and of "https://shop/photos/a.jpg?size=2"; letters in parts, as some
    systems write them, composed."""
    if URL.match(path.strip()):
        path = unquote(re.split("[?#]", path)[0])
    plain = normalize("NFC", path.strip().replace("\\", "/").lower())
    suffix = next((suffix for suffix in SUFFIXES if plain.endswith(suffix)), "")
    return tuple(p for p in plain.removesuffix(suffix).split("/") if p not in ("", ".")), suffix


def common(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """Pieces from the end that are the same."""
    n = 0
    while n < min(len(one), len(other)) and one[-1 - n] == other[-1 - n]:
        n += 1
    return n


def encodable(ref: str) -> bool:
    """Whether a table can hold the reference: names of files are bytes, not always text."""
    try:
        ref.encode()
    except UnicodeEncodeError:
        return False
    return True
