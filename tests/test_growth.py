"""The benchmark of how stages grow (benchmarks/curves.py)."""

from __future__ import annotations

import importlib.util
import sys
from types import SimpleNamespace

import pytest
from conftest import ROOT


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_new_cards_are_looked_at_where_the_contest_has_photos(share, tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("growth", ROOT / "benchmarks" / "curves.py")
    assert spec is not None and spec.loader is not None
    growth = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "growth", growth)
    spec.loader.exec_module(growth)
    asked = []
    monkeypatch.setattr(growth, "predict_file", lambda *args: asked.append(args[4]))
    contest = growth.Contest("wide", 100, 5, tmp_path, share)
    contest.work_of("predict")()
    assert asked == [contest.data if share else None]
    told = SimpleNamespace(returncode=0, stdout='{"seconds": 1}')
    commands = []
    monkeypatch.setattr(growth.subprocess, "run", lambda command, **_: commands.append(command) or told)
    contest.folder.mkdir()
    growth.measured(contest, "predict")
    assert commands[0][commands[0].index("--photos") + 1] == str(share)
