"""Rows of the ledger in MLflow: off unless asked for, and never in the way of a run."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

from goods.submit.ledger import append_leaderboard, rows_of
from goods.submit.mirror import LONGEST, VARIABLE

ROW = {
    "competition": "shop",
    "kind": "experiment",
    "experiment": "linear",
    "score": 0.75,
    "sd": float("nan"),
    "folds": 5,
    "key": "abc",
    "limits": "x" * 600,
    "note": "",
}


class Client:
    """As much of MLflow's as is asked of it."""

    said: list[tuple]

    def __init__(self, tracking_uri):
        self.said.append(("uri", tracking_uri))

    def get_experiment_by_name(self, name):
        return SimpleNamespace(experiment_id="7") if ("experiment", name) in self.said else None

    def create_experiment(self, name):
        self.said.append(("experiment", name))
        return "7"

    def create_run(self, experiment, run_name):
        self.said.append(("run", experiment, run_name))
        return SimpleNamespace(info=SimpleNamespace(run_id="r"))

    def log_param(self, run, key, value):
        self.said.append(("param", key, value))

    def log_metric(self, run, key, value):
        self.said.append(("metric", key, value))

    def set_terminated(self, run):
        self.said.append(("end", run))


@pytest.fixture
def said(monkeypatch) -> list[tuple]:
    module = ModuleType("mlflow")
    Client.said = []
    module.MlflowClient = Client
    monkeypatch.setitem(sys.modules, "mlflow", module)
    return Client.said


def test_nothing_is_sent_unless_a_place_is_named(tmp_path, said, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert append_leaderboard(tmp_path / "leaderboard.csv", ROW) and said == []


def test_a_row_becomes_a_run_with_metrics_and_parameters(tmp_path, said, monkeypatch):
    monkeypatch.setenv(VARIABLE, "file:///runs")
    for _ in range(2):
        append_leaderboard(tmp_path / "leaderboard.csv", ROW)
    assert append_leaderboard(tmp_path / "leaderboard.csv", ROW, once=True) is False
    assert said[:3] == [("uri", "file:///runs"), ("experiment", "shop"), ("run", "7", "linear")]
    assert [one for one in said if one[0] == "metric"] == [
        ("metric", "score", 0.75),
        ("metric", "folds", 5.0),
    ] * 2
    params = dict(one[1:] for one in said if one[0] == "param")
    assert params["key"] == "abc" and len(params["limits"]) == LONGEST and "note" not in params
    assert sum(one[0] == "run" for one in said) == sum(one[0] == "end" for one in said) == 2


def test_what_does_not_work_is_a_line_and_the_row_is_there(tmp_path, said, monkeypatch, capsys):
    monkeypatch.setenv(VARIABLE, "http://nowhere")
    monkeypatch.setattr(Client, "create_run", lambda *args, **kwargs: 1 / 0)
    append_leaderboard(tmp_path / "leaderboard.csv", ROW)
    assert (
        "GOODS_MLFLOW: http://nowhere did not take the row of linear (division by zero)"
        in capsys.readouterr().err
    )
    monkeypatch.setitem(sys.modules, "mlflow", None)  # as if it were not installed
    append_leaderboard(tmp_path / "leaderboard.csv", ROW)
    assert "the package mlflow is not there; pip install 'goods[mlflow]'" in capsys.readouterr().err
    assert rows_of(tmp_path / "leaderboard.csv").experiment.tolist() == ["linear"] * 2


def test_mlflow_itself_takes_a_row(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="the package mlflow is absent")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    place = (tmp_path / "runs").as_uri()
    monkeypatch.setenv(VARIABLE, place)
    append_leaderboard(tmp_path / "leaderboard.csv", ROW)
    client = mlflow.MlflowClient(tracking_uri=place)
    (run,) = client.search_runs([client.get_experiment_by_name("shop").experiment_id])
    assert run.info.run_name == "linear" and run.data.metrics == {"score": 0.75, "folds": 5.0}
    assert run.data.params["key"] == "abc"
