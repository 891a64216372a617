"""The benchmark of the stack over the number of classes (benchmarks/stack_scaling.py)."""

from __future__ import annotations

import runpy

from conftest import ROOT


def test_a_stack_of_made_up_predictions_is_scored():
    one = runpy.run_path(str(ROOT / "benchmarks" / "stack_scaling.py"), run_name="stack_scaling")["one"]
    found = one(120, 8, ["model.iterations=2"])
    assert found["classes"] == 8 and 0.9 < found["recall"] <= 1
    assert 0.5 < found["scores"]["best_single"] <= 1
