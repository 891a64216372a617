"""What prepared files are made of: raw files as they were read and the photos matched to cards, by their content.

reads:  prepared/ source.json cards.parquet of the last time, names below the data folder, stamps of files
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from goods.cards.images import SEPARATOR, ImageStore
from goods.cards.photo_files import Found, find_photos
from goods.cards.table import photo_names
from goods.competitions.inputs import Seen, seen_again
from goods.core.artifacts import json_text, read_json
from goods.core.done import change, done_key, is_done
from goods.core.errors import GoodsError
from goods.core.filehashes import FileHashes
from goods.core.hashing import content_hash
from goods.core.ids import Id
from goods.core.workspace import Workspace


@dataclass
class Sources:
    """`settings`: hash of the code and options that read and write; `seen`: what the reader looked at; `photos`: what
    was found of the cards'."""

    problem: str
    data: Path
    hashes: FileHashes
    settings: str
    seen: Seen
    photos: Found = field(default_factory=Found)

    def key(self) -> str:
        """Hash of all that prepared files depend on; where the data folder lies is no part of it."""
        refs = sorted(self.photos.refs.items())
        files = sorted({file_of(ref) for _, ref in refs})
        content = list(zip(files, self.hashes.of(files), strict=True))
        return content_hash(self.settings, self.seen, refs, content, sorted(self.photos.problems))

    def record(self, photos: Mapping[Id, str]) -> dict[str, Any]:
        """What source.json holds; `photos` are those that decode. GoodsError where a file has changed meanwhile."""
        self.hashes.check()
        self.hashes.save()
        return {
            "problem": self.problem,
            "data": str(self.data),
            "photos": self.content(photos),
            "seen": self.seen,
        }

    def content(self, photos: Mapping[Id, str]) -> str:
        """Hash of the photos' content by card."""
        store, refs = ImageStore(self.data), sorted(photos.items())
        files = [ref for _, ref in refs if SEPARATOR not in ref]
        known = dict(zip(files, self.hashes.of(files), strict=True))
        return content_hash([(i, known[ref] if ref in known else store.fingerprint(ref)) for i, ref in refs])

    def bytes_of(self, photos: Mapping[Id, str]) -> dict[Id, Any]:
        """What stands for the bytes of each photo: equal for equal ones, of files as of members of a zip."""
        store, refs = ImageStore(self.data), list(photos.items())
        files = [ref for _, ref in refs if SEPARATOR not in ref]
        known: dict[str, Any] = dict(zip(files, self.hashes.of(files), strict=True))
        return {i: known[ref] if ref in known else store.checksum(ref) for i, ref in refs}


def file_of(ref: str) -> str:
    """The file that a photo is, or the zip that it is in."""
    return ref.partition(SEPARATOR)[0]


def ids_of(cards: pd.DataFrame) -> dict[str, list[Id]]:
    """Product ids by split."""
    return {str(split): ids.tolist() for split, ids in cards.groupby("split").product_id}


def present(ws: Workspace, data: Path, settings: str, hashes: FileHashes) -> Sources | None:
    """The sources as they are in `data` now, as far as those matter that the last `prepare` looked at; None where
    something of it is not the same, or not whole."""
    if done_key(ws.prepared) is None:
        return None
    try:
        last = read_json(ws.source)
        seen = seen_again(last["seen"], data, hashes)
        if seen != last["seen"]:
            return None
        sources = Sources(last["problem"], data, hashes, settings, seen)
        if sources.problem == "cards":
            cards = pd.read_parquet(ws.cards, columns=["product_id", "split"])
            named = photo_names(pd.read_parquet(ws.photo_names)) if ws.photo_names.is_file() else None
            sources.photos = find_photos(data, ids_of(cards), named)
    except (GoodsError, OSError, pa.ArrowInvalid, KeyError, TypeError, ValueError):
        return None
    return sources


def kept(spaces: set[Workspace], sources: Sources | None) -> bool:
    """Whether all that was prepared is of these sources; where they have moved, photos are read there from now on."""
    if sources is None:
        return False
    key = sources.key()
    if not all(is_done(space.prepared, key) for space in spaces):
        return False
    sources.hashes.save()
    for space in spaces:
        record = read_json(space.source)
        if record["data"] != str(sources.data):
            change(space.prepared, space.source.name, json_text(record | {"data": str(sources.data)}))
    return True
