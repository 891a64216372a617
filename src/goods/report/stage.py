"""Write submissions/<competition>/report.html of a finished run; of several attributes a page on all of them.

reads:  runs/, prepared/, folds.parquet
writes: submissions/<competition>/report.html
"""

from __future__ import annotations

from pathlib import Path

from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.core.workspace import Workspace
from goods.report.cards import write_cards_report
from goods.report.overview import write_overview
from goods.report.pairs import write_pairs_report

REPORTS = {"cards": write_cards_report, "pairs": write_pairs_report}  # by problem


def write_report(
    ws: Workspace,
    competition: CompetitionConfig,
    config: ExperimentConfig,
    out: Path,
    submits: bool = False,
) -> Path:
    """The report of a finished stack, or run of pairs; returns its path. `ws` may be of all attributes together. It
    links the submission where that is there, or the run `submits` it next."""
    if competition.targets:
        return write_overview(ws, competition, config, out)
    return REPORTS[config.model.problem](ws, competition, config, out, submits)
