"""Schema-checked submission and its leaderboard row.

reads:  runs/<experiment>/ test.npz report.json, prepared/
writes: submissions/<competition>/result.parquet report.html, submissions/leaderboard.csv
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pandas as pd

from goods.artifacts import (
    PACKAGE,
    Predictions,
    Workspace,
    atomic,
    done_key,
    file_hash,
    read_json,
    write_parquet,
)
from goods.cards import Labels, load_cards
from goods.competitions import SUBMISSION_COLUMNS
from goods.config import CompetitionConfig
from goods.errors import GoodsError
from goods.log import say
from goods.preparation import select

LEADERBOARD = (
    "competition",
    "experiment",
    "metric",
    "score",
    "sd",
    "rows",
    "git_sha",
    "file_hash",
    "seconds",
)


def decode(predictions: Predictions, labels: Labels) -> np.ndarray:
    """int64 [n] contest ids of the most probable classes."""
    return np.array(labels.ids, np.int64)[predictions.classes[:, 0]]


def submission_table(predictions: Predictions, labels: Labels, columns: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame({columns[0]: predictions.product_id, columns[1]: decode(predictions, labels)})


def check_submission(
    table: pd.DataFrame, columns: tuple[str, str], ids: np.ndarray, known: list[int]
) -> None:
    """Raise unless the table is what the contest takes: one int64 row per test id, known categories only."""
    if tuple(table.columns) != columns:
        raise GoodsError(f"submission has columns {list(table.columns)}, expected {list(columns)}")
    for column in columns:
        if table[column].dtype != np.int64:
            raise GoodsError(f"submission column {column!r} is {table[column].dtype}, expected int64")
    if not table[columns[0]].is_unique:
        raise GoodsError(f"submission: {columns[0]} occurs twice")
    if set(table[columns[0]].tolist()) != set(ids.tolist()):
        raise GoodsError("submission: the ids are not exactly those of the test cards")
    unknown = set(table[columns[1]].tolist()) - set(known)
    if unknown:
        raise GoodsError(
            f"submission: category {min(unknown)} is neither a train card's nor a leaf of the tree"
        )


def submit(
    ws: Workspace, competition: CompetitionConfig, experiment: str, out: Path, seconds: float = 0.0
) -> Path:
    """Write result.parquet for a finished run; a leaderboard row is added when the file changes."""
    run, labels = ws.run(experiment), Labels.load(ws)
    if done_key(run.path) is None:
        raise GoodsError(f"{run.path}: not finished; train (and stack) experiment {experiment!r} first")
    report = read_json(run.report)
    test = select(load_cards(ws), "test")
    columns = SUBMISSION_COLUMNS[competition.reader]
    table = submission_table(Predictions.load(run.test).aligned(test.product_id.to_numpy()), labels, columns)
    check_submission(table, columns, test.product_id.to_numpy(), labels.ids)
    path = out / competition.name / "result.parquet"
    before = file_hash(path) if path.is_file() else None
    write_parquet(path, table)
    row = {
        "competition": competition.name,
        "experiment": experiment,
        "metric": report["metric"],
        "score": report["score"],
        "sd": report["sd"],
        "rows": len(table),
        "git_sha": git_sha(),
        "file_hash": file_hash(path),
        "seconds": round(seconds, 1),
    }
    if file_hash(path) != before:
        append_leaderboard(out / "leaderboard.csv", row)
    say(
        f"submit {experiment}: {path}, {len(table)} rows, out-of-fold {report['metric']} {report['score']:.4f}"
    )
    return path


def append_leaderboard(path: Path, row: dict) -> None:
    board = pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=list(LEADERBOARD))
    added = pd.DataFrame([row], columns=list(LEADERBOARD))
    with atomic(path) as temporary:
        (pd.concat([board, added]) if len(board) else added).to_csv(temporary, index=False)


def git_sha() -> str:
    """Commit of the checkout, with + when files differ from it; "unknown" outside a checkout."""

    def git(*command: str) -> str:
        return subprocess.run(
            ["git", *command], cwd=PACKAGE, capture_output=True, text=True, timeout=10, check=True
        ).stdout.strip()

    try:
        sha, changed = git("rev-parse", "--short=12", "HEAD"), git("status", "--porcelain", "-uno")
        return sha + ("+" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"
