"""The benchmark of what labels of the scored fold are worth to the stack's counts (benchmarks/stack_nested.py)."""

from __future__ import annotations

import re
import runpy
import sys

from conftest import ROOT


def test_both_ways_to_count_are_scored_on_every_fold(plain_run, monkeypatch, capsys):
    options, _ = plain_run
    few = ["--seeds", "1", "--set", "model.experiments=[linear, fasttext]", "--set", "model.iterations=2"]
    command = ["stack_nested.py", "kazanexpress2023", "--work", str(options.work), *few]
    monkeypatch.setattr(sys, "argv", command)
    runpy.run_path(str(ROOT / "benchmarks" / "stack_nested.py"), run_name="stack_nested")["main"]()
    rows = [re.findall(r"[^| ]+", line) for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[0] for row in rows[-2:]] == ["mean", "sd"] and len(rows) > 3
    for row in rows[:-2]:
        present, nested, change = map(float, row[1:4])
        assert 0 <= present <= 1 and abs(nested - present - change) < 2e-4
