"""Our own demo shop in the KazanExpress 2023 raw format: a Russian marketplace with texts and drawn photos.

writes: train.parquet, test.parquet, categories_tree.csv, images/{train,test}/<product_id>.jpg
The noise rates below put a linear text model at about 0.9 weighted F1 for the default 6000 × 80; part
of what it misses is in the photos, part (mislabelled cards, one-card classes) in nothing.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from goods.core.errors import GoodsError
from goods.demo import words as words
from goods.demo.photos import FAVOURED, RGB, Photographer, look
from goods.demo.words import Kind, Leaf, grow_tree, inflect, read_kinds

T = TypeVar("T")

MISLABELLED, GENERALISTS, TEST_SHARE = 0.035, 0.25, 5

VAGUE_TITLE, GROUP_TITLE = 0.05, 0.08  # no word of the product at all; a word of its group only

TELLS_VARIANT, FALSE_VARIANT = 0.72, 0.05  # by the title; a sibling's word in it

ATTRIBUTE_TELLS, DESCRIPTION_TELLS = 0.16, 0.25  # kind and variant, each on its own

TYPO, SHUFFLED, SPAM = 0.12, 0.2, 0.12

VARIANT_NAMES = ("Назначение", "Особенности", "Вид", "Серия")


class Dice:
    """Cheap scalar draws from a seeded generator, made in bulk."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.pool: list[float] = []

    def __call__(self) -> float:
        if not self.pool:
            self.pool = self.rng.random(1 << 15).tolist()
        return self.pool.pop()

    def below(self, n: int) -> int:
        return int(self() * n)

    def pick(self, options: Sequence[T]) -> T:
        return options[int(self() * len(options))]


