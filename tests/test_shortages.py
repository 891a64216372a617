"""Full disks, memory that ran out, killed workers: one line that says what to do, exit code 2."""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from catboost import CatBoostRegressor
from conftest import ROOT
from safetensors.torch import save_file
from worker_jobs import crashes, exits, hungry, killed, unpicklable

from goods import cli
from goods.cards.labels import Labels
from goods.config.loading import load_experiment
from goods.core.artifacts import copy_file
from goods.core.execution import Resources, run_jobs
from goods.core.shortages import shortage
from goods.models.base import Context
from goods.train.stage import train

CONFIGS = ROOT / "configs" / "kazanexpress2023"


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of one megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True).returncode == 0
    except FileNotFoundError:
        done = False
    if not done:
        pytest.skip("a small disk can be mounted by root alone")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def told(main, capsys, monkeypatch, *argv: object) -> str:
    """The one line on stderr that a script whose main this is ends with."""
    monkeypatch.setattr(sys, "argv", ["script", *map(str, argv)])
    with pytest.raises(SystemExit) as stopped:
        cli.run(main)
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    (line,) = [line for line in said.splitlines() if "error" in line]
    assert line.startswith("error: ")
    return line


LARGE = np.random.default_rng(0).random((1000, 300)).astype(np.float32)


def booster() -> CatBoostRegressor:
    model = CatBoostRegressor(iterations=1200, depth=6, verbose=0, allow_writing_files=False, thread_count=1)
    return model.fit(LARGE[:200, :5], LARGE[:200, 5])


def rows(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE t (x)")
        database.executemany("INSERT INTO t VALUES (?)", [("x" * 1000,)] * 3000)


def copied(path: Path) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parents[1]) as source:
        np.save(source, LARGE)
        copy_file(Path(source.name), path)


WRITERS = {
    "shutil": copied,
    "numpy": lambda path: np.savez(path, LARGE),
    "pyarrow": lambda path: pd.DataFrame(LARGE).add_prefix("c").to_parquet(path),
    "safetensors": lambda path: save_file({"x": torch.from_numpy(LARGE)}, path),
    "torch": lambda path: torch.save({"x": torch.from_numpy(LARGE)}, path),
    "catboost": lambda path: booster().save_model(str(path)),
    "sqlite": rows,
}


@pytest.mark.parametrize("library", WRITERS)
def test_a_full_disk_is_named_whichever_library_met_it(small_disk, capsys, monkeypatch, library):
    line = told(lambda: WRITERS[library](small_disk / "file.npz"), capsys, monkeypatch, "--work", small_disk)
    assert str(small_disk) in line and "no space left" in line and "goes on where it stopped" in line


def test_half_a_model_of_fasttext_is_noticed(ws, small_disk):
    config = load_experiment(CONFIGS / "fasttext.yaml", ["model.epochs=1", "model.buckets=9000"])
    model = config.model.build(Context(Labels.load(ws)))
    cards = pd.read_parquet(ws.cards)
    model.fit(cards[cards.target >= 0], None)
    with pytest.raises(OSError, match="No space left") as caught:
        model.save(small_disk)
    assert caught.value.errno == errno.ENOSPC and caught.value.filename == str(small_disk / "model.bin")


FILLING = """
import sys
from pathlib import Path
from types import SimpleNamespace
import numpy as np
from goods import cli
from goods.models.image import photo_pixels

photo_pixels.load_arrays = lambda store, refs, size, threads: np.ones((len(refs), size, size, 3), np.uint8)
store = SimpleNamespace(fingerprint=lambda ref: int(ref))
context = SimpleNamespace(cache=Path(sys.argv[2]), images=store, threads=1, progress=False)
cli.run(lambda: photo_pixels.pixels(context, [str(i) for i in range(500)], 32, store=True))
"""


