"""Cards as a real marketplace has them: a title in one of two languages and hardly anything besides."""

from __future__ import annotations

import json

from goods.demo import words
from goods.demo.copywriter import Copywriter
from goods.demo.kinds import Leaf, inflect

SECOND_LANGUAGE, DESCRIBED, COLOUR_STATED = 0.45, 0.02, 0.45

EXTRA = (0.05, 0.05, 0.1, 0.05)  # a title also names its material, its group, a filler, another filler

# Cyrillic spelt in Latin letters as Uzbek does
LATIN: dict[str, str] = dict(
    zip("абвгдеёжзийклмнопрстуфхцчшщъыьэюя", "abvgdeejziyklmnoprstufxcqww'i'euy", strict=True)
)


def latin(text: str) -> str:
    """The text in Latin letters, upper case kept."""
    spelt = (LATIN.get(letter.lower(), letter) for letter in text)
    return "".join(s.upper() if t.isupper() else s for s, t in zip(spelt, text, strict=True))


class TerseCopywriter(Copywriter):
    """Titles of about six words, a colour at most among the attributes, no description."""

    def card(self, leaf: Leaf, colour: int) -> str:
        dice, kind = self.dice, self.kinds[leaf.kind]
        brand, size = dice.pick(self.brands[kind.family]), dice.pick(self.sizes[kind.family])
        title = self.title(leaf, kind, brand, size, colour)
        extra = (
            dice.pick(self.materials),
            dice.pick(kind.generic).lower(),
            *map(dice.pick, (self.fillers,) * 2),
        )
        title = " ".join([title, *(word for word, share in zip(extra, EXTRA, strict=True) if dice() < share)])
        fields: dict[str, object] = {
            "title": latin(title) if dice() < SECOND_LANGUAGE else title,
            "description": self.description(leaf, kind, brand) if dice() < DESCRIBED else "",
            "attributes": [],
            "custom_characteristics": {},
            "defined_characteristics": self.colour(colour) if dice() < COLOUR_STATED else {},
            "filters": {},
        }
        return json.dumps(fields, ensure_ascii=False)

    @staticmethod
    def colour(colour: int) -> dict[str, list[str]]:
        return {"Цвет": [inflect(words.COLOURS[colour], "m")]}
