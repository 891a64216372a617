"""What work takes: seconds of wall clock and the peak of the process's memory.

writes: <folder>/logs/taken.json of a stage; no result depends on it, and no key
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from goods.core.artifacts import read_json, write_json
from goods.core.done import LOGS
from goods.core.errors import GoodsError

TAKEN = f"{LOGS}/taken.json"
PROCESS = Path("/proc/self")


@dataclass
class Taken:
    """Seconds, and MB of memory (resident, shared pages included) of this process at most."""

    seconds: float = 0.0
    memory_mb: int = 0

    def note(self, folder: Path) -> None:
        """Write it down for a stage's folder."""
        write_json(folder / TAKEN, {"seconds": round(self.seconds, 2), "memory_mb": self.memory_mb})


_open: list[Taken] = []
_highest = 0


@contextmanager
def measured() -> Iterator[Taken]:
    """What the block takes, known once it is left. Where the system cannot forget an earlier peak (all but Linux), the
    memory is that of the process so far."""
    begun, taken = time.perf_counter(), Taken()
    _tell_open()
    _forget_peak()
    _open.append(taken)
    try:
        yield taken
    finally:
        _tell_open()
        _open.remove(taken)
        taken.seconds = time.perf_counter() - begun


def highest_mb() -> int:
    """The peak of this process so far, whatever was forgotten meanwhile."""
    _tell_open()
    return _highest


def taken_in(folder: Path) -> Taken | None:
    """What the making of a stage's folder took; None where nobody noted it."""
    try:
        noted = read_json(folder / TAKEN)
        return Taken(float(noted["seconds"]), int(noted["memory_mb"]))
    except (GoodsError, OSError, KeyError, TypeError, ValueError):
        return None


def _tell_open() -> None:
    global _highest
    now = _peak_mb()
    _highest = max(_highest, now)
    for taken in _open:
        taken.memory_mb = max(taken.memory_mb, now)


def _forget_peak() -> None:
    with suppress(OSError):
        (PROCESS / "clear_refs").write_text("5")


def _peak_mb() -> int:
    try:
        status = (PROCESS / "status").read_text(encoding="utf-8")
        return round(int(status.split("VmHWM:")[1].split()[0]) / 1024)
    except (OSError, IndexError, ValueError):
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return round(most / (2**20 if sys.platform == "darwin" else 2**10))
