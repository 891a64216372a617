"""Out-of-fold scores against those of a contest's board, and what to make of it where they part.

reads: submissions/leaderboard.csv
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from goods.submit.ledger import LEDGER, SUBMISSION, locked, rows_of

FEWEST = 3  # submissions that an order can be seen in
ALIKE = 0.5  # rank correlation from which both go the same way
BEYOND = 2.0  # standard deviations over folds that a difference may not be chance


def board_of(out: Path, competition: str, metric: str) -> dict[str, Any] | None:
    """What a report shows of a competition's board: rows, picture, rank correlation, advice; None where no submission
    has a score there."""
    path = out / LEDGER
    if not path.is_file():
        return None
    with locked(path):
        ledger = rows_of(path)
    there = ledger[
        (ledger.competition == competition) & (ledger.kind == SUBMISSION) & (ledger.metric == metric)
    ]
    there = there.drop_duplicates("file_hash", keep="last")
    rows = scored(there)
    if rows.empty:
        return None
    rank = rows.score.corr(rows.board, method="spearman") if len(rows) >= FEWEST else None
    return {
        "rows": rows.astype(object).where(rows.notna(), None).to_dict("records"),
        "picture": picture(rows, metric),
        "rank": None if rank is None or pd.isna(rank) else float(rank),
        "advice": advice(rows, rank),
    }


def scored(ledger: pd.DataFrame) -> pd.DataFrame:
    """experiment, score, sd, board (private where it is known), which, apart (in sd, signed; nan where one fold tells
    none)."""
    board = ledger.private.fillna(ledger.public).astype("float64")
    rows = ledger[["experiment", "file_hash"]].assign(
        score=ledger.score.astype("float64"),
        sd=ledger.sd.astype("float64").fillna(0.0),
        board=board,
        which=ledger.private.isna().map({True: "public", False: "private"}),
    )
    rows = rows[board.notna() & rows.score.notna()].reset_index(drop=True)
    apart = (rows.board - rows.score) / rows.sd.where(rows.sd > 0)
    return rows.assign(apart=apart)


def picture(rows: pd.DataFrame, metric: str) -> Markup:
    """Board over out-of-fold score, bars of two standard deviations over folds, the line where both are equal."""
    from goods.report.curves import DOTS  # matplotlib: only who makes a page pays
    from goods.report.figures import new_figure, svg

    figure, axis = new_figure(5, 4)
    ends = [min(rows.score.min(), rows.board.min()), max(rows.score.max(), rows.board.max())]
    axis.plot(ends, ends, color="#8888", linewidth=1)
    axis.errorbar(rows.score, rows.board, xerr=BEYOND * rows.sd, fmt="o", **DOTS)
    axis.set(xlabel=f"out-of-fold {metric}, ± 2 sd over folds", ylabel="board")
    return svg(figure, "board")


def advice(rows: pd.DataFrame, rank: float | None) -> list[str]:
    """What to do where both part, a sentence each; that they agree where they do."""
    said = []
    below, above = (rows[rows.apart < -BEYOND], rows[rows.apart > BEYOND])
    if len(below):
        said.append(
            f"The board is more than {BEYOND:g} sd below the out-of-fold score for {told(below)}: test is unlike "
            "train, or train cards tell of each other what test cards cannot. Compare both under What came in, keep "
            "alike cards together (group_near_duplicates, group_by), and order folds by time (order_by) where test is "
            "later."
        )
    if len(above):
        said.append(
            f"The board is more than {BEYOND:g} sd above the out-of-fold score for {told(above)}: its cards are "
            "easier, or the folds' models see too few cards of rare classes. Compare submissions with each "
            "other, not with it."
        )
    if rank is not None and not pd.isna(rank) and rank < ALIKE:
        said.append(
            f"The board orders submissions otherwise than the folds do (rank correlation {rank:.2f}). Differences "
            "of less than an sd may be chance on both sides: choose by the folds, and mend these first if test is "
            "unlike train."
        )
    unknown = rows[rows.apart.isna()]
    if not said and len(unknown) < len(rows):
        said.append(f"Both agree within {BEYOND:g} sd{order_told(rank, len(rows) < FEWEST)}.")
    if len(unknown):
        names = ", ".join(dict.fromkeys(unknown.experiment))
        said.append(
            f"Of {names} a single fold tells no sd: whether the board's score is another is not told."
        )
    return said


def order_told(rank: float | None, few: bool) -> str:
    if few:
        return f"; from {FEWEST} submissions on their order is compared too"
    if rank is None or pd.isna(rank):
        return ""
    return (
        ", and in the same order"
        if rank > 1 - 1e-9
        else f", their orders by a rank correlation of {rank:.2f}"
    )


def told(rows: pd.DataFrame) -> str:
    return ", ".join(f"{row.experiment} ({row.apart:+.1f} sd)" for row in rows.itertuples())
