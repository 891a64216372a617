"""The report of an experiment on cards, made where it is not there as it would be.

reads:  runs/, prepared/, folds.parquet, submissions/leaderboard.csv
writes: submissions/<competition>/ report.html (of an experiment that is no stack report-<experiment>.html) errors.csv
        suspected_labels.csv
"""

from __future__ import annotations

from pathlib import Path

from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.core.code import code_hash
from goods.core.done import done_key
from goods.core.hashing import content_hash
from goods.core.workspace import Workspace
from goods.report.board import board_of
from goods.report.page import holds
from goods.stack.config import StackConfig


def write_cards_report(
    ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig, out: Path
) -> Path:
    """Write the report of a finished experiment, unless it is there as it would be; returns its path."""
    folder, stacked = out / competition.name, isinstance(config.model, StackConfig)
    path = folder / ("report.html" if stacked else f"report-{config.name}.html")
    board = board_of(out, competition.name, competition.metric)
    key = content_hash(code_hash(__name__), competition.metric, done_key(ws.run(config.name).path), board)
    lists = [
        folder / (name if stacked else f"{config.name}-{name}")
        for name in ("errors.csv", "suspected_labels.csv")
    ]
    if not (holds(path, key) and all(file.is_file() for file in lists)):
        from goods.report.card_page import write_page  # loads for seconds: only who makes it pays

        write_page(ws, competition, config, path, lists, board, key)
    return path
