"""Card → fold, once for every stage.

reads:  prepared/cards.parquet
writes: work/<competition>/folds.parquet (product_id int64, fold int8), train cards only
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from goods.cards.table import select
from goods.config.competition import CompetitionConfig
from goods.core.artifacts import read_json, write_json, write_parquet
from goods.core.errors import GoodsError
from goods.core.hashing import content_hash, file_hash
from goods.core.log import say
from goods.core.workspace import Workspace
from goods.matching.groups import ends_of, group_pairs
from goods.prepare.prepared import prepared_key
from goods.problems.rows import are_pairs, load_rows
from goods.problems.splitting import assign_folds, near_duplicate_groups


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
