"""Our own demo shop in the KazanExpress 2023 raw format: a Russian marketplace with texts and drawn photos.

writes: train.parquet, test.parquet, categories_tree.csv, images/{train,test}/<product_id>.jpg; unlabelled.parquet where
        further cards are asked for, like those of test.parquet but without photos
The noise rates put a linear text model at about 0.9 weighted F1 for the default 6000 × 80; part
of what it misses is in the photos, part (mislabelled cards, one-card classes) in nothing. The shapes `wide` and
`flat` have the texts and class sizes of a real contest; `wide` also its tree, a root with many one-card children.
"""

from __future__ import annotations

import os
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

from goods.core.errors import GoodsError
from goods.core.folders import remove_tree
from goods.demo.kinds import Kind, Leaf, read_kinds
from goods.demo.mark import holds_nothing_else, marked
from goods.demo.photos import Photographer
from goods.demo.shapes import SHAPES, Shape
from goods.demo.stock import Stock
from goods.demo.tree import Node, grow_leaves, numbered

TEST_SHARE = 5
FIRST_ID, SPREAD = 100_000, 3  # of product ids: the least, and how many numbers there are for each
FILES = frozenset({"train.parquet", "test.parquet", "unlabelled.parquet", "categories_tree.csv", "images"})
ANSWERS = ["category_id", "category_name"]
FURTHER = 1  # ends the seeds of further cards, whose number changes no other file


def generate(
    folder: Path,
    rows: int = 6000,
    classes: int = 80,
    seed: int = 42,
    images: bool = True,
    shape: str = "narrow",
    photos: int | None = None,
    unlabelled: int = 0,
) -> None:
    """Write a shop of `rows` train cards and a fifth as many test cards, replacing an earlier shop there.

    `photos` train cards and a fifth as many test cards get one (None: all of them), without `images` none does;
    `unlabelled` further cards are drawn as test cards are. The same arguments give the same bytes in every file, and
    other `unlabelled` the same in all but theirs. Raises GoodsError where rows < classes, the vocabulary has fewer
    classes, `photos` are none of the rows', `unlabelled` < 0, or `folder` holds something other than a shop.
    """
    if unlabelled < 0:
        raise GoodsError(f"--unlabelled {unlabelled}: expected 0 or more")
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
        stock = Stock(kinds, leaves, labels[:rows], seed, SHAPES[shape])
        write_cards(part, stock, labels, ids, rows, photos if images else 0)
        if unlabelled:
            write_further(part, stock, labels[:rows], len(ids), unlabelled)
        if folder.exists():
            remove_tree(folder)
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
    ids = FIRST_ID + rng.permutation(SPREAD * total)[:total]
    return np.concatenate([train, test]), ids.astype(np.int64)


def write_cards(
    folder: Path, stock: Stock, labels: np.ndarray, ids: np.ndarray, rows: int, photos: int | None
) -> None:
    """Write both tables and `photos` photos of train cards (None: of all); each has draws of its own."""
    cards, total = stock.cards(labels, ids), len(labels)
    marked(cards.table)[:rows].to_parquet(folder / "train.parquet", index=False)
    cards.table[rows:].drop(columns=ANSWERS).to_parquet(folder / "test.parquet", index=False)
    if photos == 0:
        return
    photographer = Photographer(np.random.default_rng([stock.seed, 6]))
    for split, (start, stop) in zip(("train", "test"), pairwise((0, rows, total)), strict=True):
        (folder / "images" / split).mkdir(parents=True)
        drawn = pictured(start, stop, None if photos is None else photos * (stop - start) // rows, stock.seed)
        for i in drawn:
            place = folder / "images" / split / f"{ids[i]}.jpg"
            photographer.save(place, stock.looks[cards.shown[i]], cards.colours[i])


def write_further(folder: Path, stock: Stock, train: np.ndarray, others: int, n: int) -> None:
    """Write `n` cards of classes drawn as those of test cards are, their ids above the range of the `others`."""
    rng = np.random.default_rng([stock.seed, 2, FURTHER])
    labels, ids = rng.choice(train, n), FIRST_ID + SPREAD * others + rng.permutation(SPREAD * n)[:n]
    table = stock.cards(labels, ids.astype(np.int64), FURTHER).table
    marked(table.drop(columns=ANSWERS)).to_parquet(folder / "unlabelled.parquet", index=False)


def pictured(start: int, stop: int, photos: int | None, seed: int) -> list[int]:
    """The cards of start … stop that are drawn, ascending: all, or `photos` of them."""
    if photos is None or photos >= stop - start:
        return list(range(start, stop))
    chosen = np.random.default_rng([seed, 8, start]).choice(stop - start, photos, replace=False)
    return (start + np.sort(chosen)).tolist()
