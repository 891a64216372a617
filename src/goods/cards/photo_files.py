"""Which file is which card's photo, however people lay them out.

reads:  names below a data folder and in its zips, links of the folder followed: images/{train,test}/<id>.jpg wins over
        other folders, folders over zips. A folder or zip whose name says train or test (train_images/, Train/,
        test.zip) is of that split, any other of both. <id>.jpg wins over <id>_1.jpg, <id>.0.jpg, <id>-2.jpg and
        <id>/1.jpg, the lowest number over others; zeros may stand before an id that is a number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from goods.cards.images import SEPARATOR, ImageStore
from goods.cards.named_photos import encodable, named_photos
from goods.cards.photo_names import (
    OTHER_ZIP,
    SPLITS,
    is_hidden,
    looks_like_photo,
    rank_of_folder,
    rank_of_zip,
    readings,
    split_of,
    unknown_format,
)
from goods.cards.table import UNLABELLED
from goods.core.errors import GoodsError
from goods.core.folders import walk
from goods.core.ids import Id
from goods.core.wording import count


class Candidate(NamedTuple):
    """A photo of a card; the least one is taken."""

    number: int
    rank: int
    zeros: int
    ref: str


@dataclass
class Found:
    """`refs`: product_id → reference, as `ImageStore` opens it.

    `unmatched`: photos that match no card; `problems`: (product_id, problem) of photos that cannot be told or reached;
    `unread`: (path, reason) of links, folders and zips that lead to no one card's photo; `unknown`: photos by a suffix
    that no decoder knows.
    """

    refs: dict[Id, str] = field(default_factory=dict)
    unmatched: list[str] = field(default_factory=list)
    problems: list[tuple[Id, str]] = field(default_factory=list)
    unread: list[tuple[str, str]] = field(default_factory=list)
    unknown: Counter[str] = field(default_factory=Counter)

    def of(self, ids: Collection[Id]) -> Found:
        """What was found of some cards."""
        asked = frozenset(ids)
        refs = {i: self.refs[i] for i in ids if i in self.refs}
        return Found(refs, problems=[problem for problem in self.problems if problem[0] in asked])

    def summary(self, n_photos: int, n_cards: int) -> str:
        """One line for whoever asks where the photos are."""
        said = f"{n_photos:,} of {count(n_cards, 'card')} {'has' if n_cards == 1 else 'have'} a photo"
        if n := len(self.unmatched):
            said += f"; {count(n, 'file matches', 'files match')} no card, such as "
            said += ", ".join(self.unmatched[:2])
        if n := len(self.unread):
            path, reason = self.unread[0]
            said += f"; {n:,} {'path' if n == 1 else 'paths'} not followed, such as {path} ({reason})"
        if self.unknown:
            (first, n), *others = self.unknown.most_common()
            said += f"; {count(n, 'photo is', 'photos are')} {first}"
            said += "".join(f" and {n:,} {suffix}" for suffix, n in others)
            said += ", which the decoder does not know; convert them to JPEG"
        return said


def find_photos(
    data: Path, cards: Mapping[str, Collection[Id]], named: Mapping[Id, str] | None = None
) -> Found:
    """Photos of the product ids of each split ("train", "test", "unlabelled") below `data`; where photos are `named`,
    by the path or name of each card's. GoodsError names a zip of photos that cannot be read."""
    if unknown := set(cards) - {*SPLITS, UNLABELLED}:
        raise ValueError(f"split {min(unknown)!r}: expected train, test or {UNLABELLED}")
    found = Found()
    if not data.is_dir():
        return found
    tree = walk(data)
    if named is not None:
        asked = frozenset().union(*cards.values())
        given = {id_: name for id_, name in named.items() if id_ in asked}
        found.refs, found.unmatched = named_photos(_photos(data, tree.files, found), given)
        return found
    extra = frozenset(cards.get(UNLABELLED, ()))  # in the folders of either
    known: dict[str | None, frozenset[Id]] = {s: frozenset(cards.get(s, ())) | extra for s in SPLITS}
    known[None] = frozenset().union(*known.values())
    candidates: dict[Id, list[Candidate]] = {}
    for ref, paths, rank in _photos(data, tree.files, found):
        read = (readings(path, known[split_of(path.rpartition("/")[0])]) for path in paths)
        whose = next(filter(None, read), [])
        if not whose:
            found.unmatched.append(ref)
        elif not encodable(ref):
            found.problems += [(r.product_id, f"file name {ref!a} cannot be kept") for r in whose]
        elif len(whose) > 1:
            found.problems += [(r.product_id, f"may be another card's: {ref}") for r in whose]
        else:
            one = whose[0]
            candidate = Candidate(one.number, rank, one.zeros, ref)
            candidates.setdefault(one.product_id, []).append(candidate)
    for product_id, photos in candidates.items():
        _choose(product_id, photos, found)
    for path, reason in tree.unread:
        whose = readings(path, known[split_of(path.rpartition("/")[0])]) if looks_like_photo(path) else []
        found.problems += [(r.product_id, reason) for r in whose]
        if not whose and not is_hidden(path):
            found.unread.append((path, reason))
    return found


def _photos(data: Path, files: list[str], found: Found) -> Iterator[tuple[str, list[str], int]]:
    """(reference, path as folders name it, rank) of every file that looks like a photo; several paths where a zip does
    not say in which encoding it is."""
    store = ImageStore(data)
    for path in files:
        photo, archive = looks_like_photo(path), path.lower().endswith(".zip") and not is_hidden(path)
        if SEPARATOR in path and (photo or archive):
            found.unread.append((path, f"a name with {SEPARATOR}"))
        elif photo:
            yield path, [path], rank_of_folder(path.rpartition("/")[0])
        elif suffix := unknown_format(path):
            found.unknown[suffix] += 1
        elif archive:
            stem, rank = path[: -len(".zip")], rank_of_zip(path)
            try:
                members = store.members(path)
            except GoodsError as error:
                if rank != OTHER_ZIP:
                    raise
                found.unread.append((path, str(error)))
                continue
            for member, names in sorted(members.items()):
                inside = member.replace("\\", "/")
                if looks_like_photo(inside):
                    paths = [f"{stem}/{name}".replace("\\", "/") for name in names]
                    yield f"{path}{SEPARATOR}{member}", paths, rank
                elif suffix := unknown_format(inside):
                    found.unknown[suffix] += 1


def _choose(product_id: Id, photos: list[Candidate], found: Found) -> None:
    """The card's main photo; none where its id is padded with zeros in more than one way, as ids of other goods are."""
    best = min(photos)
    alike = {p.zeros for p in photos if (p.number, p.rank) == (best.number, best.rank)}
    if best.zeros and len(alike) > 1:
        names = sorted(p.ref for p in photos if (p.number, p.rank) == (best.number, best.rank))
        found.problems.append((product_id, f"which of {', '.join(names[:2])}?"))
    else:
        found.refs[product_id] = best.ref
