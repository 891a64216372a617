"""Our own demo shop in the KazanExpress 2023 raw format: a Russian marketplace with texts and drawn photos.

writes: train.parquet, test.parquet, categories_tree.csv, images/{train,test}/<product_id>.jpg
The noise rates below put a linear text model at about 0.9 weighted F1 for the default 6000 × 80; part
of what it misses is in the photos, part (mislabelled cards, one-card classes) in nothing. The shapes `wide` and
`flat` have the texts and class sizes of a real contest; `wide` also its tree, a root with many one-card children.
"""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

from goods.core.errors import GoodsError
from goods.demo.dice import Dice
from goods.demo.kinds import Kind, Leaf, read_kinds
from goods.demo.mark import holds_nothing_else, marked
from goods.demo.photos import FAVOURED, RGB, Photographer, look
from goods.demo.shapes import SHAPES, Shape
from goods.demo.shops import Shops
from goods.demo.tree import ROOT_TITLE, Node, grow_leaves, numbered

MISLABELLED, TEST_SHARE = 0.035, 5
FILES = frozenset({"train.parquet", "test.parquet", "categories_tree.csv", "images"})


def generate(
    folder: Path,
    rows: int = 6000,
    classes: int = 80,
    seed: int = 42,
    images: bool = True,
    shape: str = "narrow",
    photos: int | None = None,
) -> None:
    """Write a shop of `rows` train cards and a fifth as many test cards, replacing an earlier shop there.

    `photos` train cards and a fifth as many test cards get one (None: all of them), without `images` none does. The
    same arguments give the same bytes in every file. Raises GoodsError where rows < classes, the vocabulary has fewer
    classes, `photos` are none of the rows', or `folder` holds something other than a shop.
    """
    if photos is not None and not 0 <= photos <= rows:
        raise GoodsError(f"--photos {photos}: expected 0 to {rows}, as many as there are train cards")
    folder = Path(folder).resolve()
    if not holds_nothing_else(folder, FILES):
        raise GoodsError(f"{folder}: is there already and is not a demo shop; choose another folder")
    kinds, leaves, nodes = catalogue(classes, seed, SHAPES[shape])
    labels, ids = deal(rows, leaves, seed, SHAPES[shape])
    remove_abandoned(folder)
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    part.mkdir(parents=True)
    try:
        tree = pd.DataFrame(nodes, columns=["id", "title", "parent_id"])
        tree.to_csv(part / "categories_tree.csv", index=False, lineterminator="\n")
        write_cards(part, kinds, leaves, labels, ids, rows, seed, SHAPES[shape], photos if images else 0)
        if folder.exists():
            shutil.rmtree(folder)
        part.replace(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def remove_abandoned(folder: Path) -> None:
    """Remove what killed processes left of shops that were to be at `folder`."""
    for part in folder.parent.glob(f".{folder.name}.*.part"):
        pid = part.name.split(".")[-2]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(part, ignore_errors=True)


def answers(rows: int = 6000, classes: int = 80, seed: int = 42, shape: str = "narrow") -> pd.DataFrame:
    """product_id, category_id of the test cards of `generate` with the same arguments, in file order."""
    _, leaves, _ = catalogue(classes, seed, SHAPES[shape])
    labels, ids = deal(rows, leaves, seed, SHAPES[shape])
    truth = [leaves[label].category_id for label in labels[rows:]]
    return pd.DataFrame({"product_id": ids[rows:], "category_id": np.array(truth, np.int64)})


def catalogue(classes: int, seed: int, shape: Shape) -> tuple[list[Kind], list[Leaf], list[Node]]:
    """All kinds, the leaves, and the tree's nodes as (id, title, parent_id)."""
    kinds, rng = read_kinds(), np.random.default_rng([seed, 1])
    return kinds, *numbered(shape.arrange(kinds, grow_leaves(kinds, classes, rng), rng))


def deal(rows: int, leaves: list[Leaf], seed: int, shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """Labels (leaf index) and product ids of all cards, int64 [rows + rows // 5], train first."""
    classes = len(leaves)
    if rows < TEST_SHARE:
        raise GoodsError(
            f"--rows {rows}: expected at least {TEST_SHARE} train cards, which leave one for test"
        )
    if not 1 <= classes <= rows:
        raise GoodsError(
            f"--classes {classes}, --rows {rows}: every class needs a train card; ask for 1 to {rows} classes"
        )
    rng = np.random.default_rng([seed, 2])
    sizes = shape.sizes(rows, leaves, rng)
    train = rng.permutation(np.repeat(np.arange(classes), sizes))
    test = rng.choice(classes, rows // TEST_SHARE, p=sizes / rows)
    total = rows + len(test)
    ids = 100_000 + rng.permutation(3 * total)[:total]
    return np.concatenate([train, test]), ids.astype(np.int64)


def contents(kinds: list[Kind], leaves: list[Leaf], labels: np.ndarray, rows: int, seed: int) -> np.ndarray:
    """The leaf each card really shows: a sibling of its label for mislabelled cards of the larger classes."""
    rng = np.random.default_rng([seed, 3])
    sizes = np.bincount(labels[:rows], minlength=len(leaves))
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


def write_cards(
    folder: Path,
    kinds: list[Kind],
    leaves: list[Leaf],
    labels: np.ndarray,
    ids: np.ndarray,
    rows: int,
    seed: int,
    shape: Shape,
    photos: int | None,
) -> None:
    """Write both tables and `photos` photos of train cards (None: of all); each has draws of its own."""
    shown = contents(kinds, leaves, labels, rows, seed)
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
    shops = Shops(kinds, sorted({leaf.kind for leaf in leaves}), max(12, rows // shape.cards_per_shop), dice)
    sellers = np.array([shops.pick(leaves[i].kind) for i in shown], np.int64)
    copywriter = shape.copywriter(kinds, leaves, dice)
    texts = [copywriter.card(leaves[i], colour) for i, colour in zip(shown, colours, strict=True)]
    table = pd.DataFrame({"product_id": ids})
    table["category_id"] = np.array([leaves[i].category_id for i in labels], np.int64)
    table["sale"], table["shop_id"] = sale, sellers + 1
    named = np.random.default_rng([seed, 7]).random(total) >= shape.without_shop
    table["shop_title"] = [shops.titles[i] if known else "" for i, known in zip(sellers, named, strict=True)]
    table["rating"], table["text_fields"] = rating, texts
    table["category_name"] = ["->".join((ROOT_TITLE, *leaves[i].path)) for i in labels]
    marked(table)[:rows].to_parquet(folder / "train.parquet", index=False)
    test = table[rows:].drop(columns=["category_id", "category_name"])
    test.to_parquet(folder / "test.parquet", index=False)

    if photos == 0:
        return
    photographer = Photographer(np.random.default_rng([seed, 6]))
    for split, (start, stop) in zip(("train", "test"), pairwise((0, rows, total)), strict=True):
        (folder / "images" / split).mkdir(parents=True)
        for i in pictured(start, stop, None if photos is None else photos * (stop - start) // rows, seed):
            photographer.save(folder / "images" / split / f"{ids[i]}.jpg", looks[shown[i]], colours[i])


def pictured(start: int, stop: int, photos: int | None, seed: int) -> list[int]:
    """The cards of start … stop that are drawn, ascending: all, or `photos` of them."""
    if photos is None or photos >= stop - start:
        return list(range(start, stop))
    chosen = np.random.default_rng([seed, 8, start]).choice(stop - start, photos, replace=False)
    return (start + np.sort(chosen)).tolist()
