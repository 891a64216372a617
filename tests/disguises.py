"""The same shop by another hand: texts, JSON, types, parts and trees in other dress, and faults among them."""

from __future__ import annotations

import decimal
import json
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ftfy.bad_codecs  # noqa: F401 (registers the sloppy encodings)
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

LATIN, CYRILLIC = "AaBCcEeHKkMOoPpTXxYy", "АаВСсЕеНКкМОоРрТХхУу"
SHAPES = dict(zip(CYRILLIC + LATIN, LATIN + CYRILLIC, strict=True))
UNSEEN = ["\u00ad", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u200e", "\u202c", "\ufe0f"]
VOWELS = "аеиоуыэюя"


def disguised(text: str, rng: np.random.Generator) -> str:
    """Soft hyphens, zero width, stress, parts of letters, letters of the other alphabet."""
    signs = []
    for sign in text:
        kind = rng.integers(6)
        if kind == 0 and sign in "аеорсух":
            sign = SHAPES[sign]
        signs.append(unicodedata.normalize("NFD", sign) if kind == 1 else sign)
        if kind == 2 and sign in VOWELS:
            signs.append("\u0301")
        if kind in (3, 4) and sign.isalpha():
            signs.append("\u00ad" if kind == 3 else "\u200b")
    return "".join(signs)


def sprinkled(signs: str) -> Callable[[str, np.random.Generator], str]:
    """One of the signs behind some of the letters."""
    return lambda word, rng: "".join(s + rng.choice(list(signs)) * int(rng.random() < 0.3) for s in word)


def with_a_look_alike(word: str, rng: np.random.Generator) -> str:
    """One letter of the other alphabet, where the others tell the word's own."""
    letters = [i for i, sign in enumerate(word) if sign in SHAPES]
    if not letters or all(sign in SHAPES for sign in word):
        return word
    i = int(rng.choice(letters))
    return word[:i] + SHAPES[word[i]] + word[i + 1 :]


def stressed(word: str, rng: np.random.Generator) -> str:
    vowels = [i for i, sign in enumerate(word) if sign in VOWELS]
    i = int(rng.choice(vowels)) + 1 if vowels else 0
    return word[:i] + "\u0301" * bool(i) + word[i:]


WORDS = {
    "invisible signs": sprinkled("".join(UNSEEN)),
    "look-alike letters": with_a_look_alike,
    "letters in parts": lambda word, _: unicodedata.normalize("NFD", word),
    "stress": stressed,
}  # what another hand makes of a Cyrillic word

BLANKS = ["\u00a0", "\u2009", " \u200b", "\t"]


def rewritten_texts(kinds: list[str], rng: np.random.Generator) -> Callable[[str], str]:
    """Texts with some of their Cyrillic words disguised in all of `kinds`, of WORDS and "blanks"."""

    def word(match: re.Match[str]) -> str:
        found = match.group()
        if rng.random() < 0.5:
            for kind in WORDS:
                found = WORDS[kind](found, rng) if kind in kinds else found
        return found

    def text(clean: str) -> str:
        changed = re.sub("[А-яЁё]{4,}", word, clean)
        return changed.replace(" ", str(rng.choice(BLANKS))) if "blanks" in kinds else changed

    return text


def every_text(value: Any, change: Callable[[str], str]) -> Any:
    """`change` of every text in a value of JSON, names in objects aside."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: every_text(found, change) for key, found in value.items()}
    return [every_text(found, change) for found in value] if isinstance(value, list) else value


def mojibake(encoding: str) -> Callable[[str], str]:
    """UTF-8 that was read as something else."""
    return lambda text: text.encode().decode(f"sloppy-{encoding}")


def rewritten(change):
    """JSON cells → what `change` makes of the values they hold."""
    return lambda cells: [change(json.loads(cell)) for cell in cells]


def named(values: dict) -> list[dict]:
    return [{"name": name, "value": value} for name, value in values.items()]


def with_named_objects(value: dict) -> dict:
    keys = ("custom_characteristics", "defined_characteristics", "filters")
    return value | {key: named(value[key]) for key in keys}


TYPES = {
    "category": ("shop_title", lambda cells: pa.array(cells).dictionary_encode()),
    "category of large text": (
        "shop_title",
        lambda cells: pa.array(cells, pa.large_string()).dictionary_encode(),
    ),
    "category of ids": ("category_id", lambda cells: pa.array(cells).dictionary_encode()),
    "string_view": ("text_fields", lambda cells: pa.array(cells, pa.string_view())),
    "large string": ("text_fields", lambda cells: pa.array(cells, pa.large_string())),
    "binary": ("text_fields", lambda cells: pa.array([c.encode() for c in cells])),
    "large binary": ("shop_title", lambda cells: pa.array([c.encode() for c in cells], pa.large_binary())),
    "binary_view": ("shop_title", lambda cells: pa.array([c.encode() for c in cells], pa.binary_view())),
    "decimal ids": ("product_id", lambda cells: pa.array([decimal.Decimal(f"{c}.00") for c in cells])),
    "text ids": ("product_id", lambda cells: [f" {c}" for c in cells]),
    "text ids with .0": ("category_id", lambda cells: [f"{c}.0" for c in cells]),
    "float ids": ("product_id", lambda cells: pa.array(cells, pa.float64())),
    "unsigned ids": ("product_id", lambda cells: pa.array(cells, pa.uint16())),
    "float flag": ("sale", lambda cells: pa.array([float(c) for c in cells])),
    "text flag": ("sale", lambda cells: [str(c) for c in cells]),
    "decimal flag": ("sale", lambda cells: pa.array([decimal.Decimal(int(c)) for c in cells])),
    "category of flags": ("sale", lambda cells: pa.array(cells).dictionary_encode()),
}


def filled(value: dict) -> dict:
    """Arrow has no struct without fields."""
    return {key: found or None for key, found in value.items()}


def as_objects(value: dict) -> dict:
    own = value["custom_characteristics"]
    return value | {"custom_characteristics": [{"name": n, "value": as_said(v)} for n, v in own.items()]}


def as_said(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


DRESSES = {
    "str(dict)": rewritten(str),
    "JSON in JSON": lambda cells: [json.dumps(cell) for cell in cells],
    "JSON in JSON in JSON": lambda cells: [json.dumps(json.dumps(cell)) for cell in cells],
    "escaped": rewritten(json.dumps),
    "list of named objects": rewritten(lambda v: json.dumps(with_named_objects(v))),
    "struct": lambda cells: pa.array([filled(json.loads(cell)) for cell in cells]),
    "struct of list<struct>": lambda cells: pa.array(
        [filled(as_objects(json.loads(cell))) for cell in cells]
    ),
}


def spoilt(share: float):
    """Every so many cells cut off in the middle."""
    return lambda cells: [c[: len(c) // 2] if i < share * len(cells) else c for i, c in enumerate(cells)]


FAULTS = [
    ("text_fields", spoilt(0.04)),
    ("product_id", lambda cells: pa.array([float(10**17 + c) for c in cells])),
    ("category_id", lambda cells: [f"{c}.5" for c in cells]),
]


def as_spark_writes(file: Path) -> None:
    """train.parquet → a folder of two parts, with what Spark leaves beside them."""
    table = pq.read_table(file)
    file.unlink()
    file.mkdir()
    half = len(table) // 2
    for i, part in enumerate((table.slice(0, half), table.slice(half), table.slice(0, 0))):
        pq.write_table(part, file / f"part-0000{i}-af3.snappy.parquet")
        (file / f".part-0000{i}-af3.snappy.parquet.crc").write_bytes(b"crc")
    (file / "_SUCCESS").write_bytes(b"")


TREES: dict[str, Callable[[str], str | bytes]] = {
    "semicolons": lambda tree: tree.replace(",", ";"),
    "tabs in cp1251": lambda tree: tree.replace(",", "\t").encode("cp1251"),
    "utf-8 with a mark": lambda tree: tree.encode("utf-8-sig"),
    "utf-16": lambda tree: tree.encode("utf-16"),
    "carriage returns and empty lines": lambda tree: tree.replace("\n", "\r\n") + "\r\n",
    "ids through a float": lambda tree: re.sub(r",(\d+)$", r",\1.0", tree, flags=re.MULTILINE),
    "a root without a parent": lambda tree: tree.replace("1,Все категории,0", "1,Все категории,"),
    "its own parent": lambda tree: tree.replace("1,Все категории,0", "1,Все категории,1"),
    "several roots": lambda tree: tree.replace("1,Все категории,0\n", "").replace(",1\n", ",\n"),
}
