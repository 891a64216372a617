"""What may be wrong with files: their bytes, a tree's lines, photos, archives, dialects of csv."""

from __future__ import annotations

import csv
import io
import os
import random
import struct
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa

from corpus.shops import PHOTOS, TEST, TRAIN, TREE, photo
from corpus.values import NUMBERS, TEXTS, spoilt

Dice = random.Random

OTHERS = [
    b"",
    b"PAR1",
    b"PAR1PAR1",
    b"\x00" * 500,
    b"<html>404</html>",
    b"PK\x05\x06" + b"\0" * 18,
    b"\xef\xbb\xbf",
]
ENCODINGS = [
    "utf-8",
    "utf-8-sig",
    "utf-16",
    "utf-16-le",
    "utf-32",
    "cp1251",
    "koi8-r",
    "cp866",
    "latin-1",
    "mac-cyrillic",
]


def broken(dice: Dice, data: bytes) -> bytes:
    """Bytes flipped, cut, moved, doubled or of something else."""
    at, end = sorted(dice.choices(range(len(data) + 1), k=2))
    kind = dice.randrange(8)
    if kind < 3:
        changed = bytearray(data)
        # the end of a parquet or zip file says where all else is
        start = len(data) * 3 // 4 if kind == 2 else 0
        for _ in range(dice.choice([1, 1, 2, 8, 64]) if len(data) > start else 0):
            changed[dice.randrange(start, len(data))] ^= 1 << dice.randrange(8)
        return bytes(changed)
    return [
        *(data[:at], data[at:], data[:at] + data[end:], data[:end] + data[at:]),
        dice.choice(OTHERS),
    ][kind - 3]


def bad_file(dice: Dice, path: Path) -> None:
    """One file broken, missing, a folder, a link or of bytes alone."""
    data = path.read_bytes()
    kind = dice.randrange(12)
    if kind < 8:
        path.write_bytes(broken(dice, data))
        return
    path.unlink()
    if kind == 8:
        path.mkdir()
    elif kind == 9:
        path.symlink_to(dice.choice(["gone", path.name, ".."]))
    elif kind == 10:
        path.write_bytes(dice.randbytes(300))


def bad_tree(dice: Dice) -> bytes:
    """Lines of a category tree lost, doubled, in circles, of other columns, separators and code pages."""
    head, *lines = TREE.rstrip("\n").split("\n")
    rows = [line.split(",") for line in lines]
    for _ in range(dice.choice([0, 1, 1, 2, 5])):
        row = dice.choice(rows)
        row += [""] * (3 - len(row))
        kind = dice.randrange(6)
        if kind == 0:
            rows.remove(row)
        elif kind == 1:
            rows.insert(dice.randrange(len(rows) + 1), list(row))
        elif kind == 2:
            row[dice.choice([0, 2])] = str(dice.choice([*NUMBERS, *(r[0] for r in rows if r)]))
        elif kind == 3:
            row[1] = dice.choice(TEXTS)
        elif kind == 4:
            row[dice.randrange(3)] = dice.choice([spoilt(dice, row[1]), "", dice.choice(TEXTS)])
        else:
            del row[dice.randrange(len(row)) :]
        rows = rows or [["1", "Все", ""]]
        rows = [
            row if len(row) == 3 else [*row, "", "", ""][:3] if dice.random() < 0.8 else row for row in rows
        ]
    names = dice.choice(
        [head] * 6 + ["id,title", "ID, Title ,PARENT_ID", "id,title,parent_id,id", "a,b,c", ""]
    )
    return csv_bytes(dice, names.split(","), rows)


def csv_bytes(dice: Dice, names: list[str], rows: list[list[Any]]) -> bytes:
    """A csv file in one of many dialects, broken now and then."""
    stream = io.StringIO()
    plain = dice.random() < 0.5
    writer = csv.writer(
        stream,
        delimiter="," if plain else dice.choice(",,,;\t| "),
        quotechar='"' if plain else dice.choice('""\'`'),
        quoting=csv.QUOTE_MINIMAL
        if plain
        else dice.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONE]),
        escapechar=None if plain else "\\",
        doublequote=plain or dice.random() < 0.5,
        lineterminator="\n" if plain else dice.choice(["\n", "\r\n", "\r", "\n\n"]),
    )
    for row in [names, *rows]:
        with suppress(csv.Error):  # what the dialect cannot write
            writer.writerow(["" if value is None else value for value in row])
    encoding = "utf-8" if dice.random() < 0.6 else dice.choice(ENCODINGS)
    data = stream.getvalue().encode(encoding, "replace")
    return broken(dice, data) if dice.random() < 0.2 else data


