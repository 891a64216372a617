"""The report of a competition of several attributes: one page, a row and a section for each of them.

reads:  runs/<experiment>/ of every attribute, prepared/, folds.parquet, submissions/leaderboard.csv
writes: submissions/<competition>/report.html
"""

from __future__ import annotations

from pathlib import Path

from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.core.code import code_hash
from goods.core.done import done_key
from goods.core.hashing import content_hash
from goods.core.workspace import Workspace
from goods.prepare.prepared import parts
from goods.report.board import board_of
from goods.report.key import page_path, submission_link
from goods.report.page import holds
from goods.submit.copies import REPORT


def write_overview(
    ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig, out: Path
) -> Path:
    """Write the page of an experiment that every attribute has finished, unless it is there as it would be; returns
    its path. It names the reports of the attributes that are there."""
    path, spaces, experiment = page_path(out, competition, config), parts(ws, competition), config.name
    board = board_of(out, competition.name, competition.metric)
    reports = [space.attribute for space, _ in spaces if (out / space.competition / REPORT).is_file()]
    keys = [done_key(space.run(experiment).path) for space, _ in spaces]
    result = submission_link(path, competition, submits=False)
    key = content_hash(code_hash(__name__), competition.metric, experiment, keys, reports, board, result)
    if not holds(path, key):
        from goods.report.overview_page import write_page  # loads for seconds: only who makes it pays

        write_page(ws, competition, experiment, path, reports, board, result, key)
    return path
