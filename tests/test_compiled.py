"""Machine code that is kept: taken where it is of this code, made again where not, missed by nobody."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from subprocess import run

import numpy as np
import pytest
from conftest import ROOT
from numba.core.dispatcher import Dispatcher

from goods.core.compiled import FOLDER, _made_of, compiled

STEP, OTHER = 2, np.float32(0.5)
COMPILED = ("models.row_adamw", *(f"models.text.{name}" for name in ("byte_margins", "fasttext_updates")))
COMPILED += tuple(f"models.text.{name}" for name in ("hashed_terms", "one_vs_rest", "student_terms"))
COMPILED += ("stack.likelihood",)


def inner(x):
    return x + STEP


def outer(x):
    return called(x) * OTHER


called = None


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setenv(FOLDER, str(tmp_path / "machine code"))
    return tmp_path / "machine code"


def again(monkeypatch, **values: object) -> Dispatcher:
    """`outer` as a process compiles it in whose modules `values` are."""
    for name, value in values.items():
        monkeypatch.setitem(globals(), name, value)
    monkeypatch.setitem(globals(), "called", compiled()(inner))
    return compiled()(outer)


def hits(function: Dispatcher) -> int:
    return sum(function.stats.cache_hits.values())


def test_a_process_takes_what_another_has_compiled(folder, monkeypatch):
    first = again(monkeypatch)
    assert (first(3), hits(first)) == (2.5, 0)
    second = again(monkeypatch)
    assert (second(3), hits(second)) == (2.5, 1)
    assert {path.name.partition("-")[0] for path in folder.iterdir()} == {"inner", "outer"}


def test_what_is_called_and_read_counts_and_so_do_types_and_options(monkeypatch):
    again(monkeypatch)(3)
    changed = again(monkeypatch, STEP=7)
    assert (changed(3), hits(changed)) == (5.0, 0)
    changed = again(monkeypatch, OTHER=np.float32(2))
    assert (changed(3), hits(changed)) == (20.0, 0)
    assert (changed(3.25), hits(changed)) == (20.5, 0)
    quick = compiled(fastmath=True)(outer)
    assert (quick(3), hits(quick)) == (20.0, 0)
    monkeypatch.setenv("NUMBA_OPT", "1")
    assert hits(again(monkeypatch)) == 0


@pytest.mark.parametrize(
    "damage", [b"", b"half", None], ids=["nothing left", "cut off", "of another's bytes"]
)
def test_a_damaged_file_is_made_again(folder, monkeypatch, damage):
    again(monkeypatch)(3)
    for path in folder.iterdir():
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2] if damage == b"half" else damage or bytes(len(whole)))
    assert again(monkeypatch)(3) == 2.5
    taken = again(monkeypatch)
    assert (taken(3), hits(taken)) == (2.5, 1)


def test_machine_code_of_which_a_bit_has_changed_is_not_run(folder, monkeypatch):
    again(monkeypatch)(3)
    for path in folder.iterdir():
        whole = bytearray(path.read_bytes())
        whole[whole.index(b"\x7fELF") + 12] ^= 1  # one that nobody reads: others would end the process
        path.write_bytes(whole)
    taken = again(monkeypatch)
    assert (taken(3), hits(taken)) == (2.5, 0)


def test_where_nothing_can_be_written_it_is_compiled(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv(FOLDER, str(tmp_path / "file" / "below"))
    assert again(monkeypatch)(3) == 2.5


def test_a_full_disk_ends_nothing_and_leaves_nothing(folder, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("goods.core.artifacts._force", full)
    assert again(monkeypatch)(3) == 2.5
    assert list(folder.iterdir()) == []


def test_nothing_is_taken_from_where_everyone_may_write(folder, monkeypatch):
    again(monkeypatch)(3)
    folder.chmod(0o775)
    unsafe = again(monkeypatch)
    assert (unsafe(3), hits(unsafe)) == (2.5, 0)


def test_files_of_long_ago_go_when_new_ones_come(folder, monkeypatch):
    folder.mkdir()
    for name in ("gone-1.nbc", ".gone-1.nbc.x1y2z3a4.nbc"):
        (folder / name).touch()
        os.utime(folder / name, (0, 0))
    again(monkeypatch)(3)
    assert not [path.name for path in folder.iterdir() if "gone" in path.name]


def test_threads_that_ask_at_once_are_answered(monkeypatch):
    function = again(monkeypatch)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(function, [3] * 8)) == [2.5] * 8


def test_what_has_no_content_to_tell_it_by_is_not_kept(folder, monkeypatch):
    monkeypatch.setitem(globals(), "OTHER", np.ones(1))
    array = compiled()(lambda x: OTHER[0] + x)
    assert array(3) == 4
    assert not folder.exists()


@pytest.mark.parametrize("module", COMPILED[1:])
def test_every_compiled_function_can_be_kept(module):
    functions = [v for v in vars(import_module(f"goods.{module}")).values() if isinstance(v, Dispatcher)]
    assert functions
    for function in functions:
        list(_made_of(function))  # ValueError where not


def test_all_are_compiled_by_the_one_that_keeps():
    found = [path for path in (ROOT / "src").rglob("*.py") if "njit" in path.read_text(encoding="utf-8")]
    assert [path.name for path in found] == ["compiled.py"]
    asked = [
        path for path in (ROOT / "src").rglob("*.py") if "@compiled(" in path.read_text(encoding="utf-8")
    ]
    assert sorted(
        ".".join(path.relative_to(ROOT / "src" / "goods").with_suffix("").parts) for path in asked
    ) == (sorted(COMPILED))


PROGRAM = """
import numpy as np
from goods.models.text.byte_margins import _add
one, ends, number = np.ones(1, np.float32), np.array([0, 1]), np.zeros(1, np.int32)
_add(ends, number, one, ends, number, np.ones(1, np.int8), one[None])
print(one[0], sum(_add.stats.cache_hits.values()))
"""


@pytest.mark.slow
def test_processes_find_what_others_kept(folder):
    said = [
        run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert said == ["2.0 0\n", "2.0 1\n"]
