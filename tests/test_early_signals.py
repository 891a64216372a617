"""Scripts that are stopped while Python still loads what they need: one line, and the exit code a shell expects."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, SCRIPTS
from stopped_runs import STOPPED

SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143}
# Python runs this before a script; the signal comes as the module named by WHERE is looked for, in whatever imports it
AT_IMPORT = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background

def look(event, arguments):
    if event == "import" and arguments[0] == os.environ.get("WHERE"):
        os.kill(os.getpid(), int(os.environ.pop("SIGNUM")))

sys.addaudithook(look)
"""
ARGUMENTS = {
    "train": ["configs/kazanexpress2023/linear.yaml"],
    "tune": ["configs/kazanexpress2023/linear.yaml"],
    "stack": ["configs/kazanexpress2023/stack.yaml"],
    "pretrain": ["configs/kazanexpress2023/clip.yaml"],
    "explain": ["demo", "stack", "1"],
    "predict": ["demo", "stack", "cards.csv", "--out", "labelled.csv"],
    "match": ["cards.parquet"],
}


def stopped(folder: Path, script: str, signum: int, where: str) -> tuple[int, str]:
    """Exit code and stderr of a script that is sent a signal as it imports the module `where`."""
    (folder / "sitecustomize.py").write_text(AT_IMPORT)
    paths = [str(folder), *os.environ.get("PYTHONPATH", str(ROOT / "src")).split(os.pathsep)]
    environment = {"PYTHONPATH": os.pathsep.join(paths), "WHERE": where, "SIGNUM": str(int(signum))}
    path = ROOT / "scripts" / f"{script}.py"
    arguments = [*ARGUMENTS.get(script, ["demo"]), "--work", str(folder / "work")]
    done = subprocess.run(
        [sys.executable, path, *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stderr.lstrip("\n")


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_that_is_stopped_as_it_begins_says_so_in_one_line(tmp_path, script):
    assert stopped(tmp_path, script, signal.SIGINT, "goods.core.errors") == (130, f"{STOPPED}\n")


@pytest.mark.parametrize(
    "where", ["goods", "argparse", "goods.core.stopping", "yaml", "pyarrow", "pandas", "xxhash"]
)
@pytest.mark.parametrize("signum", SIGNALS, ids=lambda s: s.name)
def test_so_does_one_that_is_loading_what_it_needs(tmp_path, signum, where):
    assert stopped(tmp_path, "train", signum, where) == (SIGNALS[signum], f"{STOPPED}\n")


AS_IT_BEGINS = """
import os, signal, threading
from goods import cli
start = threading.Thread.start
signal.signal(signal.SIGINT, signal.default_int_handler)
threading.Thread.start = lambda self: (os.kill(os.getpid(), signal.SIGINT), start(self))
cli.run(lambda: None)
"""


def test_so_does_one_whose_watch_over_signals_begins():
    done = subprocess.run([sys.executable, "-c", AS_IT_BEGINS], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (130, f"{STOPPED}\n")
