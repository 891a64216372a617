"""Row → fold, once for every stage.

reads:  prepared/
writes: work/<competition>/folds.parquet (product_id, fold int8, -2 where a row is only fitted on; group int64 where
        rows are kept together; expanding where a fold's models see earlier folds alone), train rows only
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from goods.cards.table import select
from goods.config.competition import CompetitionConfig
from goods.core.artifacts import read_json, write_json, write_parquet
from goods.core.code import code_hash
from goods.core.errors import GoodsError
from goods.core.folders import check_is_file
from goods.core.hashing import content_hash, file_hash
from goods.core.log import say
from goods.core.wording import count
from goods.core.workspace import Workspace
from goods.prepare.given import check_parted, given_folds, validation_fold
from goods.prepare.prepared import data_folder, prepared_key
from goods.problems.base import Problem
from goods.problems.folds import UNSCORED, Folds
from goods.problems.grouping import joined
from goods.problems.kinds import problem_of


def make_folds(
    ws: Workspace, config: CompetitionConfig, force: bool = False, given: Path | None = None
) -> None:
    """Deal the train rows, with `repeats` several times, or take the folds of the file `given`: those stay until
    folds.parquet is removed."""
    make_assignment(ws, config, force, given)
    for r in range(1, config.repeats):
        other = config.model_copy(update={"seed": (config.seed + r) % 2**32})
        make_assignment(replace(ws, repeat=r), other, force, None)


def make_assignment(ws: Workspace, config: CompetitionConfig, force: bool, given: Path | None) -> None:
    problem = problem_of(ws)
    own = _told(ws).get("given") if ws.folds.is_file() else None
    check_askable(problem, config, given or own)
    if given is None and own is not None:
        keep_given(ws, problem, config, own)
        return
    if given is not None:
        key = content_hash("given", file_hash(existing(given)))
    else:
        key = dealing_key(ws, problem, config)
        if not force and dealt(ws) == key:
            say(f"folds: unchanged, {ws.folds} kept")
            return
    train = select(problem.rows(ws), "train")
    table, note = folds_of(ws, problem, config, train, given)
    fold = table.fold.to_numpy()
    sizes = np.bincount(fold[fold != UNSCORED], minlength=config.n_folds)
    if sizes.min() == 0:
        why = problem.why_no_folds(train) if len(train) >= config.n_folds else ""
        raise GoodsError(
            f"{len(train)} {problem.name} cannot fill {config.n_folds} folds{why}; "
            "lower n_folds or give more of them"
        )
    write_parquet(ws.folds, table)
    told = {"key": key, "hash": file_hash(ws.folds)}
    write_json(_marker(ws), told if given is None else told | {"given": given.name})
    fitted = f", {(fold == UNSCORED).sum()} only fitted on" if (fold == UNSCORED).any() else ""
    say(f"folds: {count(config.n_folds, 'fold')} of {sizes_told(sizes)} {problem.name}{fitted}{note}")


def sizes_told(sizes: np.ndarray) -> str:
    return f"{sizes.min()}" if sizes.min() == sizes.max() else f"{sizes.min()} to {sizes.max()}"


def dealing_key(ws: Workspace, problem: Problem, config: CompetitionConfig) -> str:
    """What dealt folds depend on."""
    asked = {
        "group_by": config.group_by,
        "order_by": config.order_by,
        "validation": config.validation and file_hash(existing(validation_file(ws, config))),
    }
    return content_hash(
        prepared_key(ws),
        config.n_folds,
        config.seed,
        config.group_near_duplicates,
        code_hash(type(problem).__module__),
        *([asked] if any(asked.values()) else []),
    )


def folds_of(
    ws: Workspace, problem: Problem, config: CompetitionConfig, train: pd.DataFrame, given: Path | None
) -> tuple[pd.DataFrame, str]:
    """(product_id, fold, and group and expanding where there are such, of the train rows; what is to be said of it)"""
    table = pd.DataFrame({"product_id": train.product_id})
    if given is None and config.validation is None:
        try:
            fold, groups, note = problem.deal(train, config)
        except GoodsError as error:
            if ws.attribute == ws.competition:
                raise
            raise GoodsError(f"attribute {ws.attribute}: {error}") from None
        table["fold"] = fold
        if groups is not None:
            table["group"] = groups
        return (table if config.order_by is None else table.assign(expanding=True)), note
    known = select(problem.all_rows(ws), "train").product_id
    groups = problem.groups(train, config)
    if given is None:
        path = validation_file(ws, config)
        table["fold"] = validation_fold(path, train, known)
    else:
        path = given
        found = given_folds(path, train, known, config.n_folds)
        table["fold"] = found.fold
        told = [g for g in (groups, found.get("group")) if g is not None]
        groups = joined([np.asarray(g) for g in told]) if told else None
        check_parted(path, found.fold.to_numpy(), groups, train)
    return (table if groups is None else table.assign(group=groups)), f", those of {path.name}"


def check_askable(problem: Problem, config: CompetitionConfig, given: Path | str | None) -> None:
    """GoodsError where folds are asked for in a way that the problem, or another key, does not go with."""
    asked = [
        name
        for name, value in (
            ("--from", given),
            ("group_by", config.group_by),
            ("order_by", config.order_by),
            ("validation", config.validation),
        )
        if value
    ]
    if asked and not problem.takes_given_folds:
        raise GoodsError(
            f"competition {config.name}: {asked[0]} does not apply to {problem.name}; leave it out"
        )
    if given is not None and config.repeats > 1:
        raise GoodsError(
            f"--from {given}: there is one such assignment; leave repeats out of competition.yaml"
        )
    if given is not None and (config.order_by or config.validation):
        raise GoodsError(
            f"--from {given}: {asked[-1]} of competition.yaml says what is scored; leave one out"
        )


def keep_given(ws: Workspace, problem: Problem, config: CompetitionConfig, name: str) -> None:
    """GoodsError where the folds of a file are no longer whole, or no longer those of the train rows."""
    again = (
        f"give it again with scripts/make_folds.py {ws.whole.competition} --from FILE, or remove {ws.folds}"
    )
    if dealt(ws) is None:
        raise GoodsError(f"{ws.folds}: not what was written, the folds of {name}; {again}")
    train, table = select(problem.rows(ws), "train"), pd.read_parquet(ws.folds)
    if set(table.product_id) != set(train.product_id) or table.fold.max() + 1 != config.n_folds:
        raise GoodsError(f"{ws.folds}: the folds of {name} are of other cards or another n_folds; {again}")
    fold = table.set_index("product_id").fold.loc[train.product_id].to_numpy()
    check_parted(ws.folds, fold, problem.groups(train, config), train)
    say(f"folds: those of {name} kept; remove {ws.folds} to have them dealt")


def existing(path: Path) -> Path:
    check_is_file(path, "a .parquet or .csv file of folds (by --from, folds or validation)")
    return path


def validation_file(ws: Workspace, config: CompetitionConfig) -> Path:
    """Below the folder of the raw files, if not absolute."""
    assert config.validation is not None
    return data_folder(ws) / config.validation


def dealt(ws: Workspace) -> str | None:
    """The key of the folds there are; None where there are none, or they are not what was written."""
    told = _told(ws)
    try:
        return told["key"] if told["hash"] == file_hash(ws.folds) else None
    except (OSError, KeyError):
        return None


def _told(ws: Workspace) -> dict[str, str]:
    """What was noted of the folds that were written."""
    try:
        told = read_json(_marker(ws))
    except GoodsError:
        return {}
    return told if isinstance(told, dict) else {}


def _marker(ws: Workspace) -> Path:
    return ws.folds.with_suffix(".json")


def load_folds(ws: Workspace, train: pd.DataFrame) -> np.ndarray:
    """int8 [n] folds in the order of the `train` rows; every row must have one."""
    return _by_id(ws, train).fold.to_numpy(np.int8)


def load_dealt(ws: Workspace, train: pd.DataFrame) -> Folds:
    """Folds in the order of the `train` rows, and what a fold's models may be fitted on."""
    table = _by_id(ws, train)
    groups = table.group.to_numpy(np.int64) if "group" in table else None
    return Folds(table.fold.to_numpy(np.int8), groups, "expanding" in table)


def scored_rows(ws: Workspace, train: pd.DataFrame) -> pd.DataFrame:
    """The `train` rows that some fold scores, in their order."""
    scored = load_dealt(ws, train).scored
    return train if scored.all() else train[scored].reset_index(drop=True)


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
