"""Which tests are run, and by how many workers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from runs import built_once
from sessions import LONGEST, pytest_collection_modifyitems
from test_set_up import bash, checkout  # noqa: F401  # a fixture

WORKERS = "-n 3 --dist loadfile --no-loadscope-reorder --max-worker-restart 0"


@pytest.mark.parametrize(
    ("expression", "run"),
    [("", ["quick"]), ("not slow", ["quick"]), ("exhaustive", ["quick", "long"]), ("not gpu", ["quick"])],
)
def test_exhaustive_tests_are_run_only_where_they_are_named(expression, run):
    """pytest itself keeps of them what an expression lets pass."""
    items = [
        SimpleNamespace(
            name=name, path=Path("test_any.py"), get_closest_marker=lambda _, marked=marked: marked
        )
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


def test_files_that_take_longest_are_begun_first_and_a_file_s_tests_stay_together_in_their_order():
    files = [Path(__file__).with_name(f"test_{name}.py") for name in LONGEST]
    assert all(path.is_file() for path in files)
    there = [*files[::-1], Path("test_any.py")]
    items = [
        SimpleNamespace(path=path, number=n, get_closest_marker=lambda _: None)
        for path in there
        for n in range(2)
    ]
    option, hook = SimpleNamespace(markexpr="not slow"), SimpleNamespace(pytest_deselected=lambda items: None)
    pytest_collection_modifyitems(SimpleNamespace(option=option, hook=hook), items)
    expected = [(path, n) for path in (*files, Path("test_any.py")) for n in range(2)]
    assert [(item.path, item.number) for item in items] == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("-m", "not slow"), f"{WORKERS} -m not slow"),
        (("-n", "0"), f"{WORKERS} -n 0"),
        (("-p", "no:xdist"), "-p no:xdist"),
        (("--pdb",), "--pdb"),
    ],
)
def test_tests_have_a_worker_of_one_thread_for_each_core_or_as_they_are_asked_to(
    checkout,  # noqa: F811
    tmp_path,
    words,
    expected,
):
    programs = checkout / ".venv" / "bin"
    (programs / "python").write_text(
        '#!/bin/sh\n[ "$1" = -c ] && echo 3 || echo "$OMP_NUM_THREADS${PYTHONDONTWRITEBYTECODE-}: $*"\n'
    )
    (programs / "lint-imports").write_text("#!/bin/sh\n")
    (programs / "lint-imports").chmod(0o755)
    done = bash(
        checkout / "scripts" / "test.sh", tmp_path, *words, OMP_NUM_THREADS="", PYTHONDONTWRITEBYTECODE="1"
    )
    assert done.stdout.splitlines()[-1] == f"1: -m pytest -q {expected}", done.stderr


def worker(place: Path) -> SimpleNamespace:
    """A request for a fixture in a worker whose folder is `place`."""
    place.mkdir()
    factory = SimpleNamespace(getbasetemp=lambda: place)
    return SimpleNamespace(config=SimpleNamespace(workerinput={}), getfixturevalue=lambda _: factory)


def test_what_workers_share_is_built_by_the_first(tmp_path):
    built = []

    def build(folder: Path) -> Path:
        built.append(folder)
        return folder

    found = [built_once(worker(tmp_path / name), "run", build) for name in ("gw0", "gw1")]
    assert found == [tmp_path / "run"] * 2 and built == [tmp_path / "run"]
