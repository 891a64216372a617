"""A generated catalogue of shop offers whose identity is known, and an Ozon matching contest made from it.

writes: train_pairs.parquet, test_pairs_wo_target.parquet, train_data.parquet, test_data.parquet
Offers of one product are the matches; other products of its line (another model number, measure or colour) are the hard
near-misses. A simple TF-IDF cosine finds a part of them only.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import HashingVectorizer

from goods.core.artifacts import write_parquet
from goods.core.errors import GoodsError
from goods.core.progress import track
from goods.demo.catalogue import Catalogue
from goods.demo.dice import Dice
from goods.demo.mark import holds_nothing_else, marked

POSITIVE, HARD = 0.3, 0.42  # shares of pairs; the rest are easy negatives

LABEL_NOISE, TEST_SHARE = 0.01, 5

CARDS_PER_PAIR = 1.3

PICTURE_WIDTH, NAME_WIDTH = 128, 64

# Weights of what a picture shows: siblings of a line look alike, photos of one product differ.
SHOWS_LINE, SHOWS_PRODUCT, SHOWS_SHOT = 0.8, 0.3, 0.6

NO_PICTURE, NO_NAME_VECTOR = 0.06, 0.03

FILES = ("train_pairs", "test_pairs_wo_target", "train_data", "test_data")

BLOCK = 100_000


def offers(n: int, seed: int) -> pd.DataFrame:
    """`n` offers in random order: variantid, name, categories, color_parsed, characteristic_attributes_mapping as in
    the contest, and product int64, their true identity."""
    return _offers_by_line(n, seed).drop(columns="line")


def _offers_by_line(n: int, seed: int) -> pd.DataFrame:
    """`offers` with the number of the line each product belongs to."""
    if n < 1:
        raise GoodsError(f"offers: n={n}, expected at least 1")
    columns = ["product", "line", "name", "categories", "color_parsed", "characteristic_attributes_mapping"]
    rows = Catalogue(n, Dice(np.random.default_rng([seed, 0]))).rows(n)
    blocks = []
    for start in track(range(0, n, BLOCK), "offers", unit="blocks", hidden=n <= BLOCK):
        block = pd.DataFrame(islice(rows, min(BLOCK, n - start)), columns=columns)
        blocks.append(block.astype({"name": "str", "categories": "str", columns[-1]: "str"}))
    rng = np.random.default_rng([seed, 1])
    cards = pd.concat(blocks, ignore_index=True).iloc[rng.permutation(n)].reset_index(drop=True)
    cards.insert(0, "variantid", 50_000_000 + rng.permutation(3 * n)[:n].astype(np.int64))
    return cards


def generate(folder: Path, rows: int = 3000, seed: int = 42) -> None:
    """Write a contest of `rows` train pairs and a fifth as many test pairs, replacing an earlier one there.

    No line, so no product, is in both parts. The same arguments give the same bytes. Raises GoodsError where `rows`
    is below 50 or `folder` holds something other than such a contest.
    """
    folder = Path(folder)
    if rows < 50:
        raise GoodsError(f"--rows {rows}: expected at least 50 train pairs, which a matching demo needs")
    if not holds_nothing_else(folder, frozenset(f"{name}.parquet" for name in FILES)):
        raise GoodsError(f"{folder}: is there already and is not a matching demo; choose another folder")
    for split, own, left, right, target, rng in deal(rows, seed):
        pairs = named_pairs(own, left, right)
        if split == "train":
            noisy = rng.random(len(target)) < LABEL_NOISE
            pairs["target"] = np.where(noisy, 1 - target, target)
        used = own.loc[np.unique(np.concatenate([left, right]))].reset_index(drop=True)
        name = "train_pairs" if split == "train" else "test_pairs_wo_target"
        write_parquet(folder / f"{name}.parquet", marked(pairs))
        write_parquet(folder / f"{split}_data.parquet", marked(with_vectors(used, seed, rng)))


def answers(rows: int = 3000, seed: int = 42, split: str = "test") -> pd.DataFrame:
    """variantid1, variantid2, target of `generate` with the same arguments, in file order, without label noise."""
    own, left, right, target = next(dealt[1:5] for dealt in deal(rows, seed) if dealt[0] == split)
    return named_pairs(own, left, right).assign(target=target)


def named_pairs(cards: pd.DataFrame, left: np.ndarray, right: np.ndarray) -> pd.DataFrame:
    ids = cards.variantid.to_numpy()
    return pd.DataFrame({"variantid1": ids[left], "variantid2": ids[right]})


def deal(
    rows: int, seed: int
) -> Iterator[tuple[str, pd.DataFrame, np.ndarray, np.ndarray, np.ndarray, np.random.Generator]]:
    """For train and test: its name, its cards, pairs of them (left rows, right rows, target) and draws for the rest."""
    wanted = {"train": rows, "test": max(10, rows // TEST_SHARE)}
    cards = _offers_by_line(int(CARDS_PER_PAIR * sum(wanted.values())) + 400, seed)
    lines = np.random.default_rng([seed, 2]).permutation(int(cards.line.max()) + 1)
    of_test = np.isin(cards.line, lines[: round(len(lines) * wanted["test"] / sum(wanted.values()))])
    for part, (split, size) in enumerate(wanted.items()):
        own = cards[of_test == (split == "test")].reset_index(drop=True)
        rng = np.random.default_rng([seed, 3, part])
        yield split, own, *draw_pairs(own, size, rng), rng


def draw_pairs(
    cards: pd.DataFrame, size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(left rows, right rows, target) int64 [size]: offers of one product, of one line, of one category."""
    row = pd.Series(np.arange(len(cards)))
    near = pd.DataFrame({"row": row, "key": cards.line}).merge(
        pd.DataFrame({"row": row, "key": cards.line}), on="key"
    )
    near = near[near.row_x < near.row_y]
    product = cards["product"].to_numpy()
    same = product[near.row_x] == product[near.row_y]
    found = [
        frame.iloc[rng.permutation(len(frame))[: round(size * share)]][["row_x", "row_y"]].to_numpy()
        for frame, share in ((near[same], POSITIVE), (near[~same], HARD))
    ]
    line, category = cards.line.to_numpy(), pd.factorize(cards.categories)[0]
    easy: dict[tuple[int, int], None] = {}
    while len(easy) < size - sum(map(len, found)):
        one, other = sorted(rng.integers(len(cards), size=2).tolist())
        if category[one] == category[other] and line[one] != line[other]:
            easy[one, other] = None
    pairs = np.concatenate([*found, np.array(list(easy), np.int64).reshape(-1, 2)])
    pairs = rng.permuted(pairs, axis=1)[rng.permutation(size)]
    left, right = pairs.T
    return left, right, (product[left] == product[right]).astype(np.int64)


