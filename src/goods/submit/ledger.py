"""submissions/leaderboard.csv: a row per submission."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pandas as pd
from filelock import FileLock

from goods.core.artifacts import write_csv

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


def append_leaderboard(path: Path, row: dict) -> None:
    """Add a row below those there are; runs that end at the same time wait for each other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        board = pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=list(LEADERBOARD))
        added = pd.DataFrame([row], columns=list(LEADERBOARD))
        write_csv(path, pd.concat([board, added]) if len(board) else added)


def git_sha() -> str:
    """Commit of the checkout, with + when files differ from it; "unknown" outside a checkout."""

    def git(*command: str) -> str:
        return subprocess.run(
            ["git", *command],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        ).stdout.strip()

    try:
        sha, changed = git("rev-parse", "--short=12", "HEAD"), git("status", "--porcelain", "-uno")
        return sha + ("+" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"
