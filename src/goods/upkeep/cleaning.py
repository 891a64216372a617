"""What of a competition's work folder may be deleted, and what it costs to have it again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from goods.core.folders import disk_used, remove_tree
from goods.core.workspace import Workspace

LOCKS = "locks"  # held while others are deleted


@dataclass(frozen=True)
class Portion:
    """What one option of `clean` deletes: folders below the work folder."""

    name: str
    costs: str
    folders: Callable[[Workspace], list[Path]]

    def size(self, ws: Workspace) -> int:
        return sum(disk_used(folder) for folder in self.folders(ws))


def _caches(ws: Workspace) -> list[Path]:
    return [ws.cache] if ws.cache.is_dir() else []


def _runs(ws: Workspace) -> list[Path]:
    return sorted(path for pattern in ("runs", "*/runs") for path in ws.path.glob(pattern) if path.is_dir())


def _all(ws: Workspace) -> list[Path]:
    return sorted(path for path in ws.path.iterdir() if path.name != LOCKS) if ws.path.is_dir() else []


PORTIONS = {
    "caches": Portion(
        "caches",
        "lemmas, decoded photos and embeddings are made again where needed; encoders of pretrain are trained again",
        _caches,
    ),
    "runs": Portion(
        "runs", "every experiment is trained again; submissions stay, new cards cannot be labelled", _runs
    ),
    "all": Portion("all", "prepared cards and folds besides; raw files and submissions stay", _all),
}


def remove(ws: Workspace, portion: Portion) -> None:
    for path in portion.folders(ws):
        remove_tree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
