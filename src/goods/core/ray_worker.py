"""A job on another machine: it finds there what it has where the run was started, and says the same.

What it says comes back in files of a shared folder, and that it sees this folder at all tells that the work folder is
shared.
"""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from goods.core.errors import GoodsError
from goods.core.execution import Resources, counting, first_gpu, limited_job
from goods.core.hashing import content_of
from goods.core.log import saying_to

SOURCE = Path(__file__).parents[1]


@cache
def source_hash() -> str:
    return content_of(SOURCE, leave_out=("__pycache__",))


@dataclass(frozen=True)
class Home:
    """What a job has to find on another machine: the working directory, a `shared` folder, the package with the same
    source; and how many cores to count on."""

    directory: Path
    shared: Path
    source: str
    cores: int

    def enter(self) -> None:
        """GoodsError, of this machine, where it is otherwise."""
        here = os.uname().nodename
        if not self.shared.is_dir():
            raise GoodsError(
                f"machine {here} of the cluster does not see {self.shared.parents[1]} of this run; mount it there "
                "under the same path, or name a shared folder with --work"
            )
        if not self.directory.is_dir():
            raise GoodsError(
                f"machine {here} of the cluster has no folder {self.directory}; run from one that all machines see"
            )
        os.chdir(self.directory)
        if source_hash() != self.source:
            raise GoodsError(
                f"machine {here} of the cluster has other source of goods, in {SOURCE}; install there what is here"
            )


@dataclass(frozen=True)
class Outcome:
    """What a job returned, or what it raised and where."""

    value: Any = None
    error: Exception | None = None
    trace: str = ""

    def get(self) -> Any:
        if self.error is None:
            return self.value
        raise self.error from (None if isinstance(self.error, GoodsError) else Elsewhere(f"\n{self.trace}"))


class Elsewhere(Exception):
    """The traceback of an error on another machine."""


def on_worker(home: Home, job: Callable[..., Any], given: Resources, *args: Any) -> Outcome:
    """A job in a process of Ray, as `limited_job` has it on the machine of the run."""
    try:
        home.enter()
        told = home.shared / f"{os.uname().nodename}-{os.getpid()}-{time.time_ns()}"

        def tell(message: str) -> None:
            with told.open("a", encoding="utf-8") as file:
                file.write(f"{message}\n")

        with saying_to(tell), counting(home.cores):
            return Outcome(limited_job(job, args, first_gpu(given)))
    except Exception as error:
        return Outcome(error=error, trace=traceback.format_exc())
