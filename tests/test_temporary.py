"""Temporary files: where they go, and that none stay, however a run ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from multiprocessing.util import get_temp_dir
from pathlib import Path
from types import SimpleNamespace

import pytest
from joblib import delayed
from worker_jobs import where_files_go, written

from goods.app import page
from goods.core.execution import Resources, run_jobs
from goods.core.processes import in_processes
from goods.core.scratch import folder_in, own_folder, temporary_files_in

RUN = """
import os, signal, sys, tempfile, time
from pathlib import Path
from goods import cli
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background

def main():
    Path(tempfile.mkdtemp(prefix="goods-")).joinpath("file").write_text("large")
    Path(sys.argv[2]).with_name("begun").touch()
    time.sleep({seconds})

cli.run(main)
"""


def test_temporary_files_of_all_processes_are_in_the_work_folder_and_do_not_stay(tmp_path, monkeypatch):
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.setattr("goods.core.execution.at_once", lambda *_: 2)
    dead = tmp_path / "work" / "tmp" / "run-of-a-killed-process"
    dead.mkdir(parents=True)
    (dead / "file").write_text("large")
    before = tempfile.gettempdir()
    with temporary_files_in(tmp_path / "work"):
        assert not dead.exists()
        (own,) = (tmp_path / "work" / "tmp").iterdir()
        with temporary_files_in(tmp_path / "work"):
            pass
        assert own.exists()
        found = run_jobs(where_files_go, [(), ()], Resources("cpu", 1), "two")
        assert found == [(str(own), str(own))] * 2
    assert tempfile.gettempdir() == before and "JOBLIB_TEMP_FOLDER" not in os.environ
    assert list((tmp_path / "work").iterdir()) == []


PLOTTING = """
from goods import cli

def main():
    import matplotlib
    print(matplotlib.get_configdir())

