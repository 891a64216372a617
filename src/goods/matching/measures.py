"""Amounts with a unit in the names of products: "64 ГБ", "2x8GB", '15.6"', "pack of 3", in the smallest unit of each
dimension."""

from __future__ import annotations

import re

SCALES: dict[str, dict[str, float]] = {
    "bytes": {"mb мб": 1, "gb гб gig go": 1_000, "tb тб": 1_000_000},
    "mass": {
        "mg мг": 1,
        "g г гр gr грамм": 1_000,
        "kg кг": 1_000_000,
        "oz ounce ounces": 28_349.5,
        "lb lbs pound pounds": 453_592,
    },
    "volume": {"ml мл": 1, "cl": 10, "l л литр litre liter": 1_000, "floz": 29.5735},
    "length": {"mm мм": 1, "cm см": 10, "m м": 1_000},
    "inches": {'" ″ ” inch inches дюйм дюймов zoll pouces pulgadas in': 1, "ft feet foot": 12},
    "power": {"w вт watt watts": 1, "kw квт": 1_000},
    "charge": {"mah мач": 1, "ah ач": 1_000},
    "voltage": {"v в volt volts": 1},
    "frequency": {"hz гц": 1, "khz кгц": 1_000, "mhz мгц": 1_000_000, "ghz ггц": 1_000_000_000},
    "pixels": {"mp мп megapixel megapixels": 1},
    "resolution": {"dpi": 1},
    "speed": {"rpm": 1},
    "rate": {"mbps": 1, "gbps": 1_000},
    "pieces": {"шт штук pcs pc pack packs pk уп count ct erpack": 1},
    "zoom": {"x х": 1},
}
UNITS = {  # unit → its dimension and how many of the dimension's smallest unit it is
    spelling: (dimension, size)
    for dimension, scale in SCALES.items()
    for spellings, size in scale.items()
    for spelling in spellings.split()
}

_FIGURE = r"(\d{1,3}(?:,\d{3})+(?!\d)|\d+(?:[.,]\d+)?)"
_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+")
# "2 in 1" and "3 в 1" measure nothing, nor does "5 w/ case"; "6gb/s" and "5w-40" are no sizes
_AMOUNT = re.compile(
    rf"(?<![^\W_]){_FIGURE}\s?-?((?:fl\.?\s?oz|er-?pack|[^\W\d_]+)(?![^\W_])|[\"″”])"
    r"(?!-\d|\s?-?1\b|/\s|/s(?:ec)?\b)"
)
_TIMES = re.compile(rf"(?<![^\W_])(\d{{1,2}})\s?[x×х*]\s?(?={_FIGURE}\s?-?[^\W\d_])")
_PACK = re.compile(
    r"\b(?:pack|set|box|case|lot|набор|упаковка)\s(?:of|из)\s(\d{1,4})\b|(?<![^\W_])[x×х](\d{1,3})\b"
)
QUOTED = 120  # inches at most before a quotation mark: others only end a quotation


def figure(written: str) -> float:
    """A number as shops write it: "0,5" and "0.5" are a half, "10,000" ten thousand."""
    return float(written.replace(",", "" if _THOUSANDS.fullmatch(written) else "."))


def plain_unit(spelt: str) -> str:
    return re.sub(r"[-.\s]", "", spelt)


def measures(name: str) -> list[tuple[str, float]]:
    """(dimension, number in its smallest unit) of each amount of a `normal` name."""
    found = [("pieces", float(times[0])) for times in _TIMES.findall(name)]
    for number, spelt in _AMOUNT.findall(_TIMES.sub(" ", name)):
        unit, size = plain_unit(spelt), figure(number)
        if unit in UNITS and (unit.isalpha() or size <= QUOTED):
            found.append((UNITS[unit][0], size * UNITS[unit][1]))
    return found + [("pieces", float(one or other)) for one, other in _PACK.findall(name)]


def is_amount(token: str) -> bool:
    """Whether a token without blanks is a number and its unit and nothing else."""
    found = _AMOUNT.fullmatch(token)
    return found is not None and found[2] in UNITS


def without_amounts(name: str) -> str:
    return _AMOUNT.sub(lambda found: " " if plain_unit(found[2]) in UNITS else found[0], name)


def amounts(name: str) -> list[str]:
    """The same as texts: "64 ГБ" → "bytes 64000"."""
    return [f"{dimension} {number:g}" for dimension, number in measures(name)]
