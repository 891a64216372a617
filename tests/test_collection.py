"""Which tests are run."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from conftest import pytest_collection_modifyitems


@pytest.mark.parametrize(
    ("expression", "run"),
    [("", ["quick"]), ("not slow", ["quick"]), ("exhaustive", ["quick", "long"]), ("not gpu", ["quick"])],
)
def test_exhaustive_tests_are_run_only_where_they_are_named(expression, run):
    """pytest itself keeps of them what an expression lets pass."""
    items = [
        SimpleNamespace(name=name, get_closest_marker=lambda _, marked=marked: marked)
        for name, marked in (("quick", None), ("long", pytest.mark.exhaustive))
    ]
    told: list[SimpleNamespace] = []
    config = SimpleNamespace(
        option=SimpleNamespace(markexpr=expression),
        hook=SimpleNamespace(pytest_deselected=lambda items: told.extend(items)),
    )
    pytest_collection_modifyitems(config, items)
    assert [item.name for item in items] == run
    assert len(told) == 2 - len(run)
