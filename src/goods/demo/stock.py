"""What the demo shop's cards are drawn from, and the cards."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pandas as pd

from goods.demo.dice import Dice
from goods.demo.kinds import Kind, Leaf
from goods.demo.photos import FAVOURED, RGB, look
from goods.demo.shapes import Shape
from goods.demo.shops import Shops
from goods.demo.tree import ROOT_TITLE

MISLABELLED = 0.035


@dataclass(frozen=True, slots=True)
class Cards:
    """`table` has a row per card; `shown` int64 [n] is the leaf that each really shows, `colours` [n] its colour."""

    table: pd.DataFrame
    shown: np.ndarray
    colours: list[int]


class Stock:
    """Leaves, sellers and words, those of every card alike; `train` int [rows] are the labels of the train cards."""

    def __init__(
        self, kinds: list[Kind], leaves: list[Leaf], train: np.ndarray, seed: int, shape: Shape
    ) -> None:
        self.kinds, self.leaves, self.seed, self.without_shop = kinds, leaves, seed, shape.without_shop
        self.sizes = np.bincount(train, minlength=len(leaves))
        self.looks = [look(leaf, kinds[leaf.kind].silhouette) for leaf in leaves]
        used, dice = sorted({leaf.kind for leaf in leaves}), Dice(np.random.default_rng([seed, 5]))
        self.shops = Shops(kinds, used, max(12, len(train) // shape.cards_per_shop), dice)
        self.copywriter = shape.copywriter(kinds, leaves, dice)

    def cards(self, labels: np.ndarray, ids: np.ndarray, *part: int) -> Cards:
        """Cards of `labels` (leaf index) and product ids, both int64 [n]. Their words go on where those of the cards
        before end; all else about them is drawn with seeds that end in `part`."""
        leaves, total = self.leaves, len(labels)
        shown = self.contents(labels, np.random.default_rng([self.seed, 3, *part]))
        rng = np.random.default_rng([self.seed, 4, *part])
        rating, sale = (
            np.where(rng.random(total) < 0.4, 0.0, (3 + 2 * rng.random(total)).round(1)),
            rng.random(total) < 0.2,
        )
        favourite = np.array([style.colours for style in self.looks])[shown, rng.integers(2, size=total)]
        favoured = rng.random(total) < FAVOURED
        colours = np.where(favoured, favourite, rng.integers(len(RGB), size=total)).tolist()

        sellers = np.array([self.shops.pick(leaves[i].kind) for i in shown], np.int64)
        texts = [self.copywriter.card(leaves[i], colour) for i, colour in zip(shown, colours, strict=True)]
        table = pd.DataFrame({"product_id": ids})
        table["category_id"] = np.array([leaves[i].category_id for i in labels], np.int64)
        table["sale"], table["shop_id"] = sale, sellers + 1
        named = np.random.default_rng([self.seed, 7, *part]).random(total) >= self.without_shop
        titles = self.shops.titles
        table["shop_title"] = [titles[i] if known else "" for i, known in zip(sellers, named, strict=True)]
        table["rating"], table["text_fields"] = rating, texts
        table["category_name"] = ["->".join((ROOT_TITLE, *leaves[i].path)) for i in labels]
        return Cards(table, shown, colours)

    def contents(self, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The leaf each card really shows: a sibling of its label for mislabelled cards of the larger classes."""
        leaves, kinds, sizes = self.leaves, self.kinds, self.sizes
        by_kind, by_group = defaultdict(list), defaultdict(list)
        for i, leaf in enumerate(leaves):
            by_kind[leaf.kind].append(i)
            by_group[kinds[leaf.kind].group].append(i)
        shown = labels.copy()
        swapped = (rng.random(len(labels)) < MISLABELLED) & (sizes[labels] > 3)
        for card in np.flatnonzero(swapped):
            leaf = leaves[labels[card]]
            near = by_kind[leaf.kind] if len(by_kind[leaf.kind]) > 1 else by_group[kinds[leaf.kind].group]
            others = [i for i in near if i != labels[card]]
            if others:
                shown[card] = others[int(rng.integers(len(others)))]
        return shown
