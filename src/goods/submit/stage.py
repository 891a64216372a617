"""Schema-checked submission and its leaderboard row.

reads:  runs/<experiment>/ test.npz report.json, prepared/
writes: submissions/<competition>/result.parquet report.html, result.csv where the contest takes one,
        submissions/leaderboard.csv
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from goods.cards.labels import Labels
from goods.cards.table import select
from goods.competitions.loading import competition_of
from goods.competitions.submission import Said
from goods.config.competition import CompetitionConfig
from goods.core.artifacts import read_json, write_csv, write_parquet
from goods.core.done import check_done
from goods.core.hashing import file_hash
from goods.core.log import say
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.prepare.prepared import parts
from goods.problems.kinds import load_rows
from goods.submit.ledger import append_leaderboard, git_sha


def submit(
    ws: Workspace, competition: CompetitionConfig, experiment: str, out: Path, seconds: float = 0.0
) -> Path:
    """Write result.parquet for a finished run; a leaderboard row is added when it is another than the last one."""
    table = result_table(ws, competition, experiment)
    metric, score, sd = overall(ws, competition, experiment)
    path = out / competition.name / "result.parquet"
    write_parquet(path, table)
    if csv := competition_of(competition).submission.csv:
        write_csv(path.with_suffix(".csv"), table, csv.separator, csv.header)
    row = {
        "competition": competition.name,
        "experiment": experiment,
        "metric": metric,
        "score": score,
        "sd": sd,
        "rows": len(table),
        "git_sha": git_sha(),
        "file_hash": file_hash(path),
        "seconds": round(seconds, 1),
    }
    append_leaderboard(out / "leaderboard.csv", row)
    say(f"submit {experiment}: {path}, {len(table)} rows, out-of-fold {metric} {score:.4f}")
    return path


def finished_report(ws: Workspace, experiment: str) -> dict[str, Any]:
    run = ws.run(experiment)
    check_done(run.path, "not finished", f"train (and stack) experiment {experiment!r} first")
    return read_json(run.report)


def overall(ws: Workspace, competition: CompetitionConfig, experiment: str) -> tuple[str, float, float]:
    """(metric, score, sd over folds) of a finished experiment, the mean over targets where there are several."""
    reports = [finished_report(space, experiment) for space, _ in parts(ws, competition)]
    score, sd = (round(float(np.mean([r[name] for r in reports])), 6) for name in ("score", "sd"))
    return reports[0]["metric"], score, sd


def result_table(ws: Workspace, competition: CompetitionConfig, experiment: str) -> pd.DataFrame:
    """The checked rows of result.parquet, in the order of the test rows."""
    rows = select(load_rows(ws), "test")
    said: list[Said] = []
    for space, _ in parts(ws, competition):
        finished_report(space, experiment)
        predictions = Predictions.load(space.run(experiment).test).aligned(rows.product_id.to_numpy())
        said.append((space.attribute, Labels.load(space), predictions))
    submission = competition_of(competition).submission
    table = submission.table(rows, said)
    submission.check(table, rows, said)
    return table