def test_decoded_photos_that_a_disk_cannot_take_end_in_one_line(small_disk):
    done = subprocess.run(
        [sys.executable, "-c", FILLING, "--work", small_disk], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "no space left in" in done.stderr and str(small_disk) in done.stderr
    assert not list(small_disk.glob(".*")) and not list(small_disk.glob("*.np?"))


def test_a_fold_that_finds_the_disk_full_names_it_and_goes_on_later(
    ws, competition, small_disk, capsys, monkeypatch
):
    config = load_experiment(CONFIGS / "fasttext.yaml", ["model.epochs=1", "model.buckets=9000"])
    ws.run("fasttext").path.parent.mkdir()
    ws.run("fasttext").path.symlink_to(small_disk)
    line = told(lambda: train(ws, competition, config), capsys, monkeypatch, "--work", ws.root)
    assert "model.bin: no space left in" in line
    subprocess.run(["mount", "-o", "remount,size=50m", str(small_disk)], check=True)
    train(ws, competition, config)
    assert ws.run("fasttext").oof.is_file()


LIMITED = """
import os, resource, sqlite3, sys
from goods import cli

def main():
    what = getattr(resource, sys.argv[1])
    resource.setrlimit(what, (int(sys.argv[2]), resource.getrlimit(what)[1]))
    {doing}

cli.run(main)
"""
DOING = {
    "a file": (
        "RLIMIT_FSIZE",
        "9000",
        "open('large', 'w').write('x' * 10 ** 6)",
        "larger than 9,000 bytes here",
    ),
    "a study": (
        "RLIMIT_FSIZE",
        "9000",
        "sqlite3.connect('s.db').executescript(''.join(f'CREATE TABLE t{i} (x);' for i in range(99)))",
        "larger than 9,000 bytes here",
    ),
    "open files": (
        "RLIMIT_NOFILE",
        "20",
        "kept = [open('/dev/null') for _ in range(99)]",
        "a process may have 20;",
    ),
    "open files of SQLite": (
        "RLIMIT_NOFILE",
        "20",
        "kept = [sqlite3.connect(f'{i}.db').execute('CREATE TABLE t (x)') for i in range(99)]",
        "a process may have 20;",
    ),
    "threads": (
        "RLIMIT_CORE",
        "0",
        'raise RuntimeError("can\'t start new thread")',
        "no more processes or threads may be started",
    ),
    "threads within few addresses": (
        "RLIMIT_AS",
        str(2**40),
        'raise RuntimeError("can\'t start new thread")',
        "a process may take 1024 GB of addresses;",
    ),
    "memory within few addresses": (
        "RLIMIT_AS",
        str(2**28),
        "bytes(2**29)",
        "a process may take 256 MB of addresses;",
    ),
}


@pytest.mark.parametrize("what", DOING)
def test_a_limit_of_the_process_is_told_with_how_to_raise_it(tmp_path, what):
    limit, least, doing, said = DOING[what]
    path = tmp_path / "script.py"
    path.write_text(LIMITED.format(doing=doing))
    environment = {"PYTHONPATH": str(ROOT / "src")} | os.environ
    command = [sys.executable, str(path), limit, least]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ") and said in line and "ulimit -" in line


def test_compiled_code_that_crashes_in_the_run_itself_says_which_lines_called_it(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(
        "import os, signal, sys\nfrom goods import cli\n"
        "def fit_mine():\n    os.kill(os.getpid(), signal.SIGSEGV)\ncli.run(fit_mine)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, env=environment)
    assert done.returncode == -signal.SIGSEGV
    assert "Segmentation fault" in done.stderr and "in fit_mine" in done.stderr


@pytest.mark.parametrize(
    ("job", "said"),
    [
        (killed, "a worker process was ended (SIGKILL) in job 7, most often for want"),
        (hungry, "out of memory"),
    ],
)
def test_memory_that_runs_out_is_told_with_how_to_go_on(capsys, monkeypatch, job, said):
    monkeypatch.setattr("goods.core.execution.at_once", lambda *_: 2)
    line = told(lambda: run_jobs(job, [(), ()], Resources("cpu", 1), "two"), capsys, monkeypatch)
    assert (
        line.startswith(f"error: {said}") and "GB are free now" in line and "goes on where it stopped" in line
    )


@pytest.mark.parametrize(
    ("job", "said"),
    [
        (exits, "a worker process ended itself (exit code 3) in job 7; raise an error in place of os._exit"),
        (
            crashes,
            "a worker process crashed (SIGSEGV) in job 7, in compiled code; mend or update what it calls",
        ),
    ],
)
def test_a_worker_that_ends_without_a_word_is_told_with_what_it_was_at(capsys, monkeypatch, job, said):
    monkeypatch.setattr("goods.core.execution.at_once", lambda *_: 2)
    line = told(lambda: run_jobs(job, [(), ()], Resources("cpu", 1), "two"), capsys, monkeypatch)
    assert line.startswith(f"error: {said}") and "goes on where it stopped" in line


def test_code_that_ends_the_run_s_own_process_is_told_with_its_line(capfd, monkeypatch):
    """The exit code stays, and what a process that was forked from it does is not told."""
    here, really = os.getpid(), os._exit

    class Ended(BaseException): ...

    def end(code: int) -> None:
        if os.getpid() != here:
            really(code)
        raise Ended(code)

    def main() -> None:
        if os.fork() == 0:
            os._exit(0)
        os.wait()
        exits(Resources("cpu", 1))

    monkeypatch.setattr(os, "_exit", end)
    monkeypatch.setattr(sys, "argv", ["script"])
    with pytest.raises(Ended, match=r"^3$"):
        cli.run(main)
    (line,) = capfd.readouterr().err.splitlines()
    assert os._exit is end
    assert line.startswith("error: ") and "worker_jobs.py, line " in line
    assert line.endswith(": os._exit(3) ended the run; raise an error in place of it")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"),
        OSError(errno.ENOMEM, "x"),
    ],
)
def test_memory_that_runs_out_in_compiled_code_is_known(capsys, monkeypatch, error):
    def main() -> None:
        raise error

    assert "out of memory" in told(main, capsys, monkeypatch)


def test_a_database_that_cannot_be_opened_is_told_with_all_that_may_be_in_its_way(
    tmp_path, capsys, monkeypatch
):
    line = told(lambda: sqlite3.connect(tmp_path / "nowhere" / "study.db"), capsys, monkeypatch)
    assert line.startswith(
        "error: a database (SQLite) cannot be opened: make its folder, or mend the right to write"
    )
    assert "ulimit -n" in line and "goes on where it stopped" in line


def test_an_error_that_cannot_be_sent_from_a_worker_is_not_called_a_want_of_memory(monkeypatch):
    monkeypatch.setattr("goods.core.execution.at_once", lambda *_: 2)
    with pytest.raises(Exception, match="un-serialize") as caught:
        run_jobs(unpicklable, [(), ()], Resources("cpu", 1), "two")
    assert shortage(caught.value, []) is None


@pytest.mark.parametrize(
    ("script", "arguments", "option"),
    [
        ("train", [CONFIGS / "linear.yaml"], "--work"),
        ("tune", [CONFIGS / "linear.yaml"], "--work"),
        ("stack", [CONFIGS / "stack.yaml"], "--work"),
        ("pretrain", [CONFIGS / "clip.yaml"], "--work"),
        ("submit", ["kazanexpress2023", "linear"], "--out"),
        ("report", ["kazanexpress2023", "linear"], "--out"),
        ("probe", ["kazanexpress2023"], "--out"),
        ("match", ["cards.parquet"], "--out"),
        ("train", [CONFIGS / "linear.yaml"], "--out"),
        ("tune", [CONFIGS / "linear.yaml"], "--out"),
        ("stack", [CONFIGS / "stack.yaml"], "--out"),
        ("prepare", ["kazanexpress2023"], "--work"),
        ("make_folds", ["kazanexpress2023"], "--work"),
    ],
)
def test_a_folder_that_cannot_be_written_is_told_before_any_work(
    run_script, tmp_path, script, arguments, option
):
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "below"
    code, _, err = run_script(script, *arguments, option, folder)
    assert code == 2 and f"{folder}: cannot be written to" in err


@pytest.mark.parametrize(
    ("script", "arguments", "option"),
    [
        ("prepare", ["kazanexpress2023"], "--work"),
        ("status", ["kazanexpress2023"], "--work"),
        ("verify", ["kazanexpress2023"], "--work"),
        ("train", [CONFIGS / "linear.yaml"], "--work"),
        ("train", [CONFIGS / "linear.yaml"], "--out"),
        ("submit", ["kazanexpress2023", "linear"], "--out"),
        ("match", ["cards.parquet"], "--out"),
    ],
)
def test_a_file_in_place_of_a_folder_is_called_one(run_script, tmp_path, script, arguments, option):
    file = tmp_path / "file"
    file.write_text("kept")
    code, _, err = run_script(script, *arguments, option, file)
    (line,) = [line for line in err.splitlines() if "error" in line]
    told = f"error: {file}: cannot be written to or read from ({file} is a file, not a folder); name another"
    assert (code, line) == (2, f"{told} folder")
    assert file.read_text() == "kept"
