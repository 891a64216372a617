"""What a run says at its end: what its experiments scored and took, the files it wrote, what may be asked next.

reads: runs/, prepared/, what is in submissions/<competition>/
"""

from __future__ import annotations

import shlex
from pathlib import Path

from goods.cards.table import select
from goods.competitions.loading import competition_of
from goods.config.competition import CompetitionConfig
from goods.config.loading import load_experiment
from goods.core.artifacts import read_json
from goods.core.console_table import Cells, show_table
from goods.core.hashing import file_hash
from goods.core.log import say
from goods.core.workspace import Workspace
from goods.matching.groups import ends_of
from goods.models.pairs.pairs import PairsConfig
from goods.prepare.prepared import parts
from goods.problems.kinds import load_rows, problem_of
from goods.report.experiments import PREPARE, taken_rows
from goods.report.pool_shares import SHARE, pool_shares
from goods.submit.copies import REPORT, kept
from goods.submit.entries import joined, made_of
from goods.submit.ledger import LEDGER

HEAD = ["stage", "out-of-fold", "seconds", SHARE, "peak memory"]
LISTS = ("errors.csv", "suspected_labels.csv")  # beside a report


def tell_end(ws: Workspace, competition: CompetitionConfig, experiment: str, result: Path) -> None:
    """The table of all that `experiment`, submitted as `result`, is made of, and the paths of the files."""
    out = result.parents[len(Path(competition.name).parts)]
    rows: list[Cells] = []
    for space, _ in parts(ws, competition):
        own = stage_rows(space, experiment)
        if competition.targets:  # of one set of cards, which is prepared once
            prepared = [] if rows else [row for row in own if row[0] == PREPARE]
            below = [[f"  {name}", *cells] for name, *cells in own if name != PREPARE]
            own = [*prepared, [f"{space.attribute}:", *[""] * (len(HEAD) - 1)], *below]
        rows += own
    show_table(f"{competition.name}: {competition.metric}, what it took and what it weighs", HEAD, rows)
    say("\n".join(["written:", *(f"  {path}" for path in written(ws, competition, result, out))]))


def stage_rows(ws: Workspace, experiment: str) -> list[Cells]:
    """One for each stage that something was noted of, the experiment that joins the others last."""
    shares, rows, names = pool_shares(ws, experiment), [], made_of(ws, experiment)
    for taken in taken_rows(ws, names):
        name = taken["name"]
        report = read_json(ws.run(name).report) if name in names else None
        alone = ((report or {}).get("limits") or {}).get("alone")
        rows.append(
            [
                f"{name}: {alone} alone" if alone else name,
                "" if report is None else f"{report['score']:.4f} ± {report['sd']:.4f}",
                f"{taken['seconds']:.1f}",
                f"{shares[name]:.2f}" if name in shares else "",
                "" if taken["memory"] is None else f"{taken['memory']:,} MB",
            ]
        )
    return rows


def written(ws: Workspace, competition: CompetitionConfig, result: Path, out: Path) -> list[Path]:
    """The submission, the reports of this run with their lists, the copy that is kept, and the ledger."""
    files = [result, result.with_suffix(".csv"), result.with_name("comparison.md")]
    if competition.targets:
        files.append(result.with_name(REPORT))
    for space, _ in parts(ws, competition):
        report = out / space.competition / REPORT
        if report.is_file():
            files += [report, *(report.with_name(name) for name in LISTS)]
    copies = kept(result.parent, file_hash(result))[-1:]
    return [*filter(Path.is_file, files), *copies, *filter(Path.is_file, [out / LEDGER])]


def next_commands(ws: Workspace, competition: CompetitionConfig, experiment: str) -> list[str]:
    """What a user may want of a finished run, as command lines."""
    space, _ = parts(ws, competition)[0]
    asked = select(load_rows(space), "test").head(1)
    pairs = problem_of(space).name == "pairs"
    ids = [end[0] for end in (ends_of(asked) if pairs else (asked.product_id.to_numpy(),)) if len(end)]
    explained = [f"explain.py {space.competition} {experiment} {' '.join(shlex.quote(str(i)) for i in ids)}"]
    config = load_experiment(space.run(experiment).config)
    has_reasons = isinstance(config.model, PairsConfig) if pairs else bool(joined(config))
    of_new = []
    if pairs:
        of_new = [f"match.py CARDS.parquet --competition {space.competition} --experiment {experiment}"]
    elif competition_of(competition).read_new is not None:
        of_new = [f"predict.py {competition.name} {experiment} NEW.parquet --out labelled.parquet"]
    commands = [
        *(explained if ids and has_reasons else []),
        f"app.py {space.competition} {experiment}",
        *of_new,
    ]
    return [f".venv/bin/python scripts/{command}" for command in commands]
