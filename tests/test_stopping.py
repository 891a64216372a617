"""Runs that are stopped: one line how to go on, and no process left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT, competition_config
from stopped_runs import STOPPED, Run, folds

from goods.config.competition import CompetitionConfig

CONFIGS = ROOT / "configs" / "kazanexpress2023"


@pytest.fixture
def competition() -> CompetitionConfig:
    return competition_config(n_folds=5)  # as the script's configs say


def said(run: Run) -> list[str]:
    """Lines of stderr that are not of progress bars."""
    assert run.process.stderr is not None
    lines = [line.rpartition("\r")[2].strip() for line in run.process.stderr.read().decode().split("\n")]
    return [line for line in lines if line and not line.endswith("fold/s]")]


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
import subprocess
import sys
from functools import partial
from joblib import delayed
from joblib.externals.loky.backend import fork_exec as starting
from goods.core.processes import as_done, in_processes

start = starting.fork_exec

def seen(*args, **named):
    print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))
    return start(*args, **named)

starting.fork_exec = seen
list(in_processes([delayed(abs)(-1)] * 2, 2))
list(as_done([partial(delayed(abs), -1)] * 3, {}, 3))
"""


LOST = """
import os, signal, time, weakref
from goods.core.stopping import stoppable
class Collected: ...
signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs the tests may have it ignored
with stoppable():
    collected = Collected()
    reference = weakref.ref(collected, lambda _: os.kill(os.getpid(), signal.SIGINT))
    del collected
    time.sleep(30)
"""


def test_a_stop_in_a_callback_of_the_garbage_collector_ends_in_one_line():
    run = subprocess.run([sys.executable, "-c", LOST], capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stderr.split("\n")) == (130, ["", STOPPED, ""])


def test_every_worker_begins_with_ctrl_c_held_back():
    told = subprocess.run([sys.executable, "-c", MASKS], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["True"] * 3


IN_RUST = """
import os, signal
from grimp.domain.valueobjects import DirectImport
from goods import cli
from goods.core.code import import_graph
signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs the tests may have it ignored
DirectImport.__init__ = lambda *_, **__: os.kill(os.getpid(), signal.SIGINT)
cli.run(import_graph)
"""


def test_a_stop_in_a_library_that_cannot_take_it_ends_in_one_line(tmp_path):
    command = [sys.executable, "-c", IN_RUST, "--work", tmp_path]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stderr.split("\n")) == (130, ["", STOPPED, ""])


AT_ITS_END = """
import atexit, os, signal
from goods import cli

def main():
    print("done")
    atexit.register(os.kill, os.getpid(), signal.SIGINT)

cli.run(main)
"""


def test_ctrl_c_while_python_ends_what_is_done_says_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", AT_ITS_END, "--work", tmp_path], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
