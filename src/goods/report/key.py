"""What the page of a finished run depends on, and which file it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from goods.config.base import PresetConfig
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.core.artifacts import read_json
from goods.core.code import code_hash
from goods.core.done import done_key
from goods.core.hashing import content_hash
from goods.core.workspace import Workspace
from goods.report.page import templates_key
from goods.submit.copies import REPORT, RESULT
from goods.submit.entries import PRESET_OF


def page_key(
    module: str,
    ws: Workspace,
    competition: CompetitionConfig,
    experiment: str,
    board: dict[str, Any] | None,
    result: str | None,
) -> str:
    """Of a page that code of `module` makes: code, templates, metric, the run and its limits, the board's scores, its
    link to the submission."""
    run = ws.run(experiment)
    limits = read_json(run.report).get("limits") if run.report.is_file() else None
    of_page = code_hash(module), templates_key(), competition.metric
    return content_hash(*of_page, done_key(run.path), limits, board, result)


def submission_link(page: Path, competition: CompetitionConfig, submits: bool) -> str | None:
    """The submission, of an attribute that of all together, as its page links it; None where there is none yet and the
    run that `submits` one is not under way."""
    link = "../" * competition.name.count("/") + f"{RESULT}.parquet"
    return link if submits or (page.parent / link).is_file() else None


def page_path(out: Path, competition: CompetitionConfig, config: ExperimentConfig) -> Path:
    """report.html of what joins experiments, or stands for it where limits left that out; else a name of its own."""
    return out / competition.name / (REPORT if is_main(config) else f"report-{config.name}.html")


def is_main(config: ExperimentConfig) -> bool:
    return isinstance(config.model, PresetConfig) or config.name in PRESET_OF
