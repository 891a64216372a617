"""Titles, descriptions and attributes of the demo's cards, as sellers would write them."""

from __future__ import annotations

import json

from goods.demo import words
from goods.demo.dice import Dice
from goods.demo.kinds import Kind, Leaf, inflect

VAGUE_TITLE, GROUP_TITLE = 0.05, 0.08  # no word of the product at all; a word of its group only
TELLS_VARIANT, FALSE_VARIANT = 0.72, 0.05  # by the title; a sibling's word in it
ATTRIBUTE_TELLS, DESCRIPTION_TELLS = 0.16, 0.25  # kind and variant, each on its own
TYPO, SHUFFLED, SPAM = 0.12, 0.2, 0.12
VARIANT_NAMES = ("Назначение", "Особенности", "Вид", "Серия")


class Copywriter:
    """Writes the text fields of one card at a time; everything random comes from `dice`."""

    def __init__(self, kinds: list[Kind], leaves: list[Leaf], dice: Dice) -> None:
        self.kinds, self.leaves, self.dice = kinds, leaves, dice
        self.axes = [kind.axes() for kind in kinds]
        families = sorted(words.BRANDS)
        self.brands = {f: words.BRANDS[f].split("|") for f in families}
        self.sizes = {f: words.SIZES[f].split("|") for f in families}
        self.fillers, self.vague = words.FILLERS.split("|"), words.VAGUE.split("|")
        self.praise, self.materials = words.PRAISE.split("|"), words.MATERIALS.split("|")

    def card(self, leaf: Leaf, colour: int) -> str:
        """The card's text_fields JSON."""
        dice, kind = self.dice, self.kinds[leaf.kind]
        brand, size = dice.pick(self.brands[kind.family]), dice.pick(self.sizes[kind.family])
        material = dice.pick(self.materials)
        fields: dict[str, object] = {
            "title": self.title(leaf, kind, brand, size, colour),
            "description": self.description(leaf, kind, brand),
        }
        shade = inflect(words.COLOURS[colour], "m")
        told = self.variant_words(leaf, "p", ATTRIBUTE_TELLS)
        attributes = [f"{dice.pick(VARIANT_NAMES)}: {told}"] if told else []
        if dice() < ATTRIBUTE_TELLS:
            attributes.append(f"Тип: {dice.pick(kind.words)[0]}")
        attributes += [f"Материал: {material}"] * (dice() < 0.4) + [f"Размер: {size}"] * (dice() < 0.3)
        defined = {"Цвет": [shade]} | ({"Размер": [size]} if dice() < 0.5 else {})
        extras: list[tuple[str, object]] = [
            ("attributes", attributes),
            ("custom_characteristics", {"Комплектация": [f"{1 + dice.below(4)} шт"]} if dice() < 0.2 else {}),
            ("defined_characteristics", defined if dice() < 0.6 else {}),
            (
                "filters",
                {"Бренд": [brand]} | ({"Цвет": [shade]} if dice() < 0.5 else {}) if dice() < 0.5 else {},
            ),
        ]
        fields |= {name: value for name, value in extras if dice() > 0.03}
        return json.dumps(fields, ensure_ascii=False)

    def title(self, leaf: Leaf, kind: Kind, brand: str, size: str, colour: int) -> str:
        dice, clarity = self.dice, self.dice()
        if clarity < VAGUE_TITLE:
            return dice.pick(self.vague) + (f" {brand}" if dice() < 0.3 else "")
        if clarity < VAGUE_TITLE + GROUP_TITLE:
            name, gender, told = dice.pick(kind.generic), "p", self.variant_words(leaf, "p", 0.15)
        else:
            name, gender = dice.pick(kind.words)
            told = self.variant_words(leaf, gender, TELLS_VARIANT)
        tail = [told] * bool(told)
        if dice() < (FALSE_VARIANT if leaf.modifiers else 0.25):
            tail.append(inflect(dice.pick(dice.pick(dice.pick(self.axes[leaf.kind]))), gender))
        if dice() < 0.55:
            tail.append(brand if dice() < 0.7 else brand.upper())
        if dice() < 0.3:
            tail.append(f"{dice.pick('ABKMXTРЛ')}{dice.pick('-  ')}{dice.below(990) + 10}".replace(" ", ""))
        if dice() < 0.35:
            tail.append(inflect(words.COLOURS[colour], gender))
        if dice() < 0.4:
            tail.append(size)
        if dice() < 0.3:
            tail.append(dice.pick(self.fillers))
        parts = [name, *tail]
        if dice() < SHUFFLED:
            parts.sort(key=lambda _: dice())
        title = (" " if dice() < 0.8 else ", ").join(parts)
        title = title[:1].upper() + title[1:] if dice() < 0.9 else title.upper()
        return self.typo(title) if dice() < TYPO else title

    def variant_words(self, leaf: Leaf, gender: str, chance: float) -> str:
        """The modifiers that happen to be named; all of them with probability `chance`."""
        each = chance ** (1 / max(1, len(leaf.modifiers)))
        named = [forms for forms in leaf.modifiers if self.dice() < each]
        return " ".join(inflect(self.dice.pick(forms), gender) for forms in named)

    def description(self, leaf: Leaf, kind: Kind, brand: str) -> str:
        dice = self.dice
        if dice() < 0.2:
            return ""
        blocks = [f"<p>{dice.pick(self.praise)}</p>"]
        if dice() < DESCRIPTION_TELLS:
            blocks.append(f"<p>{dice.pick(kind.words)[0].capitalize()} &laquo;{brand}&raquo;.</p>")
        told = self.variant_words(leaf, "p", DESCRIPTION_TELLS)
        if told:
            blocks.append(f"<p>Подойдёт: {told}<br>{dice.pick(self.praise)}</p>")
        if dice() < 0.35:
            points = "".join(f"<li>{dice.pick(self.praise)}</li>" for _ in range(2 + dice.below(3)))
            blocks.append(f"<ul>{points}</ul>")
        if dice() < SPAM:
            other = ", ".join(dice.pick(self.leaves).path[-1].lower() for _ in range(2 + dice.below(4)))
            blocks.append(f"<p>Также в нашем магазине:&nbsp;{other}</p>")
        blocks.sort(key=lambda _: dice())
        return (
            "".join(blocks) if dice() < 0.85 else "<br/>".join(blocks).replace("<p>", "").replace("</p>", "")
        )

    def typo(self, title: str) -> str:
        """One letter lost, doubled or swapped with the next."""
        at = self.dice.below(max(1, len(title) - 1))
        middle = self.dice.pick(("", title[at] * 2 + title[at + 1 : at + 2], title[at : at + 2][::-1]))
        return title[:at] + middle + title[at + 1 + bool(middle) :]