def generate(folder: Path, rows: int = 6000, classes: int = 80, seed: int = 42, images: bool = True) -> None:
    """Write a shop of `rows` train cards and a fifth as many test cards, replacing an earlier shop there.

    The same arguments give the same bytes in every file. Raises GoodsError where rows < classes, the
    vocabulary has fewer classes, or `folder` holds something other than a shop.
    """
    folder = Path(folder).resolve()
    if (
        folder.exists()
        and not (folder / "train.parquet").exists()
        and (folder.is_file() or any(folder.iterdir()))
    ):
        raise GoodsError(f"{folder}: is there already and is not a demo shop; choose another folder")
    kinds, leaves, nodes = catalogue(classes, seed)
    labels, ids = deal(rows, classes, seed)
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    part.mkdir(parents=True)
    try:
        tree = pd.DataFrame(nodes, columns=["id", "title", "parent_id"])
        tree.to_csv(part / "categories_tree.csv", index=False, lineterminator="\n")
        write_cards(part, kinds, leaves, labels, ids, rows, seed, images)
        if folder.exists():
            shutil.rmtree(folder)
        part.replace(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def answers(rows: int = 6000, classes: int = 80, seed: int = 42) -> pd.DataFrame:
    """product_id, category_id of the test cards of `generate` with the same arguments, in file order."""
    _, leaves, _ = catalogue(classes, seed)
    labels, ids = deal(rows, classes, seed)
    truth = [leaves[label].category_id for label in labels[rows:]]
    return pd.DataFrame({"product_id": ids[rows:], "category_id": np.array(truth, np.int64)})


def catalogue(classes: int, seed: int) -> tuple[list[Kind], list[Leaf], list[tuple[int, str, int]]]:
    """All kinds, the leaves, and the tree's nodes as (id, title, parent_id)."""
    kinds = read_kinds()
    return kinds, *grow_tree(kinds, classes, np.random.default_rng([seed, 1]))


def deal(rows: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels (leaf index) and product ids of all cards, int64 [rows + rows // 5], train first."""
    if not 1 <= classes <= rows:
        raise GoodsError(f"classes={classes}, rows={rows}: every class needs a train card")
    rng = np.random.default_rng([seed, 2])
    sizes = rng.permutation(class_sizes(rows, classes))
    train = rng.permutation(np.repeat(np.arange(classes), sizes))
    test = rng.choice(classes, rows // TEST_SHARE, p=sizes / rows)
    total = rows + len(test)
    ids = 100_000 + rng.permutation(3 * total)[:total]
    return np.concatenate([train, test]), ids.astype(np.int64)


def class_sizes(rows: int, classes: int) -> np.ndarray:
    """Zipf's long tail, int64 [classes], summing to rows: none is empty, the last have one card."""
    rank = np.arange(classes)
    share = (1 - rank / classes) / (rank + 4)
    sizes = np.maximum(1, share / share.sum() * (rows - 0.5 * classes)).astype(np.int64)
    if classes >= 20:
        sizes[-max(3, classes // 25) :] = 1
    spare = rows - sizes.sum()
    for k in range(abs(spare)):  # rounding, spread over the head
        head = k % max(1, classes // 4) if spare > 0 else int(sizes.argmax())
        sizes[head] += np.sign(spare)
    return sizes


def contents(leaves: list[Leaf], labels: np.ndarray, rows: int, seed: int) -> np.ndarray:
    """The leaf each card really shows: a sibling of its label for mislabelled cards of the larger classes."""
    rng = np.random.default_rng([seed, 3])
    sizes = np.bincount(labels[:rows], minlength=len(leaves))
    by_kind, by_group = defaultdict(list), defaultdict(list)
    for i, leaf in enumerate(leaves):
        by_kind[leaf.kind].append(i)
        by_group[leaf.path[:2]].append(i)
    shown = labels.copy()
    swapped = (rng.random(len(labels)) < MISLABELLED) & (sizes[labels] > 3)
    for card in np.flatnonzero(swapped):
        leaf = leaves[labels[card]]
        near = by_kind[leaf.kind] if len(by_kind[leaf.kind]) > 1 else by_group[leaf.path[:2]]
        others = [i for i in near if i != labels[card]]
        if others:
            shown[card] = others[int(rng.integers(len(others)))]
    return shown


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


def write_cards(
    folder: Path,
    kinds: list[Kind],
    leaves: list[Leaf],
    labels: np.ndarray,
    ids: np.ndarray,
    rows: int,
    seed: int,
    images: bool,
) -> None:
    """Write both tables and, with `images`, the photos; each has draws of its own."""
    shown = contents(leaves, labels, rows, seed)
    total = len(labels)
    rng = np.random.default_rng([seed, 4])
    rating, sale = (
        np.where(rng.random(total) < 0.4, 0.0, (3 + 2 * rng.random(total)).round(1)),
        rng.random(total) < 0.2,
    )
    looks = [look(leaf, kinds[leaf.kind].silhouette) for leaf in leaves]
    favourite = np.array([style.colours for style in looks])[shown, rng.integers(2, size=total)]
    colours = np.where(rng.random(total) < FAVOURED, favourite, rng.integers(len(RGB), size=total)).tolist()

    dice = Dice(np.random.default_rng([seed, 5]))
    shops = Shops(kinds, sorted({leaf.kind for leaf in leaves}), max(12, rows // 50), dice)
    sellers = np.array([shops.pick(leaves[i].kind) for i in shown], np.int64)
    copywriter = Copywriter(kinds, leaves, dice)
    texts = [copywriter.card(leaves[i], colour) for i, colour in zip(shown, colours, strict=True)]
    table = pd.DataFrame({"product_id": ids})
    table["category_id"] = np.array([leaves[i].category_id for i in labels], np.int64)
    table["sale"], table["shop_id"] = sale, sellers + 1
    table["shop_title"] = [shops.titles[i] for i in sellers]
    table["rating"], table["text_fields"] = rating, texts
    table["category_name"] = ["->".join((words.ROOT_TITLE, *leaves[i].path)) for i in labels]
    table[:rows].to_parquet(folder / "train.parquet", index=False)
    test = table[rows:].drop(columns=["category_id", "category_name"])
    test.to_parquet(folder / "test.parquet", index=False)

    photographer = Photographer(np.random.default_rng([seed, 6]))
    for split, (start, stop) in zip(("train", "test"), pairwise((0, rows, total)), strict=True):
        if images:
            (folder / "images" / split).mkdir(parents=True)
            for i in range(start, stop):
                photographer.save(folder / "images" / split / f"{ids[i]}.jpg", looks[shown[i]], colours[i])
