"""Training curves of all folds lie in one place, those of the last training alone, and are shown from there."""

from __future__ import annotations

import sys

import pytest
from conftest import ROOT

from goods.config.loading import load_experiment
from goods.core.errors import GoodsError
from goods.core.workspace import Workspace
from goods.train.stage import train
from goods.upkeep import curves

NAVEC = ["model.subword_buckets=500", "model.width=16", "model.hidden=8"]


def test_curves_of_all_folds_are_below_the_competition_s_logs(ws, competition):
    config = load_experiment(
        ROOT / "configs" / "kazanexpress2023" / "navec.yaml", [*NAVEC, "model.trainer.epochs=2"]
    )
    for _ in range(2):
        train(ws, competition, config, force=True)
        found = sorted(path.parent.relative_to(ws.path) for path in ws.path.rglob(curves.EVENTS))
        assert [path.as_posix() for path in found] == [f"logs/navec/fold_{k}/navec" for k in range(3)]


def test_those_of_a_target_are_below_those_of_the_whole(tmp_path):
    whole = Workspace(tmp_path, "wildberries")
    assert whole.curves == tmp_path / "wildberries" / "logs"
    assert whole.target("sex").curves == whole.curves / "sex"


def test_what_is_shown_and_what_is_said_where_nothing_can_be(tmp_path, monkeypatch, run_script):
    code, _, err = run_script("curves", "shop", "--work", tmp_path)
    assert code == 2 and "no training curves; train an experiment of a network first" in err
    logs = tmp_path / "shop" / "logs" / "navec"
    logs.mkdir(parents=True)
    (logs / "events.out.tfevents.1.host.2.3").touch()
    called = []

    class Ended:
        returncode = 0

    monkeypatch.setattr(curves.subprocess, "run", lambda command, **_: called.append(command) or Ended())
    assert run_script("curves", "shop", "--work", tmp_path, "--port", "7007")[0] == 0
    assert called[0][:3] == [sys.executable, "-m", "tensorboard.main"]
    assert called[0][3:] == ["--logdir", str(logs.parent), "--host", "127.0.0.1", "--port", "7007"]
    code, _, err = run_script("curves", "shop", "--work", tmp_path, "--port", "70000")
    assert (code, err.strip()) == (2, "error: --port 70000: expected a number from 1 to 65535")
    monkeypatch.setattr(curves, "find_spec", lambda name: None)
    with pytest.raises(GoodsError, match="tensorboard shows them and is not there; install it with"):
        curves.show(logs.parent, "127.0.0.1", 6006)
