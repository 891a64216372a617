"""Sellers of the demo shop, and which of them sell what."""

from __future__ import annotations

from collections import defaultdict

from goods.demo import words
from goods.demo.dice import Dice
from goods.demo.kinds import Kind

GENERALISTS = 0.25  # of the shops, and of the cards of a kind that specialists know


class Shops:
    """Sellers with numbers and titles: specialists know a few kinds of one department, generalists all."""

    def __init__(self, kinds: list[Kind], used: list[int], count: int, dice: Dice) -> None:
        self.dice = dice
        self.titles = [self.title(dice) for _ in range(count)]
        self.generalists = list(range(max(2, int(count * GENERALISTS))))
        self.specialists: dict[int, list[int]] = defaultdict(list)
        departments = defaultdict(list)
        for kind in used:
            departments[kinds[kind].department].append(kind)
        for shop in range(len(self.generalists), count):
            near = departments[kinds[dice.pick(used)].department]
            for _ in range(2 + dice.below(5)):
                self.specialists[dice.pick(near)].append(shop)

    @staticmethod
    def title(dice: Dice) -> str:
        form = dice.below(4)
        if form == 0:
            return f"ИП {dice.pick(words.SHOP_OWNERS.split('|'))}"
        heads, tails = (words.SHOP_WORDS if form == 1 else words.SHOP_LATIN).split(";")
        number = f" {dice.below(100)}" if dice() < 0.4 else ""
        return f"{dice.pick(heads.split('|'))} {dice.pick(tails.split('|'))}{number}"

    def pick(self, kind: int) -> int:
        """A shop that could sell the kind; the first of each list sell most."""
        known = self.specialists.get(kind)
        options = self.generalists if known is None or self.dice() < GENERALISTS else known
        return options[int(self.dice() ** 2 * len(options))]
