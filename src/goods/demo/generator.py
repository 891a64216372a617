"""Our own demo shop in the KazanExpress 2023 raw format: a Russian marketplace with texts and drawn photos.

writes: train.parquet, test.parquet, categories_tree.csv, images/{train,test}/<product_id>.jpg
The noise rates below put a linear text model at about 0.9 weighted F1 for the default 6000 × 80; part
of what it misses is in the photos, part (mislabelled cards, one-card classes) in nothing.
"""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from goods.core.errors import GoodsError
from goods.demo import words
from goods.demo.copywriter import Copywriter
from goods.demo.dice import Dice
from goods.demo.photos import FAVOURED, RGB, Photographer, look
from goods.demo.shops import Shops
from goods.demo.words import Kind, Leaf, grow_tree, read_kinds

MISLABELLED, TEST_SHARE = 0.035, 5


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
