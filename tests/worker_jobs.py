"""What tests have worker processes do: a worker imports this file alone, and neither pytest nor the stages."""

from __future__ import annotations

import os
import signal
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from goods.core.errors import within
from goods.core.execution import Resources


def killed(given: Resources) -> None:
    with within("job 7"):
        os.kill(os.getpid(), signal.SIGKILL)


def exits(given: Resources) -> None:
    with within("job 7"), within("a part of it"):
        pass
    with within("job 7"):
        os._exit(3)


def crashes(given: Resources) -> None:
    with within("job 7"):
        os.kill(os.getpid(), signal.SIGSEGV)


def hungry(given: Resources) -> None:
    np.empty((10**9, 10**6))


class Unpicklable(Exception):
    def __init__(self, first: str, second: str) -> None:
        super().__init__("mine")


def unpicklable(given: Resources) -> None:
    raise Unpicklable("a", "b")


def fails(number: int, given: Resources) -> None:
    with within(f"job {number}"):
        raise ZeroDivisionError


def warns(text: str, given: Resources | None = None) -> str:
    warnings.simplefilter("always")
    warnings.warn(f"{text}\nand more", UserWarning, stacklevel=1)
    return text


def where_files_go(given: Resources) -> tuple[str, str]:
    return tempfile.gettempdir(), os.environ["JOBLIB_TEMP_FOLDER"]


def written() -> str:
    with tempfile.NamedTemporaryFile() as file:
        return file.name


def begin_and_wait(folder: Path, given: Resources) -> None:
    (folder / str(os.getpid())).touch()
    time.sleep(600)


def on_gpu(seconds: float, met: Path, processes: int, given: Resources) -> tuple[str, float, float, int]:
    """Not over before so many processes have begun, however long that takes them."""
    start = time.monotonic()
    (met / str(os.getpid())).touch()
    while len(list(met.iterdir())) < processes and time.monotonic() < start + 60:
        time.sleep(0.05)
    time.sleep(seconds)
    return given.device, start, time.monotonic(), os.getpid()


def noted(folder: Path, number: int, read: str, given: Resources) -> str:
    """Leaves a file of its number, and returns what it was told."""
    time.sleep(0.05)
    (folder / str(number)).touch()
    return read


HELD = []


def holding(megabytes: int, met: Path, given: Resources) -> int:
    """The process, which keeps so much more; not over before another has begun, and a second later, as joblib looks
    at the memory of a worker no sooner."""
    HELD.append(np.ones(megabytes * 2**17))
    (met / str(os.getpid())).touch()
    until = time.monotonic() + 60
    while len(list(met.iterdir())) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    time.sleep(1.1 * bool(megabytes))
    return os.getpid()
