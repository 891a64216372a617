"""Which cards may not be told apart by a split, and splits that keep classes alike."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from goods.cards.text import near_duplicate_key
from goods.core.errors import GoodsError
from goods.core.wording import count


def near_duplicate_keys(cards: pd.DataFrame) -> list[str]:
    """Equal for cards of one shop and one title but for digits, case and word order."""
    words = cards.title.map(near_duplicate_key)
    return np.where(words == "", cards.product_id.astype(str), cards.shop + "\x00" + words).tolist()


def near_duplicate_groups(cards: pd.DataFrame) -> np.ndarray:
    """int64 [n] group of each card: its near-duplicates."""
    return pd.factorize(np.array(near_duplicate_keys(cards), object))[0]


def assign_folds(target: np.ndarray, groups: np.ndarray, n_folds: int, seed: int) -> np.ndarray:
    """int8 [n] fold of each card, stratified by class; a group is never split.

    A group is dealt by the class of its first card. Classes with fewer groups than folds are spread over
    as many folds as they have groups.
    """
    from sklearn.model_selection import StratifiedKFold  # a second to import: only who deals folds pays

    _, first, member = np.unique(groups, return_index=True, return_inverse=True)
    if len(first) < n_folds:
        raise GoodsError(f"{count(len(first), 'group')} of cards cannot fill {n_folds} folds; lower n_folds")
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


def inner_split(target: np.ndarray, share: float, seed: int, groups: np.ndarray | None = None) -> np.ndarray:
    """bool [n], True for the inner validation cards: about `share` of them, never all cards of a class. Of `groups`
    int64 [n] none is split: a group goes by the class of its first card."""
    if groups is None:
        return _inner_cards(target, share, seed)
    _, first, member = np.unique(groups, return_index=True, return_inverse=True)
    inner = _inner_cards(target[first], share, seed)[member]
    fitted = np.bincount(target[~inner], minlength=target.max() + 1) > 0
    # classes whose every card is in a group that goes by another class
    needed = np.unique(member[~fitted[target]])
    return inner & ~np.isin(member, needed)


def _inner_cards(target: np.ndarray, share: float, seed: int) -> np.ndarray:
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
