"""The report of an experiment on cards, made where it is not there as it would be.

reads:  runs/, prepared/, folds.parquet, submissions/leaderboard.csv
writes: submissions/<competition>/ report.html (of an experiment by itself report-<experiment>.html) errors.csv
        suspected_labels.csv
"""

from __future__ import annotations

from pathlib import Path

from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.core.workspace import Workspace
from goods.report.board import board_of
from goods.report.key import is_main, page_key, page_path, submission_link
from goods.report.page import holds


def write_cards_report(
    ws: Workspace,
    competition: CompetitionConfig,
    config: ExperimentConfig,
    out: Path,
    submits: bool = False,
) -> Path:
    """Write the report of a finished experiment, unless it is there as it would be; returns its path. `submits`: the
    submission is not there yet, and comes."""
    path, board = page_path(out, competition, config), board_of(out, competition.name, competition.metric)
    result = submission_link(path, competition, submits)
    key = page_key(__name__, ws, competition, config.name, board, result)
    before = "" if is_main(config) else f"{config.name}-"
    lists = [path.with_name(f"{before}{name}") for name in ("errors.csv", "suspected_labels.csv")]
    if not (holds(path, key) and all(file.is_file() for file in lists)):
        from goods.report.card_page import write_page  # loads for seconds: only who makes it pays

        write_page(ws, competition, config, path, lists, board, result, key)
    return path
