"""Row → fold, once for every stage.

reads:  prepared/
writes: work/<competition>/folds.parquet (product_id, fold int8; group int64 where near-duplicates are kept
        together), train rows only
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from goods.cards.table import select
from goods.config.competition import CompetitionConfig
from goods.core.artifacts import read_json, write_json, write_parquet
from goods.core.code import code_hash
from goods.core.errors import GoodsError
from goods.core.hashing import content_hash, file_hash
from goods.core.log import say
from goods.core.workspace import Workspace
from goods.prepare.prepared import prepared_key
from goods.problems.kinds import problem_of


def make_folds(ws: Workspace, config: CompetitionConfig, force: bool = False) -> None:
    problem = problem_of(ws)
    key = content_hash(
        prepared_key(ws),
        config.n_folds,
        config.seed,
        config.group_near_duplicates,
        code_hash(type(problem).__module__),
    )
    if not force and dealt(ws) == key:
        say(f"folds: unchanged, {ws.folds} kept")
        return
    train = select(problem.rows(ws), "train")
    fold, groups, note = problem.deal(train, config)
    sizes = np.bincount(fold, minlength=config.n_folds)
    if sizes.min() == 0:
        raise GoodsError(
            f"{len(train)} {problem.name} cannot fill {config.n_folds} folds{problem.why_no_folds(train)}; "
            "lower n_folds or give more of them"
        )
    table = pd.DataFrame({"product_id": train.product_id, "fold": fold})
    write_parquet(ws.folds, table if groups is None else table.assign(group=groups))
    write_json(_marker(ws), {"key": key, "hash": file_hash(ws.folds)})
    say(f"folds: {config.n_folds} folds of {sizes.min()} to {sizes.max()} {problem.name}{note}")


def dealt(ws: Workspace) -> str | None:
    """The key of the folds there are; None where there are none, or they are not what was written."""
    try:
        told = read_json(_marker(ws))
        return told["key"] if told["hash"] == file_hash(ws.folds) else None
    except (GoodsError, OSError, KeyError, TypeError):
        return None


def _marker(ws: Workspace) -> Path:
    return ws.folds.with_suffix(".json")


def load_folds(ws: Workspace, train: pd.DataFrame) -> np.ndarray:
    """int8 [n] folds in the order of the `train` rows; every row must have one."""
    return _by_id(ws, train).fold.to_numpy(np.int8)


def load_groups(ws: Workspace, train: pd.DataFrame) -> np.ndarray | None:
    """int64 [n] which train rows are kept together; None where each stands for itself."""
    table = _by_id(ws, train)
    return table.group.to_numpy(np.int64) if "group" in table else None


def _by_id(ws: Workspace, train: pd.DataFrame) -> pd.DataFrame:
    if not ws.folds.is_file():
        raise GoodsError(f"{ws.folds}: missing; run scripts/make_folds.py {ws.competition} first")
    if dealt(ws) is None:
        raise GoodsError(
            f"{ws.folds}: not what was written; run scripts/make_folds.py {ws.whole.competition} again"
        )
    problem_of(ws).check_rows(ws, train)
    table = pd.read_parquet(ws.folds)
    for column in ("product_id", "fold"):
        if column not in table:
            raise GoodsError(f"{ws.folds}: column {column!r} is missing; run scripts/make_folds.py again")
    if not table.product_id.is_unique:
        raise GoodsError(f"{ws.folds}: a product_id occurs twice; run scripts/make_folds.py again")
    missing = ~train.product_id.isin(table.product_id)
    if missing.any():
        raise GoodsError(
            f"{ws.folds}: product_id {train.product_id[missing].iloc[0]} has no fold; make them again"
        )
    return table.set_index("product_id").loc[train.product_id]
