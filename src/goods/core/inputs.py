"""What a finished folder was made of, part by part, for those who ask why it is no longer what would be made.

writes: <folder>/logs/inputs.json; no result depends on it, and no key
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from goods.core.artifacts import write_json
from goods.core.done import LOGS

INPUTS = f"{LOGS}/inputs.json"


def note_inputs(folder: Path, parts: Mapping[str, Any]) -> None:
    """`parts`: JSON-able; of mappings in it each entry is told apart later."""
    write_json(folder / INPUTS, parts)


def changed_inputs(folder: Path, now: Mapping[str, Any]) -> list[str]:
    """Names of what was otherwise when the folder was made ("settings model.lr"); empty where nobody noted it."""
    try:
        noted = json.loads((folder / INPUTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    present = json.loads(json.dumps(now))  # as it was written: tuples are lists, keys are texts
    return list(_different(noted, present)) if isinstance(noted, dict) else []


def _different(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    for name in dict.fromkeys((*after, *before)):
        one, other = before.get(name), after.get(name)
        if isinstance(one, dict) and isinstance(other, dict):
            inner = ".".join if name == "model" else " ".join
            yield from (inner((name, found)) for found in _different(one, other))
        elif one != other:
            yield name
