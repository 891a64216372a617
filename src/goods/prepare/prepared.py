"""What later stages read of prepared/."""

from __future__ import annotations

from pathlib import Path

from goods.cards.table import check_prepared
from goods.config.competition import CompetitionConfig
from goods.core.artifacts import read_json
from goods.core.hashing import content_hash, file_hash
from goods.core.workspace import Workspace


def parts(ws: Workspace, competition: CompetitionConfig) -> list[tuple[Workspace, CompetitionConfig]]:
    """The competition of each target; itself where it has a single one."""
    if not competition.targets:
        return [(ws, competition)]
    return [(ws.target(name), competition.of_target(name)) for name in competition.targets]


def data_folder(ws: Workspace) -> Path:
    return Path(read_json(ws.source)["data"])


def prepared_key(ws: Workspace) -> str:
    """Hash of what later stages read: it changes whenever cards, labels or photos do."""
    check_prepared(ws)
    of_pairs = [file_hash(path) for path in (ws.pairs, ws.vectors) if path.is_file()]
    return content_hash(file_hash(ws.cards), file_hash(ws.labels), read_json(ws.source)["photos"], *of_pairs)
