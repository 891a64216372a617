"""A run of all stages that is killed, with its processes, when somebody says so."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil

from goods import cli, pipeline
from goods.budget import queue
from goods.config.experiment import ExperimentConfig
from goods.core import execution
from goods.core.processes import PR_SET_PDEATHSIG
from goods.pipeline import run_all
from goods.presets import Options
from goods.tune import stage as tuning

NAME = "demo"
MOST_SECONDS = 600  # of one run
HUNG = 124
MARKS = "stages"  # file that a run notes in what it is at
STAGES: dict[str, ModuleType] = {  # functions that are a stage, and where a run without targets finds them
    "prepare": pipeline,
    "make_folds": pipeline,
    "run_beside": queue,
    "tune": tuning,
    "train": pipeline,
    "stack": pipeline,
    "write_report": pipeline,
    "submit": pipeline,
}


@dataclass(frozen=True)
class Kill:
    """When a run is killed: so many seconds after a stage began, as `after` draws them (None: not in this stage), or by
    the rename `write` (counted from 1), `before` it or after."""

    after: Callable[[str], float | None] = lambda stage: None
    write: int | None = None
    before: bool = False


def note_stages(folder: Path) -> None:
    """Have this process add a line to the folder's marks as it begins a stage: when, and its name."""

    def noted(name: str, stage: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(stage)
        def begun(*args: Any, **named: Any) -> Any:
            configs = (a.name for a in args if isinstance(a, ExperimentConfig))
            with (folder / MARKS).open("a", encoding="utf-8") as file:
                file.write(f"{time.monotonic()} {' '.join((name, *configs))}\n")
            return stage(*args, **named)

        return begun

    noted("start", lambda: None)()
    for name, module in STAGES.items():
        setattr(module, name, noted(name, getattr(module, name)))


def marks(folder: Path) -> list[tuple[float, str]]:
    """(seconds, stage) as they were begun."""
    path = folder / MARKS
    lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.is_file() else []
    return [(float(when), stage) for when, _, stage in (line.partition(" ") for line in lines)]


def die_by_write(kill: Kill) -> None:
    """Have this process killed as it renames a file."""
    rename, left = Path.replace, kill.write

    def counted(path: Path, target: Path) -> Path:
        nonlocal left
        assert left is not None
        left -= 1
        if left == 0 and kill.before:
            os.kill(os.getpid(), signal.SIGKILL)
        moved = rename(path, target)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return moved

    Path.replace = counted  # type: ignore[assignment,method-assign]


def attempt(configs: Path, folder: Path, kill: Kill, one_process: bool = False) -> int | None:
    """Run all stages in `folder` until the `kill`: the exit code, or None where it was killed. What it says is added
    to the folder's log."""
    seen = len(marks(folder))
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setpgrp()
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # it ends with this process
            log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(log, 1)
            os.dup2(log, 2)
            if one_process:
                execution.cores = lambda: 1
            if kill.write is not None:
                die_by_write(kill)
            note_stages(folder)
            options = Options(configs, folder / "work", folder / "out", offline=True)
            cli.run(lambda: print(run_all(NAME, options)))
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        finally:
            sys.stderr.flush()
            os._exit(code)
    return watch(child, folder, kill, seen)


def watch(child: int, folder: Path, kill: Kill, seen: int) -> int | None:
    """As `attempt`, of a run that is process `child`, in a folder that had `seen` marks before; it is an end with code
    HUNG where it takes too long."""
    until, drawn = time.monotonic() + MOST_SECONDS, False
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            end_group(child)
            code = os.waitstatus_to_exitcode(status)
            return None if code == -signal.SIGKILL else code
        begun = marks(folder)
        if len(begun) > seen:
            seen, after = len(begun), kill.after(begun[-1][1])
            drawn = after is not None
            until = time.monotonic() + (MOST_SECONDS if after is None else after)
        time.sleep(0.003)
    end_group(child)
    os.waitpid(child, 0)
    return None if drawn else HUNG


def end_group(group: int) -> None:
    """Kill every process of it, and return once they are gone; the leader is to be waited for."""
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
    while others_of(group):
        time.sleep(0.01)


def others_of(group: int) -> list[int]:
    """Living processes of a group besides its leader."""
    found = []
    for process in psutil.process_iter(["pid", "status"]):
        with suppress(ProcessLookupError):
            alive = process.info["status"] != psutil.STATUS_ZOMBIE
            if alive and process.pid != group and os.getpgid(process.pid) == group:
                found.append(process.pid)
    return found
