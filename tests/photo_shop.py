"""Photos that tell whose they are, and what prepare finds of them."""

from __future__ import annotations

import struct
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from goods.cards.images import ImageStore
from goods.cards.photo_files import find_photos
from goods.cards.table import Issues
from goods.competitions.raw import Raw
from goods.core.filehashes import FileHashes
from goods.prepare.cards import usable_images
from goods.prepare.sources import Sources, ids_of

TRAIN, TEST = (108775015, 2001, 2002), (300000001, 2003)


LAYOUTS = {
    "by split": "images/{split}/{id}.jpg",
    "other case": "Images/{Split}/{id}.JPG",
    "split_images": "{split}_images/{id}.jpg",
    "images_split": "images_{split}/{id}.jpg",
    "Split": "{Split}/{id}.jpg",
    "splitImages": "{split}Images/{id}.jpg",
    "flat": "{id}.jpg",
    "flat in images": "images/{id}.jpg",
    "prefixes": "images/{split}/{prefix}/0{id}.jpg",
    "prefixes without splits": "photos/{prefix}/0{id}.jpg",
    "deep": "shop/export/2023/{split}/a/b/{id}.jpg",
    "a zip per split": "{split}.zip::{id}.jpg",
    "a zip per split in images": "images/{split}.zip::{split}/{id}.jpg",
    "zip of other case": "{Split}.ZIP::{Split}/{id}.JPG",
    "images.zip": "images.zip::images/{split}/{id}.jpg",
    "images.zip, prefixes": "images.zip::{split}/{prefix}/0{id}.jpg",
    "wildberries": "wb_school_horizcv_images.zip::pics/{id}.jpg",
    "a zip of its own name": "photos_of_shop.zip::{id}.jpg",
    "a folder per card": "images/{split}/{id}/1.jpg",
    "first of several": "images/{split}/{id}_1.jpg",
    "point number": "images/{split}/{id}.0.jpg",
    "dash number": "images/{split}/{id}-2.jpg",
    "downloaded twice": "images/{split}/{id} (1).jpg",
    "windows zip": "images.zip::{split}\\{id}.jpg",
}


def laid(layout: str, product_id: int, split: str) -> str:
    return LAYOUTS[layout].format(
        id=product_id, split=split, Split=split.capitalize(), prefix=f"0{product_id}"[:3]
    )


def picture(product_id: int, form: str = "PNG", number: int = 0) -> bytes:
    """A photo whose upper half tells the card, and whose lower half which of its photos."""
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:16] = np.frombuffer(struct.pack("<I", product_id * 2654435761 % 2**24), np.uint8)[:3]
    pixels[16:, :16] = 40 * number
    pixels[16:, 16:] = 255
    buffer = BytesIO()
    Image.fromarray(pixels).save(
        buffer, form, **({"quality": 95} if form in ("JPEG", "WEBP", "AVIF") else {})
    )
    return buffer.getvalue()


def write(folder: Path, files: dict[str, bytes]) -> None:
    """Files below `folder`; "a.zip::b" is a member of a zip."""
    zips: dict[str, dict[str, bytes]] = {}
    for name, data in files.items():
        place, _, member = name.partition("::")
        if member:
            zips.setdefault(place, {})[member] = data
            continue
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    for name, members in zips.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(folder / name, "w") as archive:
            for member, data in members.items():
                archive.writestr(member, data)


def ids_and_splits(train=TRAIN, test=TEST) -> pd.DataFrame:
    split = ["train"] * len(train) + ["test"] * len(test)
    return pd.DataFrame({"product_id": [*train, *test], "split": split})


def sources_of(folder: Path, cards: pd.DataFrame) -> Sources:
    """The photos of cards with product_id and split below a folder, without tables."""
    hashes = FileHashes(folder, folder.with_name("hashes.npz"))
    return Sources("cards", folder, hashes, "", [], find_photos(folder, ids_of(cards)))


def search(folder: Path, train=TRAIN, test=TEST) -> tuple[dict[int, str], dict[int, str]]:
    """What `prepare` finds: product_id → reference, and product_id → what it notes."""
    cards = ids_and_splits(train, test)
    raw = Raw(cards, {}, Issues())
    found = usable_images(raw, sources_of(folder, cards))
    return found, {row[0]: row[2] for row in raw.issues.rows}


def shows(folder: Path, ref: str, product_id: int, form: str = "PNG", number: int = 0) -> bool:
    """Whether the reference opens as the card's photo; lossy formats may be a little off."""
    seen = np.asarray(ImageStore(folder).open(ref), int)
    meant = np.asarray(Image.open(BytesIO(picture(product_id, form, number))).convert("RGB"), int)
    return bool(np.abs(seen - meant).max() <= 8)