def with_vectors(cards: pd.DataFrame, seed: int, rng: np.random.Generator) -> pd.DataFrame:
    """The contest's columns: `cards` with picture and name vectors, null for some."""
    pictures = [_pictures(code, rng) for code in _looks(cards, rng)]
    names = _name_vectors(cards.name, seed)
    known = rng.random(len(cards)) >= NO_NAME_VECTOR
    return pd.DataFrame(
        {
            "variantid": cards.variantid,
            "name": cards.name,
            "categories": cards.categories,
            "color_parsed": cards.color_parsed,
            "pic_embeddings_resnet_v1": [shots[1:] or None for shots in pictures],
            "main_pic_embeddings_resnet_v1": [shots[:1] or None for shots in pictures],
            "name_bert_64": [vector if there else None for vector, there in zip(names, known, strict=True)],
            "characteristic_attributes_mapping": cards.characteristic_attributes_mapping,
        }
    )


def _looks(cards: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """float32 [n, PICTURE_WIDTH]: how each card's product looks, close to its siblings."""
    looks = np.zeros((len(cards), PICTURE_WIDTH), np.float32)
    for column, weight in (("line", SHOWS_LINE), ("product", SHOWS_PRODUCT)):
        code, values = pd.factorize(cards[column])
        looks += weight * rng.standard_normal((len(values), PICTURE_WIDTH), np.float32)[code]
    return looks


def _pictures(looks: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Main picture first, up to three more; none at all for some cards."""
    if rng.random() < NO_PICTURE:
        return []
    shots = 1 + int(rng.integers(4))
    return list(looks + SHOWS_SHOT * rng.standard_normal((shots, PICTURE_WIDTH), np.float32))


def _name_vectors(names: pd.Series, seed: int) -> np.ndarray:
    """float32 [n, NAME_WIDTH] unit vectors: character n-grams of the name, hashed and projected at random."""
    grams = HashingVectorizer(analyzer="char_wb", ngram_range=(3, 4), n_features=1 << 14, dtype=np.float32)
    projection = np.random.default_rng([seed, 4]).standard_normal((1 << 14, NAME_WIDTH), np.float32)
    vectors = grams.transform(names) @ projection
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
