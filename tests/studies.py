"""The smallest study, and one that is stopped within."""

from __future__ import annotations

from conftest import ROOT

from goods.tune.objectives import Objective

LINEAR = ROOT / "configs" / "kazanexpress2023" / "linear.yaml"
SMALL = ["tune.trials=4", "tune.startup_trials=2", "tune.space={C: {low: 0.1, high: 3.0, log: true}}"]


def stop_in_third_trial(monkeypatch):
    """The third trial that is begun from here on ends as with Ctrl-C; later ones run. Numbers of all that are begun."""
    plain, calls = Objective.__call__, []

    def stopped(self, trial):
        calls.append(trial.number)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return plain(self, trial)

    monkeypatch.setattr(Objective, "__call__", stopped)
    return calls
