"""The demo's products and how shops word their offers.

A line (brand, name, code letters) holds a few products that differ in model number, measure or colour; a product has
1 to 5 offers, each worded by another shop: other order, script, abbreviations, parts left out, typos, shop talk.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from goods.demo import offer_words as words
from goods.demo.dice import Dice
from goods.demo.offer_words import OfferKind, read_offer_kinds

OFFERS = (0.4, 0.25, 0.17, 0.11, 0.07)  # products with 1 to 5 offers

SIBLINGS = 8  # most products of a line

OFFERS_PER_LINE, LINES_PER_BRAND = 8, 40

CYRILLIC_LINES, NATIVE_SCRIPT = 0.25, 0.95  # an offer's names are mostly in the script of its line

TYPO, SHUFFLED = 0.1, 0.3

Spelling = tuple[str, str]  # Latin, Cyrillic


@dataclass(frozen=True, slots=True)
class Line:
    """What the products of a line share; `native` is the script of its names (0 Latin, 1 Cyrillic)."""

    number: int
    kind: OfferKind
    brand: Spelling
    name: Spelling
    tail: str
    letters: str
    native: int
    features: tuple[str, str]
    material: str


class Catalogue:
    """Draws lines, their products and the wording of every offer; everything random comes from `dice`."""

    def __init__(self, n: int, dice: Dice) -> None:
        self.dice, self.kinds = dice, read_offer_kinds()
        self.syllables = [_spelling(s) for s in words.SYLLABLES.split("|")]
        self.endings = [_spelling(s) for s in words.ENDINGS.split("|")]
        self.by_share = [k for k, kind in enumerate(self.kinds) for _ in range(kind.share)]
        brands = n / OFFERS_PER_LINE / LINES_PER_BRAND / len(self.by_share)
        self.brands = [[self._name() for _ in range(3 + int(brands * kind.share))] for kind in self.kinds]
        self.colours = [tuple(colour.split("|")) for colour in words.COLOURS]
        self.units = {unit: (name, spelt.split("|")) for unit, (name, spelt) in words.UNITS.items()}
        self.suffixes, self.shops = words.SUFFIXES.split("|"), words.SHOPS.split("|")
        self.categories = [
            json.dumps(dict(zip("1234", ("EPG", *kind.levels), strict=True)), ensure_ascii=False)
            for kind in self.kinds
        ]
        self.bounds = np.cumsum(OFFERS).tolist()

    def _name(self) -> Spelling:
        parts = [self.dice.pick(self.syllables) for _ in range(2 + self.dice.below(2))]
        parts.append(self.dice.pick(self.endings))
        latin, cyrillic = ("".join(part[i] for part in parts).capitalize() for i in (0, 1))
        return latin, cyrillic

    def rows(self, n: int) -> Iterator[tuple[int, int, str, str, list[str] | None, str | None]]:
        """`n` offers: product, line, name, categories, colours, attributes."""
        made = product = number = 0
        while made < n:
            k = self.dice.pick(self.by_share)
            line = self._line(k, number)
            for model, measure, colour in self._products(line):
                chance = self.dice()
                for _ in range(1 + sum(chance > bound for bound in self.bounds[:-1])):
                    if made == n:
                        return
                    made += 1
                    name = self._title(line, model, measure, colour)
                    stated = self._stated_colours(colour)
                    yield (
                        product,
                        number,
                        name,
                        self.categories[k],
                        stated,
                        self._attributes(line, model, measure, colour),
                    )
                product += 1
            number += 1

    def _line(self, k: int, number: int) -> Line:
        dice, kind = self.dice, self.kinds[k]
        first = dice.below(len(kind.features))
        second = (first + 1 + dice.below(len(kind.features) - 1)) % len(kind.features)
        return Line(
            number,
            kind,
            dice.pick(self.brands[k]),
            self._name(),
            dice.pick(words.LINE_TAILS),
            dice.pick(kind.letters),
            int(dice() < CYRILLIC_LINES),
            (kind.features[first], kind.features[second]),
            dice.pick(kind.materials),
        )

    def _products(self, line: Line) -> list[tuple[int, str, int]]:
        """Distinct (model number, measure, colour) of a line: each differs from an earlier one in one of them."""
        dice = self.dice
        made = [(100 + dice.below(8900), dice.pick(line.kind.measures), dice.below(len(self.colours)))]
        for _ in range(int(dice() ** 1.2 * SIBLINGS)):
            model, measure, colour = dice.pick(made)
            what = dice.below(3)
            if what == 0:
                model += dice.pick((1, 5, 10, 100))
            elif what == 1:
                measure = dice.pick(line.kind.measures)
            else:
                colour = dice.below(len(self.colours))
            if (model, measure, colour) not in made:
                made.append((model, measure, colour))
        return made

    def _title(self, line: Line, model: int, measure: str, colour: int) -> str:
        dice, kind = self.dice, line.kind
        script = line.native if dice() < NATIVE_SCRIPT else 1 - line.native
        named = dice() < 0.97
        parts = [dice.pick(kind.nouns)] if dice() < 0.85 else []
        if dice() < 0.9:
            parts.append(line.brand[script] if dice() < 0.8 else line.brand[script].upper())
        if named:
            parts.append(f"{line.name[script]} {line.tail}".rstrip())
        if not named or dice() < 0.65:
            parts.append(self._code(line.letters, model))
        if dice() < 0.9:
            parts.append(self._measure(kind.unit, measure))
        if dice() < 0.7:
            parts.append(dice.pick(self.colours[colour]))
        if dice() < 0.45:
            parts.append(dice.pick(line.features))
        if dice() < SHUFFLED:
            parts.sort(key=lambda _: dice())
        if dice() < 0.3:
            parts.append(dice.pick(self.suffixes))
        if dice() < 0.08:
            parts.append(f"арт. {dice.below(900_000) + 100_000} {dice.pick(self.shops)}")
        title = (" " if dice() < 0.75 else ", ").join(parts)
        title = title[:1].upper() + title[1:] if dice() < 0.9 else title.upper()
        return self._typo(title) if dice() < TYPO else title

    def _code(self, letters: str, model: int) -> str:
        code = f"{letters}{self.dice.pick(('-', '-', '', '', ' '))}{model}"
        return code.lower() if self.dice() < 0.15 else code

    def _measure(self, unit: str, value: str) -> str:
        spelt = self.dice.pick(self.units[unit][1])
        value = value.replace(".", ",") if self.dice() < 0.3 else value
        gap = "" if self.dice() < 0.4 else " "
        return f"{spelt}{gap}{value}" if spelt in words.BEFORE else f"{value}{gap}{spelt}"

    def _typo(self, title: str) -> str:
        """Two neighbouring letters swapped, or one lost."""
        at = self.dice.below(max(1, len(title) - 1))
        middle = title[at : at + 2][::-1] if self.dice() < 0.5 else title[at + 1 : at + 2]
        return title[:at] + middle + title[at + 2 :]

    def _stated_colours(self, colour: int) -> list[str] | None:
        if self.dice() < 0.25:
            return None
        stated = colour if self.dice() < 0.95 else self.dice.below(len(self.colours))
        return [self.colours[stated][0]]

    def _attributes(self, line: Line, model: int, measure: str, colour: int) -> str | None:
        dice, kind = self.dice, line.kind
        if dice() < 0.08:
            return None
        name, spelt = self.units[kind.unit]
        stated = [
            ("Бренд", line.brand[line.native], 0.85),
            ("Тип", kind.levels[2], 0.9),
            (name, f"{measure} {spelt[0]}", 0.7),
            ("Материал", line.material, 0.6),
            ("Цвет товара", self.colours[colour][0], 0.6),
            ("Партномер", f"{line.letters}-{model}", 0.4),
            ("Особенности", ", ".join(line.features), 0.4),
            ("Страна-изготовитель", dice.pick(("Китай", "Россия", "Вьетнам")), 0.4),
        ]
        return json.dumps({n: [value] for n, value, share in stated if dice() < share}, ensure_ascii=False)


def _spelling(both: str) -> Spelling:
    latin, _, cyrillic = both.partition(":")
    return latin, cyrillic
