"""Ozon matching 2023: products and pairs of them → cards, pairs, embeddings.

A pair that cannot be learned from (of a product with itself, of a product nobody describes, given twice) is left out
of the train pairs and noted; a test pair is always kept, in the order of the file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from goods.cards.table import Issues
from goods.competitions.base import Competition
from goods.competitions.ozon_products import (
    CARD_FILES,
    EMBEDDINGS,
    cards_of,
    describe,
    embeddings_of,
    level_3,
    one_of_each,
)
from goods.competitions.raw import RawPairs, answers_in, integer_ids, read_table
from goods.competitions.submission import PairScores
from goods.core.errors import GoodsError
from goods.core.wording import count

PAIR_FILES = {"train": "train_pairs.parquet", "test": "test_pairs_wo_target.parquet"}
PAIR_IDS = ("variantid1", "variantid2")
GROUPED_OVER = 1_000  # pairs: train categories of level 3 with more stand for themselves in the metric
REST = "rest"


def pairs_of(path: Path, split: str) -> pd.DataFrame:
    columns = dict.fromkeys(PAIR_IDS, "int") | ({"target": "int"} if split == "train" else {})
    frame = read_table(path, columns)
    pairs = pd.DataFrame({column: integer_ids(frame, column, path) for column in PAIR_IDS})
    pairs["split"] = split
    pairs["target"] = np.int32(-1)
    if split == "train":
        bad = ~frame.target.isin([0, 1])
        if bad.any():
            raise GoodsError(
                f"{path}: row {int(bad.to_numpy().argmax())}: target is not 0 or 1; mend that row"
            )
        pairs["target"] = frame.target.astype("int32")
    return pairs


def either_way(pairs: pd.DataFrame) -> pd.DataFrame:
    """low and high, the two products of each pair in whichever order it is given."""
    first, second = (pairs[column].to_numpy() for column in PAIR_IDS)
    return pd.DataFrame({"low": np.minimum(first, second), "high": np.maximum(first, second)}, pairs.index)


def usable(pairs: pd.DataFrame, known: pd.Index, path: Path, issues: Issues) -> np.ndarray:
    """bool [n]: train pairs that can be learned from; notes what is odd of the others and of test pairs."""
    is_train = (pairs.split == "train").to_numpy()
    first, second = (pairs[column].to_numpy() for column in PAIR_IDS)
    strange = ~np.isin(first, known) | ~np.isin(second, known)
    if strange.mean() > 0.5:
        raise GoodsError(
            f"{path.parent}: {strange.sum():,} of {count(len(pairs), 'pair')} in {path.name} name products that "
            "train_data.parquet and test_data.parquet lack (variantid "
            f"{first[strange][0] if first[strange][0] not in known else second[strange][0]} is the first); "
            "give the data files that belong to the pairs"
        )
    ends = either_way(pairs)
    again = ends.duplicated().to_numpy()
    variety = pairs.target.groupby([ends.low, ends.high]).transform("nunique").to_numpy()
    action = "left out of the train pairs" if is_train.all() else "predicted all the same"
    problems = [
        (strange, "names a product that is not in the data"),
        (first == second, "a product with itself"),
        ((variety > 1) & is_train, "labelled 0 and 1"),
        (again, "given before, in this or the other order"),
    ]
    bad = np.zeros(len(pairs), bool)
    for which, problem in problems:
        for row in np.flatnonzero(which & ~bad):
            issues.add(first[row], "pair", f"with {second[row]}: {problem}", action)
        bad |= which
    if is_train.all() and bad.all():
        problem = next(problem for which, problem in problems if which[0])
        raise GoodsError(
            f"{path}: none of its {count(len(pairs), 'pair')} can be learned from, such as {first[0]} with "
            f"{second[0]} ({problem}); give pairs of two products, each with one label"
        )
    return ~bad


def pairs_known(pairs: pd.DataFrame) -> list[str]:
    """A warning where test pairs are train pairs too, in either order."""
    ends, is_test = pd.MultiIndex.from_frame(either_way(pairs)), (pairs.split == "test").to_numpy()
    known = ends[is_test].isin(ends[~is_test])
    if not known.any():
        return []
    first, second = pairs.loc[is_test, list(PAIR_IDS)][known].iloc[0]
    return [
        f"{known.sum():,} of {count(len(known), 'test pair')} are train pairs too, such as {first} with {second}: "
        "models have seen their answers, so they are scored better than new pairs would be; where the contest does "
        f"not mean that, leave them out of {PAIR_FILES['train']}"
    ]


def grouped_categories(pairs: pd.DataFrame, category: pd.Series) -> pd.Series:
    """cat3_grouped: the first product's category where it has more than `GROUPED_OVER` train pairs, else "rest"."""
    own = pairs.variantid1.map(category).fillna("").astype("str")
    sizes = own[pairs.split == "train"].value_counts()
    return own.where(own.isin(sizes.index[sizes > GROUPED_OVER]) & (own != ""), REST)


def read_ozon(data: Path) -> RawPairs:
    """All four files. Raises GoodsError naming the file and the mend."""
    if not data.is_dir():
        files = ", ".join((*PAIR_FILES.values(), *CARD_FILES.values()))
        raise GoodsError(
            f"{data}: no such data folder; put {files} there, or name their folder with --data DIR"
        )
    issues = Issues()
    parts = {split: cards_of(data / name, split, issues) for split, name in CARD_FILES.items()}
    cards = one_of_each(pd.concat(parts.values(), ignore_index=True), issues)
    embeddings = {
        kind: embeddings_of(data, column, parts, pd.Index(cards.product_id), issues)
        for kind, column in EMBEDDINGS.items()
    }
    known = pd.Index(cards.product_id)
    found: list[pd.DataFrame] = []
    for split, name in PAIR_FILES.items():
        pairs = pairs_of(data / name, split)
        kept = usable(pairs, known, data / name, issues)
        found.append(pairs[kept] if split == "train" else pairs)
    pairs = pd.concat(found, ignore_index=True)
    train = pairs.target[pairs.split == "train"]
    if train.nunique() < 2:
        raise GoodsError(
            f"{data / PAIR_FILES['train']}: its {count(len(train), 'usable pair is', 'usable pairs are')} all alike, "
            "of target "
            f"{', '.join(map(str, train.unique()))}; give matches (1) and others (0)"
        )
    pairs["category"] = grouped_categories(pairs, level_3(cards.set_index("product_id").levels))
    pairs.insert(0, "product_id", np.arange(len(pairs), dtype=np.int64))
    warnings = [*answers_in(data / PAIR_FILES["test"], "target"), *pairs_known(pairs)]
    return RawPairs(cards, pairs, embeddings, issues, warnings)


COMPETITION = Competition(read_ozon, PairScores(PAIR_IDS, "target"), problem="pairs", describe=describe)
