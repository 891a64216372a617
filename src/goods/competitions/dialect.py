"""How a CSV file is written, found out of the file: encoding, separator, sign around cells."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import zlib
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from charset_normalizer import from_bytes

from goods.competitions.content import check_text
from goods.competitions.swallowed import LINE_END, QUOTES_MEND
from goods.config.table import TextFormat
from goods.core.errors import GoodsError

SEPARATORS = ",;\t|"
CODE_PAGES = ("utf_8", "utf_16", "cp1251", "koi8_r", "cp866")
MAX_FIELD = 1_000_000  # signs of one field
PACKED = ".gz"
CUT = (OSError, EOFError, zlib.error)  # of files, packed ones that end too early or have other bytes inside
SAMPLE = 1 << 18  # bytes that are looked at
ROWS = 2_000  # of them, rows
QUOTES = ('"', "")
MARKS = {  # of four bytes first: that of UTF-32 begins as that of UTF-16
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
UNMARKED = ("utf-16-be", "utf-16-le")  # the first or the second byte of each ASCII sign is 0
ZEROS = 0.05  # share of a file's pairs of bytes that are ASCII signs, at least
WESTERN = "cp1252"
ALL_QUOTED = re.compile(r'"(?:[^"]|"")*"(?:([,;|\t])"(?:[^"]|"")*")(?:\1"(?:[^"]|"")*")*')
SHOWN = 60  # signs of a line
SEPARATOR_LINE = re.compile(r'"?sep=([,;|\t])"?\r?\n')  # which spreadsheets write and read above the names


@dataclass(frozen=True)
class Dialect:
    encoding: str
    separator: str
    quote: str
    skip: int = 0  # lines above the names of columns

    def __str__(self) -> str:
        told = {"\t": "tab"}.get(self.separator, self.separator)
        return f"{self.encoding}, columns divided by {told!r}{'' if self.quote else ', no quotes'}"


def dialect_of(path: Path, format_: TextFormat, mend: str = QUOTES_MEND) -> Dialect:
    """What is not said by `format_` is found out. GoodsError where no encoding fits, or, with the `mend`, quotes."""
    head, letters, whole = samples(path)
    encoding = format_.encoding or encoding_of(letters)
    if encoding is None:
        raise GoodsError(f"{path}: neither UTF-8 nor a known code page; name it as table.format.encoding")
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head, final=False).removeprefix("\ufeff")
    except (LookupError, ValueError) as error:
        raise GoodsError(f"{path}: not {encoding} ({error}); mend table.format.encoding") from None
    said = SEPARATOR_LINE.match(text)
    text = text[said.end() :] if said else text
    separators = format_.separator or (said[1] if said else SEPARATORS)
    quotes = QUOTES if format_.quote is None else (format_.quote,)
    found = []
    for separator in separators:
        # quotes, where they fit as well: without them a separator within a cell makes one column more of it
        fits = [(*fit(text, separator, quote, whole), quote) for quote in quotes]
        best = max(fits, key=lambda one: (one[0], -quotes.index(one[2])))
        found.append((best[:2], -separators.index(separator), separator, best[2]))
    _, _, separator, quote = max(found)
    if not quote and format_.quote is None:
        check_quotes(text, whole, path, mend)
    return Dialect(encoding, separator, quote, 1 if said else 0)


def samples(path: Path) -> tuple[bytes, bytes, bool]:
    """The file's beginning; the first of its parts with signs that are not ASCII; whether the beginning is all."""
    try:
        with gzip.open(str(path), "rb") if path.suffix.lower() == PACKED else path.open("rb") as file:
            head = letters = file.read(SAMPLE)
            rest = file.read(SAMPLE)
            whole = not rest
            while letters.isascii() and rest:
                letters, rest = rest, file.read(SAMPLE)
    except CUT as error:
        raise GoodsError(f"{path}: cannot be read ({error}); copy it again") from None
    check_text(path, head)
    return head, letters, whole


def encoding_of(data: bytes) -> str | None:
    """The encoding of a part of a file, which may begin and end within a sign; None where none fits."""
    for mark, name in MARKS.items():
        if data.startswith(mark):
            return name
    zeros = [data[first::2].count(0) for first in (0, 1)]
    if min(zeros) == 0 and max(zeros) > ZEROS * len(data) / 2:
        return UNMARKED[zeros.index(0) ^ 1]
    inside = data.lstrip(bytes(range(0x80, 0xC0)))  # the rest of a sign that was cut
    try:
        codecs.getincrementaldecoder("utf-8")().decode(inside if len(data) - len(inside) < 4 else data)
        return "utf-8"
    except UnicodeDecodeError:
        return code_page_of(data, WESTERN)


def code_page_of(data: bytes, *others: str) -> str | None:
    """The code page, of those of Cyrillic and `others`, that the letters speak for; None where they do for none."""
    # tabs without blanks around count as signs of a wrong one
    found = from_bytes(data.replace(b"\t", b" "), cp_isolation=[*CODE_PAGES, *others]).best()
    return None if found is None else found.encoding


def check_quotes(text: str, whole: bool, path: Path, mend: str) -> None:
    """GoodsError naming the row where quotes go wrong, in a text of which all cells are within quotes: without them the
    first cell that has a separator would be told."""
    lines = LINE_END.split(text.rstrip())
    header = ALL_QUOTED.fullmatch(lines[0])
    if header is None or sum(bool(ALL_QUOTED.fullmatch(line)) for line in lines) <= len(lines) / 2:
        return
    if fit(text, header[1], QUOTES[0], whole)[0] > 0:
        return
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=header[1], strict=True)
    row, began = -1, 0
    try:
        for fields in reader:
            row, began = row + bool(fields), reader.line_num
    except csv.Error:
        raise GoodsError(
            f"{path}: row {row}: a quote is opened and not closed, or stands within a cell, in or behind "
            f"{lines[began][:SHOWN]!r}; {mend}"
        ) from None


def fit(text: str, separator: str, quote: str, whole: bool) -> tuple[float, int]:
    """(share of the rows that have as many fields as the header, number of these); (0, 0) where that is one."""
    csv.field_size_limit(MAX_FIELD)
    style = {"quotechar": quote, "strict": True} if quote else {"quoting": csv.QUOTE_NONE}
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, **style)  # type: ignore[arg-type]
    rows: list[int] = []
    try:
        rows += (len(row) for row in islice(reader, ROWS) if row)
    except csv.Error:
        if whole or reader.line_num < text.count("\n"):
            return 0.0, 0
        rows.append(0)  # cut within quotes
    if not whole and len(rows) < ROWS:
        rows = rows[:-1] or rows  # the last row is cut
    if not rows or rows[0] < 2:
        return 0.0, 0
    return round(sum(n == rows[0] for n in rows) / len(rows), 4), rows[0]
