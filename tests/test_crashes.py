"""Runs with worker processes, killed at a random moment of every stage, end with the bytes of one that was not."""

from __future__ import annotations

import subprocess
import sys

import pytest
from conftest import ROOT

from goods.core.execution import cores


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("moments", [[], ["--writes", "24"]], ids=["any", "writes"])
def test_killed_runs_go_on_to_the_same_bytes_and_train_nothing_twice(tmp_path, moments):
    command = [sys.executable, str(ROOT / "benchmarks/crashes.py"), "--kills", "9", "--minutes", "6"]
    told = subprocess.run(
        [*command, "--folder", str(tmp_path), "--experiments", "linear-tuned", "fasttext", *moments],
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert "faults: []" in told.stdout
    queued = not moments and cores() > 1  # studies and folds are then in one queue
    lines = (tmp_path / "undisturbed" / "stages").read_text(encoding="utf-8").splitlines()
    assert list(dict.fromkeys(line.split()[1] for line in lines)) == [
        *("start", "prepare", "make_folds", "run_beside" if queued else "tune", "train", "stack"),
        *("write_report", "submit"),
    ]
