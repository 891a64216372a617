"""Card → fold, once for every stage.

reads:  prepared/cards.parquet
writes: work/<competition>/folds.parquet (product_id int64, fold int8), train cards only
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold

from goods.artifacts import Workspace, content_hash, file_hash, read_json, write_json, write_parquet
from goods.cards import load_rows
from goods.config import CompetitionConfig
from goods.errors import GoodsError
from goods.log import say
from goods.matching.groups import ends_of, group_pairs, untouched
from goods.preparation import prepared_key, select
from goods.text import near_duplicate_key


def near_duplicate_groups(cards: pd.DataFrame) -> np.ndarray:
    """int64 [n] group of each card: same shop, same title but for digits, case and word order."""
    words = cards.title.map(near_duplicate_key)
    keys = np.where(words == "", cards.product_id.astype(str), cards.shop + "\x00" + words)
    return pd.factorize(keys)[0]


def assign_folds(target: np.ndarray, groups: np.ndarray, n_folds: int, seed: int) -> np.ndarray:
    """int8 [n] fold of each card, stratified by class; a group is never split.

    A group is dealt by the class of its first card. Classes with fewer groups than folds are spread over
    as many folds as they have groups.
    """
    _, first, member = np.unique(groups, return_index=True, return_inverse=True)
    if len(first) < n_folds:
        raise GoodsError(f"{len(first)} groups of cards cannot fill {n_folds} folds; lower n_folds")
    group_fold = np.empty(len(first), np.int8)
    splitter = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    strata = target[first].copy()
    _, stratum, counts = np.unique(strata, return_inverse=True, return_counts=True)
    if counts.max() < n_folds:  # scikit-learn refuses when no class fills the folds: deal without strata
        stratum = np.zeros_like(stratum)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # rare classes are expected here
        for k, (_, valid) in enumerate(splitter.split(first, stratum)):
            group_fold[valid] = k
    return group_fold[member]


def make_folds(ws: Workspace, config: CompetitionConfig, force: bool = False) -> None:
    key = content_hash(prepared_key(ws), config.n_folds, config.seed, config.group_near_duplicates)
    marker = ws.folds.with_suffix(".json")
    if not force and ws.folds.is_file() and marker.is_file():
        made = read_json(marker)
        if made == {"key": key, "hash": file_hash(ws.folds)}:
            say(f"folds: unchanged, {ws.folds} kept")
            return
    rows, what, note = select(load_rows(ws), "train"), "cards", ""
    if are_pairs(rows):
        grouping = group_pairs(*ends_of(rows), rows.target.to_numpy(), config.n_folds, config.seed)
        fold, what = grouping.fold, "pairs"
        note = (
            f"; {grouping.cut} components too large for one were cut: {grouping.torn.sum()} pairs "
            f"({grouping.torn.mean():.1%}) torn, {(grouping.torn & (rows.target == 1)).sum()} of them matches"
        )
    else:
        groups = near_duplicate_groups(rows) if config.group_near_duplicates else np.arange(len(rows))
        fold = assign_folds(rows.target.to_numpy(), groups, config.n_folds, config.seed)
    sizes = np.bincount(fold, minlength=config.n_folds)
    if sizes.min() == 0:
        raise GoodsError(
            f"{len(rows)} {what} cannot fill {config.n_folds} folds{hub_of(rows)}; lower n_folds or give more of them"
        )
    write_parquet(ws.folds, pd.DataFrame({"product_id": rows.product_id, "fold": fold}))
    write_json(marker, {"key": key, "hash": file_hash(ws.folds)})
    say(f"folds: {config.n_folds} folds of {sizes.min()} to {sizes.max()} {what}{note}")


def hub_of(rows: pd.DataFrame) -> str:
    """What keeps pairs together: the product that most of them share."""
    if not are_pairs(rows):
        return ""
    counts = pd.concat([rows.variantid1, rows.variantid2]).value_counts()
    return f": product {counts.index[0]} is in {counts.iloc[0]} of them"


def load_folds(ws: Workspace, train: pd.DataFrame) -> np.ndarray:
    """int8 [n] folds in the order of the `train` cards; every card must have one."""
    if not ws.folds.is_file():
        raise GoodsError(f"{ws.folds}: missing; run scripts/make_folds.py {ws.competition} first")
    if ws.pairs.is_file() and not are_pairs(train):
        raise GoodsError(f"{ws.competition} matches products: it has folds of pairs and none of cards")
    table = pd.read_parquet(ws.folds)
    for column in ("product_id", "fold"):
        if column not in table:
            raise GoodsError(f"{ws.folds}: column {column!r} is missing; run scripts/make_folds.py again")
    if not table.product_id.is_unique:
        raise GoodsError(f"{ws.folds}: a product_id occurs twice; run scripts/make_folds.py again")
    fold = train.product_id.map(table.set_index("product_id").fold)
    if fold.isna().any():
        raise GoodsError(
            f"{ws.folds}: product_id {train.product_id[fold.isna()].iloc[0]} has no fold; make them again"
        )
    return fold.to_numpy(np.int8)


def are_pairs(rows: pd.DataFrame) -> bool:
    return "variantid1" in rows


def outside(rows: pd.DataFrame, scored: np.ndarray) -> np.ndarray:
    """bool [n]: train rows that may be fitted on when those `scored` bool [n] are: of pairs only those that share no
    product with any of them."""
    return untouched(*ends_of(rows), scored) if are_pairs(rows) else ~scored


def inner_rows(rows: pd.DataFrame, share: float, seed: int) -> np.ndarray:
    """bool [n], True for the inner validation rows among a fold's train rows: about `share` of them."""
    if not are_pairs(rows):
        return inner_split(rows.target.to_numpy(), share, seed)
    return group_pairs(*ends_of(rows), rows.target.to_numpy(), max(2, round(1 / share)), seed).fold == 0


def inner_split(target: np.ndarray, share: float, seed: int) -> np.ndarray:
    """bool [n], True for the inner validation cards: about `share` of them, never a class's only card."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(target))
    rank = pd.Series(target[order]).groupby(target[order]).cumcount().to_numpy()
    size = np.bincount(target)[target[order]]
    # the first round(share · size) cards of a class in random order; small classes round at random
    chosen = np.empty(len(target), bool)
    chosen[order] = (rank < np.floor(share * size + rng.random(target.max() + 1)[target[order]])) & (
        rank < size - 1
    )
    return chosen