def csv_of(dice: Dice, table: pa.Table) -> bytes:
    columns = [
        [str(v) if isinstance(v, list | dict) else v for v in column.to_pylist()] for column in table.columns
    ]
    columns = [
        [v.decode("utf-8", "replace") if isinstance(v, bytes) else v for v in column] for column in columns
    ]
    return csv_bytes(dice, list(table.column_names), [list(row) for row in zip(*columns, strict=True)])


def huge_png() -> bytes:
    """A few bytes that say they are 60,000 × 60,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 999))
        + chunk(b"IEND", b"")
    )


def bad_photo_bytes(dice: Dice) -> bytes:
    form = dice.choice(["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "ICO"])
    whole = photo(dice.randrange(5), form)
    return dice.choice(
        [broken(dice, whole), broken(dice, whole), whole, b"", huge_png(), b"<svg/>", dice.randbytes(99)]
    )


def bad_photos(dice: Dice, folder: Path) -> None:
    """Some photos damaged, of other formats, names and kinds of files; or in an archive that is."""
    for _ in range(dice.choice([1, 2, 4])):
        split, ids = dice.choice([("train", TRAIN), ("test", TEST)])
        id_ = dice.choice(list(ids)[:PHOTOS])
        path = folder / "images" / split / f"{id_}.jpg"
        other = dice.choice(
            [f"{id_}.png", f"0{id_}.jpg", f"{id_}_2.jpg", f"{id_}.JPG", f"{id_}", f"{id_}.jpg.jpg", "x.jpg"]
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir() and not path.is_symlink():
            continue
        path.unlink(missing_ok=True)
        kind = dice.randrange(8)
        if kind < 4:
            path.write_bytes(bad_photo_bytes(dice))
        elif kind == 4:
            path.with_name(other).write_bytes(bad_photo_bytes(dice))
        elif kind == 5:
            path.symlink_to(dice.choice([path.name, "gone", "..", "/dev/null", "/dev/zero"]))
        elif kind == 6:
            os.mkfifo(path)
        else:
            path.mkdir()


def bad_archive(dice: Dice, folder: Path) -> None:
    """Photos in a zip: members of odd names, twice, encrypted, bombs; the file itself broken."""
    stream = io.BytesIO()
    names = [
        f"{split}/{i}.jpg" for split, ids in (("train", TRAIN), ("test", TEST)) for i in list(ids)[:PHOTOS]
    ]
    odd = [
        "../1001.jpg",
        "/etc/1001.jpg",
        "C:\\1001.jpg",
        "train\\1001.jpg",
        "train/",
        "",
        "a\x00b.jpg",
        "é/1001.jpg",
    ]
    with zipfile.ZipFile(
        stream, "w", dice.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
    ) as archive:
        for name in [*names, *dice.sample(odd, 2)]:
            member = zipfile.ZipInfo(name)
            if dice.random() < 0.1:
                member.external_attr = 0o120777 << 16
            archive.writestr(member, photo(1) if dice.random() < 0.7 else bad_photo_bytes(dice))
        if dice.random() < 0.1:
            archive.writestr("train/1005.jpg", b"\0" * 101_000_000, zipfile.ZIP_DEFLATED)
    data = bytearray(stream.getvalue())
    if dice.random() < 0.2:  # the flag of encryption of the first member, in both places
        data[6] |= 1
        data[data.rfind(b"PK\x01\x02") + 8] |= 1
    name = dice.choice(["images.zip", "train.zip", "other.zip", "images/test.zip", "a::b.zip"])
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(broken(dice, bytes(data)) if dice.random() < 0.6 else bytes(data))
