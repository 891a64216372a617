"""The numbers of cards as terms, for models that count terms.

A term is the band a number falls in, two numbers' bands together, a band together with the title's first word (a loaf
with much fat is a cake) or a percentage in the title.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

RARE_NUMBERS = 50  # a number's name on fewer cards tells nothing

BANDS = 12  # of a number, with about as many cards each

PAIRED = 6  # names whose bands are taken in pairs: those on the most cards

NUMBER = re.compile(r"\s*(-?\d{1,15}(?:[.,]\d{1,15})?)(?![\d.,]*\d)")

PERCENTAGE = re.compile(r"(?<![\d.,])(\d{1,3}(?:[.,]\d{1,3})?)\s?%")

WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class NumberTerms:
    """edges: name of a number → [BANDS - 1] where its bands meet, names on most cards first."""

    edges: dict[str, list[float]]

    @staticmethod
    def of(found: list[dict[str, float]]) -> NumberTerms:
        """Bands of the numbers `found` on each card; they know no classes."""
        values: dict[str, list[float]] = {}
        for row in found:
            for name, value in row.items():
                values.setdefault(name, []).append(value)
        often = [name for name, its in values.items() if len(its) >= RARE_NUMBERS]
        often.sort(key=lambda name: (-len(values[name]), name))
        shares = np.arange(1, BANDS) / BANDS
        return NumberTerms({name: np.quantile(values[name], shares).tolist() for name in often})

    def terms(self, titles: Iterable[str], found: list[dict[str, float]]) -> Iterator[list[str]]:
        """The terms of each card, `found` are the numbers of each."""
        together = set(list(self.edges)[:PAIRED])
        for title, row in zip(titles, found, strict=True):
            bands = {
                name: f"{name} {bisect_left(self.edges[name], value)}"
                for name, value in row.items()
                if name in self.edges
            }
            paired = sorted(band for name, band in bands.items() if name in together)
            first = WORD.search(title.lower())
            yield [
                *bands.values(),
                *(f"{one}, {other}" for one, other in combinations(paired, 2)),
                *(f"{first[0]}: {band}" for band in bands.values() if first),
                *(half_percents(percentage) for percentage in PERCENTAGE.findall(title)),
            ]


def numbers(text: str) -> dict[str, float]:
    """ "Вес: 12,5 г; Белки: 3" → {"вес": 12.5, "белки": 3.0}; the first of a name counts."""
    found: dict[str, float] = {}
    for part in text.split(";"):
        *names, value = part.rsplit(":", 1)
        match = NUMBER.match(value) if names else None
        if match:
            name = names[0].rsplit(":", 1)[-1].strip().lower()
            found.setdefault(name, float(match[1].replace(",", ".")))
    return found


def half_percents(written: str) -> str:
    """The term of a percentage: "0,45" → "0.5 %"."""
    return f"{round(2 * float(written.replace(',', '.'))) / 2:g} %"
