"""Runs that are stopped: one line how to go on, and no process left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from conftest import ROOT, competition_config
from test_execution import FROM_SCRATCH

from goods.config.competition import CompetitionConfig
from goods.core.workspace import Workspace

CONFIGS = ROOT / "configs" / "kazanexpress2023"
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


@pytest.fixture
def competition() -> CompetitionConfig:
    return competition_config(n_folds=5)  # as the script's configs say


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
        until = time.monotonic() + 60
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


def said(run: Run) -> list[str]:
    """Lines of stderr that are not of progress bars."""
    assert run.process.stderr is not None
    lines = [line.rpartition("\r")[2].strip() for line in run.process.stderr.read().decode().split("\n")]
    return [line for line in lines if line and not line.endswith("fold/s]")]


def folds(ws: Workspace, experiment: str, *numbers: int) -> list[Path]:
    return [ws.run(experiment).fold(k) / "STARTED" for k in numbers]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda n: n.name)
def test_workers_end_with_their_parent(ws, number):
    run = Run(ws, "train", "fasttext", 2, *folds(ws, "fasttext", 0, 1))
    time.sleep(0.5)
    assert len(run.left()) >= 3
    run.process.send_signal(number)
    assert run.all_gone(3)
    if number == signal.SIGTERM:
        assert (run.process.wait(), said(run)) == (143, [STOPPED])


def slow(*values: object) -> object:
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ("script", "experiment", "side_by_side", "times"),
    [
        ("train", "transformer", 1, 1),
        ("tune", "linear", 1, 1),
        slow("train", "transformer", 2, 1),
        slow("train", "transformer", 2, 3),
        slow("train", "fasttext", 1, 3),
        slow("tune", "linear", 1, 3),
    ],
)
def test_ctrl_c_ends_in_one_line(ws, script, experiment, side_by_side, times):
    marks = (
        folds(ws, experiment, *range(side_by_side))
        if script == "train"
        else [ws.tuning(experiment) / "study.db"]
    )
    run = Run(ws, script, experiment, side_by_side, *marks)
    time.sleep(3 if script == "tune" else 1.5)
    for _ in range(times):
        os.killpg(run.process.pid, signal.SIGINT)
        time.sleep(0.1)
    assert run.all_gone(3)
    lines = [line for line in said(run) if "tune linear:" not in line]
    assert (run.process.wait(), lines) == (130, [STOPPED])


MASKS = """
import signal
from joblib import delayed
from joblib.externals.loky.backend import fork_exec as starting
from goods.core.processes import in_processes

start = starting.fork_exec

def seen(*args, **named):
    print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))
    return start(*args, **named)

starting.fork_exec = seen
list(in_processes([delayed(abs)(-1)] * 2, 2))
"""


def test_every_worker_begins_with_ctrl_c_held_back():
    told = subprocess.run([sys.executable, "-c", MASKS], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["True", "True"]
