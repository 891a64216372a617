"""submissions/leaderboard.csv: a row per submission."""

from __future__ import annotations

import subprocess
from io import BytesIO
from itertools import count
from pathlib import Path

import pandas as pd
from filelock import FileLock

from goods.core.artifacts import write_csv
from goods.core.log import say

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
SAME = ("experiment", "file_hash")  # of two rows that say the same
TEXTS = dict.fromkeys(("competition", "experiment", "metric", "git_sha", "file_hash"), str)


def append_leaderboard(path: Path, row: dict) -> None:
    """Add a row below those there are, unless the last of its competition is of the same file and experiment; runs
    that end at the same time wait for each other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        board = rows_of(path)
        last = board[board.competition == row["competition"]].tail(1)
        same = [row.get(name) for name in SAME]
        if len(last) and last[list(SAME)].iloc[0].tolist() == same:
            return
        added = pd.DataFrame([row], columns=list(LEADERBOARD))
        write_csv(path, pd.concat([board, added]) if len(board) else added)


def rows_of(path: Path) -> pd.DataFrame:
    """The rows there are. A file that is damaged is kept under another name; those of its rows that are whole, where
    only its end is missing, go on."""
    empty = pd.DataFrame(columns=list(LEADERBOARD))
    if not path.is_file():
        return empty
    content = path.read_bytes()
    lines, cut = content.splitlines(keepends=True), not content.endswith(b"\n")
    try:
        board = pd.read_csv(BytesIO(b"".join(lines[:-1] if cut else lines)), dtype=TEXTS)
        readable = set(LEADERBOARD) <= set(board.columns)
    except (ValueError, pd.errors.ParserError, pd.errors.EmptyDataError):
        readable = False
    if cut or not readable:
        names = (f"{path.name}.damaged{'' if n == 1 else f'-{n}'}" for n in count(1))
        aside = next(name for name in names if not path.with_name(name).exists())
        path.replace(path.with_name(aside))
        kept = len(board) if readable else 0
        say(f"{path}: damaged, kept as {aside}; {kept} rows of it go on")
    return board if readable else empty


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
