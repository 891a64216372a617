"""Schema-checked submission, the copy that is kept, and its row of the ledger.

reads:  runs/<experiment>/ test.npz report.json, prepared/
writes: submissions/<competition>/result.parquet, result.csv where the contest takes one, <date>-<hash>/ beside it,
        submissions/leaderboard.csv
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from goods.cards.labels import Labels
from goods.cards.table import select
from goods.competitions.loading import competition_of
from goods.competitions.submission import Said
from goods.config.competition import CompetitionConfig
from goods.config.loading import dump
from goods.core.artifacts import write_csv, write_parquet
from goods.core.hashing import file_hash
from goods.core.locks import one_at_a_time
from goods.core.log import about, say
from goods.core.predictions import Predictions
from goods.core.wording import count
from goods.core.workspace import Workspace
from goods.prepare.prepared import parts
from goods.problems.kinds import load_rows
from goods.submit.copies import KEY, keep
from goods.submit.entries import entry_of, finished_report, problems_of
from goods.submit.ledger import LEDGER, SUBMISSION, append_leaderboard


def submit(
    ws: Workspace,
    competition: CompetitionConfig,
    experiment: str,
    out: Path,
    note: str = "",
    most: int | None = None,
) -> Path:
    """Write result.parquet for a finished run and keep a copy of it (`most`: of so many submissions); a row is added to
    the ledger when it is another than the last one. Submissions of a competition wait for each other."""
    with one_at_a_time(out / competition.name):
        return write_submission(ws, competition, experiment, out, note, most)


def write_submission(
    ws: Workspace, competition: CompetitionConfig, experiment: str, out: Path, note: str, most: int | None
) -> Path:
    table, entry = result_table(ws, competition, experiment), entry_of(ws, competition, experiment)
    path = out / competition.name / "result.parquet"
    write_parquet(path, table)
    if csv := competition_of(competition).submission.csv:
        write_csv(path.with_suffix(".csv"), table, **csv.options)
    else:
        path.with_suffix(".csv").unlink(missing_ok=True)  # of a submission before, of other settings
    space = parts(ws, competition)[0][0]
    config = space.run(experiment).config.read_text(encoding="utf-8")
    files = {"experiment.yaml": config, "competition.yaml": dump(competition), KEY: f"{entry['key']}\n"}
    keep(path, files, most)
    row = entry | {"kind": SUBMISSION, "rows": len(table), "file_hash": file_hash(path), "note": note}
    append_leaderboard(out / LEDGER, row)
    say(
        f"submit {experiment}: {path}, {count(len(table), 'row')}, out-of-fold {entry['metric']} {entry['score']:.4f}"
    )
    for space, _ in parts(ws, competition):
        for problem in problems_of(space, experiment):
            with about(space.attribute if competition.targets else ""):
                say(f"warning: {problem}")
    return path


def result_table(ws: Workspace, competition: CompetitionConfig, experiment: str) -> pd.DataFrame:
    """The checked rows of result.parquet, in the order of the test rows."""
    rows = select(load_rows(ws), "test")
    said = said_of(ws, competition, experiment, rows)
    submission = competition_of(competition).submission
    table = submission.table(rows, said)
    submission.check(table, rows, said)
    return table


def said_of(ws: Workspace, competition: CompetitionConfig, experiment: str, rows: pd.DataFrame) -> list[Said]:
    """What a finished experiment says of each target, in the order of the test `rows`."""
    said: list[Said] = []
    for space, _ in parts(ws, competition):
        finished_report(space, experiment)
        predictions = Predictions.load(space.run(experiment).test).aligned(rows.product_id.to_numpy())
        said.append((space.attribute, Labels.load(space), predictions))
    return said
