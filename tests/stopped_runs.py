"""Scripts that run until they are stopped."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
from conftest import ROOT

from goods.core.workspace import Workspace

CONFIGS = ROOT / "configs" / "kazanexpress2023"
FROM_SCRATCH = [
    "model.weights=scratch",
    "model.scratch_layers=1",
    "model.scratch_width=48",
    "model.scratch_vocab=500",
    "model.max_tokens=16",
    "model.trainer.epochs=1",
]
LONG = {
    "fasttext": [
        "model.epochs=1000000",
        "model.max_updates=1000000000",
        "model.dim=16",
        "model.buckets=2000",
    ],
    "transformer": [*FROM_SCRATCH, "model.trainer.epochs=100000"],
    "linear": ["tune.trials=100000"],
}
SCRIPT = """
import os, runpy, signal, sys
from goods.core import execution
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
execution.at_once = lambda *_: {side_by_side}
sys.argv = {argv}
sys.path.append(os.path.dirname(sys.argv[0]))
from goods.train import stage
stage.at_once = execution.at_once
runpy.run_path(sys.argv[0], run_name="__main__")
"""
STOPPED = "stopped; run the same command again to go on"


class Run:
    """A script in a session of its own, begun as soon as `marks` files are there."""

    def __init__(self, ws: Workspace, script: str, experiment: str, side_by_side: int, *marks: Path) -> None:
        settings = [part for setting in LONG[experiment] for part in ("--set", setting)]
        argv = [
            ROOT / "scripts" / f"{script}.py",
            CONFIGS / f"{experiment}.yaml",
            "--work",
            ws.root,
            *settings,
        ]
        code = SCRIPT.format(argv=[str(part) for part in argv], side_by_side=side_by_side)
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], start_new_session=True, stderr=subprocess.PIPE
        )
        until = time.monotonic() + 300  # others take the cores
        while not all(mark.exists() for mark in marks):
            assert self.process.poll() is None and time.monotonic() < until
            time.sleep(0.05)

    def left(self) -> list[psutil.Process]:
        """Processes of the session that have not ended."""
        found = []
        for process in psutil.process_iter():
            try:
                if os.getsid(process.pid) == self.process.pid and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (ProcessLookupError, psutil.NoSuchProcess):
                continue
        return found

    def all_gone(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while left := self.left():
            if time.monotonic() > until:
                for process in left:
                    print(process, process.cmdline())
                    process.kill()
                return False
            time.sleep(0.05)
        return True


def folds(ws: Workspace, experiment: str, *numbers: int) -> list[Path]:
    return [ws.run(experiment).fold(k) / "STARTED" for k in numbers]
