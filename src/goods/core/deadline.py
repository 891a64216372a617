"""An end to work that takes longer than it may."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType


class OutOfTime(BaseException):
    """Not an Exception: whoever goes on after one is not to go on after this."""


STAT = Path("/proc/self/stat")
DAY = 86_400.0
LONGEST = 1e9  # seconds that an alarm may be set to on every system


def process_began() -> float:
    """When this process began, as time.perf_counter gives it, the imports of before included; now where the system does
    not tell."""
    now = time.perf_counter()
    try:
        ticks = int(STAT.read_text(encoding="utf-8").rpartition(")")[2].split()[19])
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError, IndexError, ValueError):
        return now
    return now - age if 0 < age < DAY else now


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """OutOfTime in here after so many seconds, once compiled code returns to Python; infinite: never. In another thread
    than the main one, and where there is no alarm (Windows), never either. Compiled code that makes a KeyboardInterrupt
    of what a handler raises, as CatBoost does, changes nothing."""
    main = threading.current_thread() is threading.main_thread()
    if math.isinf(seconds) or not main or not hasattr(signal, "setitimer"):
        yield
        return
    rung = False

    def ring(signum: int, frame: FrameType | None) -> None:
        nonlocal rung
        rung = True
        raise OutOfTime

    handler, (alarm, _) = signal.signal(signal.SIGALRM, ring), signal.getitimer(signal.ITIMER_REAL)
    try:
        signal.setitimer(signal.ITIMER_REAL, min(max(seconds, 1e-3), LONGEST))
        yield
    except KeyboardInterrupt:
        if rung:
            raise OutOfTime from None
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, alarm)  # that of another goes on
