"""submissions/leaderboard.csv: a row per finished experiment and submission, and what a contest's board says of it."""

from __future__ import annotations

import csv
import math
import subprocess
from io import BytesIO, StringIO
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock

from goods.core.artifacts import copy_file, write_csv
from goods.core.errors import GoodsError
from goods.core.log import say
from goods.submit.mirror import mirror

LEDGER = "leaderboard.csv"
EXPERIMENT, SUBMISSION = "experiment", "submission"  # kinds of row
LEADERBOARD = (
    "date",
    "competition",
    "kind",
    "experiment",
    "preset",
    "metric",
    "score",
    "sd",
    "folds",
    "public",
    "private",
    "seconds",
    "memory_mb",
    "rows",
    "key",
    "git_sha",
    "file_hash",
    "limits",
    "stacked",
    "note",
)
WHOLE = ("folds", "memory_mb", "rows")  # numbers without a fraction
NUMBERS = ("score", "sd", "public", "private", "seconds", *WHOLE)
MOST = 2.0**53  # a number of any column is below it
TEXTS = tuple(name for name in LEADERBOARD if name not in NUMBERS)
LEAST = {"competition", "experiment", "score"}  # columns of any ledger, however old
SAME = ("experiment", "file_hash")  # of two submissions that say the same
SAME_RUN = ("competition", "kind", "experiment", "key")  # of two rows that tell of one run


def append_leaderboard(path: Path, row: dict[str, Any], once: bool = False) -> bool:
    """Add a row below those there are, unless it is a submission and the last one of its competition is of the same
    file and experiment or, with `once`, there is a row of the same run; whether it was added. Runs that end at the same
    time wait for each other."""
    row = {"kind": SUBMISSION} | row
    with locked(path):
        board, whole = readable(path)
        of_kind = board[(board.competition == row["competition"]) & (board.kind == SUBMISSION)].tail(1)
        same = [row.get(name) for name in SAME]
        if row["kind"] == SUBMISSION and len(of_kind) and of_kind[list(SAME)].iloc[0].tolist() == same:
            return False
        if once and (board[list(SAME_RUN)] == [row.get(name) for name in SAME_RUN]).all(axis=1).any():
            return False
        added = pd.DataFrame([row], columns=list(LEADERBOARD))
        rows = completed(pd.concat([board, added]) if len(board) else added)
        write_rows(path, rows, board, whole)
    mirror(row, NUMBERS)
    return True


def note_board(
    path: Path, competition: str, scores: dict[str, float], submission: str | None = None
) -> pd.Series:
    """Write what the contest's board says (`public`, `private`) into the row of the newest submission, or of that whose
    file hash begins with `submission`; returns the row."""
    for name, value in scores.items():
        if not math.isfinite(value):
            raise GoodsError(f"--{name} {value}: expected a number, the score on the board")
    if not path.exists():
        raise GoodsError(
            f"{path}: no such ledger; name its folder by --out, or run scripts/submit.py {competition} first"
        )
    with locked(path):
        board, whole = readable(path)
        board = board.reset_index(drop=True)
        there = board[(board.competition == competition) & (board.kind == SUBMISSION)]
        if submission is not None:
            there = there[there.file_hash.fillna("").str.startswith(submission)]
        if there.empty:
            which = f"no submission {submission}" if submission else "no submission"
            raise GoodsError(f"{path}: {which} of {competition}; run scripts/submit.py {competition} first")
        if there.file_hash.nunique() > 1 and submission is not None:
            raise GoodsError(f"{path}: several submissions begin with {submission}; give more of the hash")
        row = there.index[-1]
        for name, value in scores.items():
            board.loc[row, name] = value
            if 0 <= (own := board.score[row]) <= 1 < value:
                say(
                    f"warning: --{name} {value:g}, {own:.4f} out of fold: of a percentage note {value / 100:g}"
                )
        write_rows(path, board, board, whole)
        return board.loc[row]


def locked(path: Path) -> FileLock:
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path.with_name(f".{path.name}.lock"))


def rows_of(path: Path) -> pd.DataFrame:
    """The rows there are, with all columns of the ledger: one of an older version lacks some, and holds submissions."""
    board, whole = readable(path)
    if not whole:
        say(f"{path}: damaged; {len(board)} rows of it are read")
    return board


def readable(path: Path) -> tuple[pd.DataFrame, bool]:
    """As `rows_of`, of a damaged file those that are whole where only its end is missing; and whether it was whole."""
    if path.is_dir():
        raise GoodsError(f"{path}: a folder is where the ledger belongs; move it away")
    if not path.is_file():
        return completed(pd.DataFrame()), True
    content = path.read_bytes()
    lines, cut = content.splitlines(keepends=True), not content.endswith(b"\n")
    board = parsed(b"".join(lines[:-1] if cut else lines))
    return completed(pd.DataFrame() if board is None else board), not cut and board is not None


def write_rows(path: Path, board: pd.DataFrame, found: pd.DataFrame, whole: bool) -> None:
    """Write the ledger anew; what was `found`, where it was not `whole`, is kept under another name."""
    if not whole:
        names = (f"{path.name}.damaged{'' if n == 1 else f'-{n}'}" for n in count(1))
        aside = next(name for name in names if not path.with_name(name).exists())
        copy_file(path, path.with_name(aside))
        say(f"{path}: damaged, kept as {aside}; {len(found)} rows of it go on; mend what is whole from there")
    write_csv(path, board)


def parsed(content: bytes) -> pd.DataFrame | None:
    """The rows of a ledger's text; None where it is none."""
    try:
        cells = {len(row) for row in csv.reader(StringIO(content.decode()), strict=True)}
        board = pd.read_csv(BytesIO(content), dtype=dict.fromkeys(TEXTS, str))
    except (ValueError, csv.Error, pd.errors.ParserError, pd.errors.EmptyDataError):
        return None
    told = board[[name for name in NUMBERS if name in board]]
    numbers = all(map(pd.api.types.is_numeric_dtype, told.dtypes)) and not (told.abs() >= MOST).any(axis=None)
    return board if (numbers or board.empty) and len(cells) == 1 and set(board.columns) >= LEAST else None


def completed(board: pd.DataFrame) -> pd.DataFrame:
    """With all columns of the ledger in its order, those that somebody added after them."""
    others = [name for name in board.columns if name not in LEADERBOARD]
    whole = board.reindex(columns=[*LEADERBOARD, *others])
    whole = whole.astype(dict.fromkeys(TEXTS, object))
    for name in WHOLE:
        whole[name] = whole[name].astype("float64").round().astype("Int64")
    return whole.assign(kind=whole.kind.where(whole.kind.notna(), SUBMISSION))


def git_sha() -> str:
    """Commit of the checkout, with + when files differ from it; empty outside a checkout."""

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
        return ""