cli.run(main)
"""


def test_matplotlib_does_not_miss_what_was_removed_where_a_home_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.delenv("TMPDIR", raising=False)
    nowhere = {"HOME": "/proc/nobody", "XDG_CONFIG_HOME": "", "XDG_CACHE_HOME": ""}
    command = [sys.executable, "-c", PLOTTING, "--work", tmp_path / "work"]
    ended = subprocess.run(command, env=os.environ | nowhere, capture_output=True, text=True, check=True)
    assert ended.stderr == "" and str(tmp_path) in ended.stdout
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_a_work_folder_that_was_not_there_is_not_left_behind(tmp_path, monkeypatch):
    monkeypatch.delenv("TMPDIR", raising=False)
    with temporary_files_in(tmp_path / "work"):
        assert (tmp_path / "work" / "tmp").is_dir()
    assert list(tmp_path.iterdir()) == []


def test_workers_of_a_later_run_of_one_process_write_to_its_own_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("TMPDIR", raising=False)
    for name in ("first", "second"):
        with temporary_files_in(tmp_path / name):
            files = list(in_processes((delayed(written)() for _ in range(2)), 2))
        assert all(file.startswith(str(tmp_path / name)) for file in files)


@pytest.fixture
def named(tmp_path: Path, monkeypatch) -> Path:
    """The folder that TMPDIR names."""
    folder = tmp_path / "named"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


def begin(tmp_path: Path, seconds: float) -> subprocess.Popen:
    """A run that has made a temporary folder and ends after so many seconds."""
    (tmp_path / "begun").unlink(missing_ok=True)
    code = RUN.format(seconds=seconds)
    process = subprocess.Popen([sys.executable, "-c", code, "--work", str(tmp_path / "work")])
    until = time.monotonic() + 60
    while not (tmp_path / "begun").exists():
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.05)
    return process


@pytest.mark.parametrize("number", [None, signal.SIGINT, signal.SIGTERM], ids=str)
def test_nothing_stays_in_a_folder_that_tmpdir_names(tmp_path, named, number):
    run = begin(tmp_path, 0 if number is None else 60)
    if number is not None:
        run.send_signal(number)
    assert run.wait(20) == (0 if number is None else 128 + number)
    assert list(named.iterdir()) == []


def test_what_a_killed_run_left_in_a_folder_that_tmpdir_names_goes_with_the_next(tmp_path, named):
    run = begin(tmp_path, 60)
    run.kill()
    run.wait()
    assert list(named.iterdir()) != []
    begin(tmp_path, 0).wait()
    assert list(named.iterdir()) == []


def test_runs_side_by_side_leave_each_other_their_files(tmp_path, named, monkeypatch):
    with temporary_files_in(tmp_path / "one"):
        ours = Path(tempfile.gettempdir())
        assert ours.parent == named
        assert tempfile.gettempdir() == os.environ["TMPDIR"] == str(ours)
        monkeypatch.setenv("TMPDIR", str(named))  # as a shell of its own has it
        begin(tmp_path, 0).wait()
        assert ours in named.iterdir()
    monkeypatch.setenv("TMPDIR", str(named))
    assert list(named.iterdir()) == [] and not (tmp_path / "one").exists()


def test_where_the_work_folder_takes_no_files_the_systems_does(tmp_path, named, monkeypatch):
    monkeypatch.delenv("TMPDIR")
    monkeypatch.setattr(tempfile, "tempdir", str(named))
    (tmp_path / "file").write_text("")
    with temporary_files_in(tmp_path / "file" / "work"):
        assert Path(tempfile.gettempdir()).parent == named
    assert list(named.iterdir()) == []


def test_sockets_of_processes_have_a_folder_within_and_after(tmp_path):
    for name in ("short", "of a path as long as " + "x" * 100):
        with temporary_files_in(tmp_path / name):
            place = get_temp_dir()
            assert Path(place).is_dir() and len(place) < 90
        assert not Path(place).exists() and Path(get_temp_dir()).is_dir()


def test_a_folder_of_ones_own_is_of_that_name_alone(tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "own-of-a-dead").mkdir()
    with own_folder(tmp_path, "own-") as first, own_folder(tmp_path, "own-") as second:
        assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "other", first, second])
    assert list(tmp_path.iterdir()) == [tmp_path / "other"]


def test_what_a_page_has_labelled_goes_with_it(tmp_path, named, monkeypatch):
    clicked = []
    shown = SimpleNamespace(click=lambda answer, *_, **__: clicked.append(answer))
    gradio = SimpleNamespace(
        Markdown=lambda *_: None, File=lambda **_: None, Button=lambda *_, **__: shown, Error=ValueError
    )
    monkeypatch.setattr(page, "predict_file", lambda *given: given[-1].write_text("labelled"))
    page.file_tab(gradio, None, None, "stack")
    (answer,) = clicked
    files = [Path(answer(f"asked{i}.csv")) for i in range(2)]
    assert [file.read_text() for file in files] == ["labelled"] * 2 and files[0] != files[1]
    clicked.clear()
    del answer
    assert list(named.iterdir()) == []


NESTED = """
from pathlib import Path
import sys
from goods.core.scratch import own_folder
with own_folder(Path(sys.argv[1]), "own-") as outer, own_folder(outer, "own-") as inner:
    print(inner.is_dir() and outer.is_dir())
"""


def test_a_folder_of_a_run_may_hold_those_of_the_runs_that_it_starts(tmp_path):
    """A lock on the outer one would be waited for by its own holder, for ever."""
    command = [sys.executable, "-c", NESTED, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "True" and list(tmp_path.iterdir()) == []


def test_a_run_begins_while_another_ends_and_removes_their_folder(tmp_path, monkeypatch):
    made, make = [], tempfile.mkdtemp

    def removed_first(**asked) -> str:
        if not made:
            made.append((tmp_path / "work/tmp").rmdir())
        return make(**asked)

    monkeypatch.setattr(tempfile, "mkdtemp", removed_first)
    with folder_in(tmp_path / "work") as own:
        assert made and own.parent == tmp_path / "work/tmp" and own.is_dir()
    assert not (tmp_path / "work").exists()
