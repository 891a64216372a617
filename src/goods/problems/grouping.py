"""Cards that no split may part, by what columns say of them, and folds that keep them together."""

from __future__ import annotations

import numpy as np
import pandas as pd

from goods.config.competition import CompetitionConfig
from goods.core.errors import GoodsError
from goods.core.meant import meant
from goods.core.wording import count
from goods.problems.splitting import near_duplicate_groups


def groups_of(train: pd.DataFrame, config: CompetitionConfig) -> np.ndarray | None:
    """int64 [n] group of each card: near-duplicates and cards of one value in a column of `group_by`, through others
    too; None where the competition asks for neither."""
    found = [near_duplicate_groups(train)] if config.group_near_duplicates else []
    found += [groups_by(train, column) for column in config.group_by]
    return joined(found) if found else None


def groups_by(train: pd.DataFrame, column: str) -> np.ndarray:
    """int64 [n]: cards of one value share a group, one without a value has its own."""
    values = column_of(train, column, "group_by")
    if values.dtype == object:  # lists, for one, which cannot be counted
        values = values.map(str, na_action="ignore")
    codes = pd.factorize(values.where(~empty(values)))[0].astype(np.int64)
    alone = codes < 0
    codes[alone] = codes.max(initial=-1) + 1 + np.arange(alone.sum())
    return codes


def empty(values: pd.Series) -> pd.Series:
    return values.isna() | (values.astype("str").str.strip() == "")


def column_of(train: pd.DataFrame, column: str, key: str) -> pd.Series:
    if column not in train or column in ("target", "split"):
        known = [name for name in train.columns if name not in ("target", "split")]
        raise GoodsError(
            f"{key}: cards have no column {column!r}; there are {', '.join(known)}: name one of "
            f"them{meant(column, known)}"
        )
    return train[column]


def joined(found: list[np.ndarray]) -> np.ndarray:
    """int64 [n]: the finest groups that part none of the `found`."""
    if len(found) == 1:
        return found[0]
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n = len(found[0])
    nodes, offset = [], n  # a node for each card, then for each group
    for groups in found:
        nodes.append(groups + offset)
        offset += int(groups.max()) + 1
    cards = np.tile(np.arange(n), len(found))
    edges = coo_matrix((np.ones(len(cards), np.int8), (cards, np.concatenate(nodes))), (offset, offset))
    return connected_components(edges, directed=False)[1][:n].astype(np.int64)


def balanced_folds(target: np.ndarray, groups: np.ndarray, n_folds: int, seed: int) -> np.ndarray:
    """int8 [n] fold of each card: whole groups of any size, the largest first, each to the fold that has least of its
    classes and of the cards."""
    order = np.argsort(groups, kind="stable")
    _, starts = np.unique(groups[order], return_index=True)
    members = np.split(order, starts[1:])
    if len(members) < n_folds:
        raise GoodsError(
            f"{count(len(members), 'group')} of cards cannot fill {n_folds} folds; lower n_folds"
        )
    ties = np.random.default_rng(seed).permutation(len(members))
    of_class = np.zeros((n_folds, int(target.max()) + 1))
    class_size = np.bincount(target)
    load, fold = np.zeros(n_folds), np.empty(len(target), np.int8)
    for g in sorted(range(len(members)), key=lambda g: (-len(members[g]), ties[g])):
        classes, counts = np.unique(target[members[g]], return_counts=True)
        crowded = (of_class[:, classes] / class_size[classes]) @ counts / counts.sum()
        k = int(np.argmin(crowded + load / len(target)))
        fold[members[g]] = k
        of_class[k, classes] += counts
        load[k] += len(members[g])
    return fold
