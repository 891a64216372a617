"""--time-limit, --memory-limit, --workers: what a run may take."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from goods.core.errors import GoodsError
from goods.core.processes import Limits

SECONDS = {"s": 1, "m": 60, "h": 3600}
GIGABYTES = {"M": 2**-10, "G": 1.0, "T": 2**10}


@dataclass(frozen=True)
class Budget:
    """Seconds of wall clock, GB of memory of all processes and how many of them; None: no limit."""

    seconds: float | None = None
    gigabytes: float | None = None
    workers: int | None = None

    @property
    def plans(self) -> bool:
        """Whether what is trained depends on it: the number of processes changes no result."""
        return self.seconds is not None or self.gigabytes is not None

    @property
    def limits(self) -> Limits:
        memory = None if self.gigabytes is None else int(self.gigabytes * 2**30)
        return Limits(self.workers, memory)

    def part_ends(self, started: float, parts: int) -> float | None:
        """When the first of so many parts that are left has to end, both as time.perf_counter gives it; None: no
        limit."""
        if self.seconds is None:
            return None
        now = time.perf_counter()
        return now + (started + self.seconds - now) / parts

    def told(self, estimate: float, left_out: list[str], alone: str | None) -> dict[str, Any] | None:
        """What a report says of a run within it, `alone`: the experiment that answered; None where nothing depends on
        it."""
        if not self.plans:
            return None
        return {
            "seconds": self.seconds,
            "gigabytes": self.gigabytes,
            "estimated_seconds": round(estimate),
            "left_out": left_out,
            **({} if alone is None else {"alone": alone}),
            "note": "what was left out depends on how fast the machine was: another run may leave out other things",
        }


NO_LIMITS = Budget()


def budget(wall: str | None, memory: str | None, workers: str | None) -> Budget:
    """What the command line says; GoodsError where it says no amount."""
    return Budget(
        None if wall is None else amount("--time-limit", wall, SECONDS, "15m, 90s or 1.5h"),
        None if memory is None else amount("--memory-limit", memory, GIGABYTES, "6G or 800M"),
        None if workers is None else processes(workers),
    )


def amount(option: str, text: str, units: Mapping[str, float], example: str) -> float:
    """A number above 0 with one of the units, in that of value 1."""
    match = re.fullmatch(rf"(\d+(?:\.\d+)?)([{''.join(units)}])", text, re.ASCII)
    value = float(match[1]) * units[match[2]] if match else 0.0
    if not 0 < value < math.inf:
        raise GoodsError(f"{option} {text}: expected a number above 0 and its unit, such as {example}")
    return value


def processes(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,5}", text, re.ASCII):
        raise GoodsError(f"--workers {text}: expected a number of processes, 1 or more")
    return int(text)
