"""What a student keeps of its teacher's lead over the best peer."""

import importlib.util

import pytest
from conftest import ROOT


@pytest.fixture
def distilled(monkeypatch):
    """The benchmark as a module."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    spec = importlib.util.spec_from_file_location("distilled", ROOT / "benchmarks" / "distilled.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_half_of_a_lead_is_half_of_it(distilled):
    assert distilled.lead_kept(0.9, 1.0, 0.8) == "50%"
    assert distilled.lead_kept(0.7, 1.0, 0.8) == "-50%"  # below the peer


@pytest.mark.parametrize("stack", [0.8, 0.7])
def test_a_stack_without_a_lead_has_none_to_keep(distilled, stack):
    assert distilled.lead_kept(0.9, stack, 0.8) == "–"
