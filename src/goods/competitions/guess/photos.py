"""Where photos lie, and how they are called."""

from __future__ import annotations

import re
from pathlib import Path

from goods.cards.images import ImageStore
from goods.cards.photo_names import is_hidden, looks_like_photo
from goods.competitions.guess.columns import Column
from goods.core.folders import walk

SOME = 400  # photos whose names are looked at
NUMBERS = re.compile(r"\d+")


def guess_photo(data: Path, columns: list[Column], ids: Column | None) -> tuple[str | None, str]:
    """(column or pattern of photos, None where they are found by ids, why); "" where there are no photos."""
    names = photos_below(data)
    if not names:
        return None, ""
    column = max(columns, key=lambda c: (c.photos, c.called("photo")), default=None)
    if column is not None and column.photos > 0.5:
        return column.name, "its cells are names of photos"
    stems = [name.rpartition("/")[2].rpartition(".")[0] for name in names]
    known = set() if ids is None else {str(cell) for cell in ids.there}
    if sum(stem in known or re.split(r"[._-]\d+$", stem)[0] in known for stem in stems) > 0.2 * len(stems):
        return None, "photos are called by ids"
    numbered = [c for c in [*columns, *([ids] if ids else [])] if c.numeric > 0.9 and c.values > 1]
    return pattern_of(stems, numbered), "names of photos hold them"


def pattern_of(stems: list[str], columns: list[Column]) -> str | None:
    """The name of a photo with columns in place of its numbers, where names are all of one shape."""
    shapes = [NUMBERS.sub("\0", stem) for stem in stems]
    shape = max(set(shapes), key=shapes.count)
    alike = [NUMBERS.findall(stem) for stem, own in zip(stems, shapes, strict=True) if own == shape]
    named = []
    for numbers in zip(*alike, strict=True):
        found = {
            c.name: len(set(numbers) & {str(cell) for cell in c.there}) / len(set(numbers)) for c in columns
        }
        best = max(found, key=lambda name: found[name], default=None)
        if best is None or found[best] < 0.3:
            return None
        named.append(best)
    pieces = shape.split("\0")
    return (
        "".join(
            a + (f"{{{b}}}" if b is not None else "") for a, b in zip(pieces, [*named, None], strict=True)
        )
        + ".jpg"
    )


def photos_below(data: Path) -> list[str]:
    """Names of some of the photos in folders and zips."""
    files = walk(data).files
    names = [file for file in files if looks_like_photo(file)][:SOME]
    if names:
        return names
    store = ImageStore(data)
    for archive in (file for file in files if file.lower().endswith(".zip") and not is_hidden(file)):
        members = sorted(store.members(archive).items())
        names += [meant[-1] for member, meant in members if looks_like_photo(member)][:SOME]
    return names
