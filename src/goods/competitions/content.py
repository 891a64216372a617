"""What a file that should be a text is instead, by its first bytes."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from goods.competitions.arrow import MAGIC
from goods.core.errors import GoodsError

SPREADSHEET = "a spreadsheet, which is not read", "save each of its sheets as CSV"
UNPACK = "unpack it and name the file in it"
ZIP = b"PK\x03\x04"
SHEETS = (
    "xl/",
    "content.xml",
)  # what workbooks of Excel and of OpenDocument, which are zip files, have inside
CARDS = "name the file of the cards"
BEGINS = {  # first bytes → what it is, the mend
    MAGIC: ("a parquet file, not the text that its name says", "rename it to end in .parquet"),
    ZIP: ("a zip archive, not a table", UNPACK),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive, not a table", UNPACK),
    b"Rar!\x1a": ("a rar archive, not a table", UNPACK),
    b"\x1f\x8b": ("packed by gzip, which its name does not say", UNPACK),
    b"BZh91AY&SY": ("packed by bzip2, which is not read", UNPACK),
    b"\xfd7zXZ\x00": ("packed by xz, which is not read", UNPACK),
    b"\x28\xb5\x2f\xfd": ("packed by zstd, which is not read", UNPACK),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": SPREADSHEET,
    b"\x89PNG": ("a picture (png), not a table", CARDS),
    b"\xff\xd8\xff": ("a picture (jpeg), not a table", CARDS),
    b"GIF8": ("a picture (gif), not a table", CARDS),
    b"SQLite format 3\x00": ("a database (sqlite), which is not read", "export its table as CSV"),
    b"ARROW1": ("an arrow (feather) file, which is not read", "write it as parquet"),
}
BEGIN_NO_TABLE = (  # of files that may be all letters
    (rb"%PDF-\d\.\d\s", "a pdf document, not a table", CARDS),
    (rb"\{\\rtf", "a text document (rtf), not a table", CARDS),
    (rb"\s*(?i:<!doctype html|<html)\b", "a web page, not a table", "download the file itself"),
    (
        rb"version https://git-lfs\.github\.com/",
        "a pointer of git-lfs in place of the file",
        "run git lfs pull",
    ),
)
# a byte that no text has: PAR1 may be the name of a column
NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x19\x1c-\x1f]")


def check_text(path: Path, head: bytes) -> None:
    """GoodsError that names what the file is, where its `head` is that of no text."""
    for begin, (what, mend) in BEGINS.items():
        if head.startswith(begin) and NO_TEXT.search(head):
            if begin == ZIP and is_workbook(path):
                what, mend = SPREADSHEET
            raise GoodsError(f"{path}: {what}; {mend}")
    for pattern, what, mend in BEGIN_NO_TABLE:
        if re.match(pattern, head):
            raise GoodsError(f"{path}: {what}; {mend}")


def is_workbook(path: Path) -> bool:
    """Whether a zip file is one; not of one that is cut, or packed once more."""
    try:
        with zipfile.ZipFile(str(path)) as file:
            return any(name.startswith(SHEETS) for name in file.namelist())
    except (OSError, zipfile.BadZipFile):
        return False
