"""What a competition was last run with: status asks for the same unless it is told otherwise.

writes: work/<competition>/last_run.json; no result depends on it, and no key
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from goods.core.artifacts import read_json, write_json
from goods.core.errors import GoodsError

LAST_RUN = "last_run.json"
# options that experiments are made by
CHOSEN = ("preset", "offline", "text_weights", "image_weights", "refit")


def note_run(folder: Path, options: dict[str, Any]) -> None:
    """Write them down for a competition's work folder; paths as text."""
    told = {name: str(value) if isinstance(value, Path) else value for name, value in options.items()}
    if told != last_run(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / LAST_RUN, told)


def last_run(folder: Path) -> dict[str, Any]:
    """As they were noted; empty where nobody has, or nobody can read it any more."""
    try:
        told = read_json(folder / LAST_RUN)
    except (GoodsError, OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}
