"""Runs that meet on one work folder: one waits or says who is at it, and nothing is trained twice."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from multiprocessing import get_context
from multiprocessing.synchronize import Event

import pytest
from conftest import ROOT, competition_config, small_configs, write_shop
from filelock import ReadWriteLock

from goods.core.artifacts import atomic, write_json
from goods.core.errors import GoodsError
from goods.core.locks import one_at_a_time, sole_writer, working, writing
from goods.core.workspace import Workspace
from goods.pipeline import run_all
from goods.prepare.folds import make_folds
from goods.presets import Options

FORK = get_context("fork")  # a Python of its own takes a second to import what holds locks


def hold(ws: Workspace, alone: bool, seconds: float, held: Event) -> None:
    with working(ws, alone):
        held.set()
        time.sleep(seconds)


@pytest.fixture
def shop_ws(tmp_path):
    return Workspace(tmp_path, "shop")


def holder(ws, alone=True, seconds=60.0):
    """A process that holds the workspace for so long."""
    held = FORK.Event()
    process = FORK.Process(target=hold, args=(ws, alone, seconds, held), daemon=True)
    process.start()
    assert held.wait(60)
    return process


def test_a_run_that_is_alone_keeps_others_out_and_says_who_it_is(tmp_path, shop_ws):
    process = holder(shop_ws)
    try:
        for alone in (True, False):
            message = rf"in use by process {process.pid} \(.+since 20.+--wait"
            with pytest.raises(GoodsError, match=message), working(shop_ws, alone):
                pass
    finally:
        process.kill()
        process.join()


def test_whole_runs_with_one_folder_of_submissions_do_not_mix_their_pages(tmp_path):
    """Another work folder is no other place for result.parquet and report.html, which belong together."""
    shop, out = write_shop(tmp_path / "shop", n_train=60, n_test=8), tmp_path / "out"
    configs = small_configs(tmp_path / "configs", "kazanexpress2023", ["linear"])
    options = Options(configs, tmp_path / "other", out, shop, preset="light")
    message = r"kazanexpress2023 is in use by process .+ wait for it with --wait, or give another --out"
    with writing(out / "kazanexpress2023"), pytest.raises(GoodsError, match=message):
        run_all("kazanexpress2023", options)
    assert not (tmp_path / "other" / "kazanexpress2023" / "prepared").exists()
    with writing(out / "kazanexpress2023"):  # the one that was refused holds nothing
        pass


def test_what_killed_runs_left_half_written_is_gone_once_a_run_is_alone(shop_ws):
    folder = shop_ws.run("linear").fold(0)
    killed = [atomic(folder / name) for name in ("DONE", "oof.npz", "training-1.ckpt", "a.b.json")]
    for writer in killed:
        writer.__enter__()
    for name in (".fold_0.lock", ".gitignore", "oof.npz"):
        (folder / name).touch()
    with working(shop_ws, alone=False):
        (shop_ws.path / "locks/holder-elsewhere-1.json").touch()
        assert len(list(folder.iterdir())) == 7  # others may be writing
    with working(shop_ws, alone=True):
        assert {path.name for path in folder.iterdir()} == {".fold_0.lock", ".gitignore", "oof.npz"}
        assert len(list(shop_ws.path.glob("locks/holder-*.json"))) == 1


def test_what_another_run_writes_stays_where_a_library_has_put_a_file_of_its_own_in_place(shop_ws):
    holder = shop_ws.path / "locks" / "holder-elsewhere-7.json"
    write_json(holder, {"host": "elsewhere", "pid": 7, "born": 0.0, "command": "train.py", "since": "now"})
    with atomic(shop_ws.run("transformer").fold(0) / "last.ckpt") as temporary:
        temporary.unlink()
        temporary.touch()
        with working(shop_ws, alone=False):
            assert temporary.exists()


def test_what_nobody_holds_any_more_is_gone_where_a_single_stage_begins_too(shop_ws):
    folder = shop_ws.run("linear").path
    writer = atomic(folder / "oof.npz")
    held = writer.__enter__()
    for name in (".oof.npz.a1b2c3d4.npz", ".DONE.a1b2c3d4", "oof.npz"):
        (folder / name).touch()
    with working(shop_ws, alone=False):
        assert {path.name for path in folder.iterdir()} == {held.name, "oof.npz"}


def test_one_file_is_written_by_one_run_at_a_time_and_nothing_stays_beside_it(tmp_path):
    out = tmp_path / "a[b]" / "labelled.parquet"
    with sole_writer(out):
        with pytest.raises(GoodsError, match=r"^--out .+labelled\.parquet: another run is writing it; wait"):
            sole_writer(out).__enter__()
        with sole_writer(out.with_suffix(".csv")):
            pass
    with sole_writer(out):
        pass
    assert list(out.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (sqlite3.SQLITE_READONLY, r"work\.db: cannot be locked \(no\); mend the right to .+ another --work$"),
        (sqlite3.SQLITE_FULL, "^no$"),  # as of any other file
    ],
)
def test_a_lock_that_cannot_be_written_is_not_called_damaged(shop_ws, monkeypatch, code, told):
    def refused(*_, **__):
        error = sqlite3.OperationalError("no")
        error.sqlite_errorcode = code
        raise error

    monkeypatch.setattr(ReadWriteLock, "acquire_read", refused)
    with pytest.raises((GoodsError, sqlite3.OperationalError), match=told), working(shop_ws, alone=False):
        pass


def test_a_lock_file_that_is_none_is_told(tmp_path, shop_ws):
    (shop_ws.path / "locks").mkdir(parents=True)
    (shop_ws.path / "locks/work.db").write_text("garbage\n" * 100)
    with pytest.raises(GoodsError, match=r"work\.db: damaged .+; remove it"), working(shop_ws, alone=True):
        pass


def test_a_killed_run_holds_nothing(tmp_path, shop_ws):
    process = holder(shop_ws)
    process.kill()
    process.join()
    with working(shop_ws, alone=True):
        pass


def test_those_that_train_side_by_side_keep_out_only_one_that_changes_all(tmp_path, shop_ws):
    process = holder(shop_ws, alone=False)
    try:
        with working(shop_ws, alone=False):
            pass
        with (
            pytest.raises(GoodsError, match=f"in use by process {process.pid}"),
            working(shop_ws, alone=True),
        ):
            pass
    finally:
        process.kill()
        process.join()


def test_probe_which_fills_caches_keeps_off_a_run_that_is_alone(tmp_path, run_script, monkeypatch):
    monkeypatch.setattr("goods.report.probing.probe", lambda *_: "probed")
    asked = ("probe", "kazanexpress2023", "navec", "--work", tmp_path, "--out", tmp_path / "out")
    with working(Workspace(tmp_path, "kazanexpress2023"), alone=True):
        code, _, err = run_script(*asked)
    assert code == 2 and "in use by" in err
    assert run_script(*asked)[:2] == (0, "probed\n")


def test_one_waits_where_it_is_told_to(tmp_path, shop_ws, capsys):
    process = holder(shop_ws, seconds=1.0)
    started = time.monotonic()
    with working(shop_ws, alone=True, wait=True):
        assert not process.is_alive() or time.monotonic() - started > 0.5
    process.join()
    assert f"waiting for process {process.pid}" in capsys.readouterr().err


def test_a_target_is_held_with_its_competition(tmp_path, shop_ws):
    process = holder(shop_ws)
    try:
        with (
            pytest.raises(GoodsError, match="in use by"),
            working(Workspace(tmp_path, "shop/sex"), alone=True),
        ):
            pass
    finally:
        process.kill()
        process.join()


def test_jobs_of_one_folder_come_one_after_the_other(tmp_path):
    order = []

    def job(name):
        with one_at_a_time(tmp_path / "fold_0"):
            order.append(name)
            time.sleep(0.2)
            order.append(name)

    threads = [threading.Thread(target=job, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert order in (list("aabb"), list("bbaa"))


TWICE = """
import os, runpy, sys
import goods.budget.disk, goods.models.text.linear_model, goods.submit.entries, goods.train.repeats  # once for both
import goods.train.fold_job as job
from goods.core import execution

execution.cores = lambda: 1
log, script, write = sys.argv[1], sys.argv[2], job.write_fold

def logged(ws, config, k, *rest):
    with open(log, "a") as file:
        file.write(f"{k}\\n")
    write(ws, config, k, *rest)

job.write_fold = logged
sys.argv = sys.argv[2:]
sys.path.append(os.path.dirname(script))
for _ in range(2):
    if not os.fork():
        break
else:
    sys.exit(max(os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(2)))
runpy.run_path(script, run_name="__main__")
"""


def test_two_equal_runs_at_once_train_each_fold_once(ws, tmp_path):
    make_folds(ws, competition_config(n_folds=5))
    train = (ROOT / "scripts" / "train.py", ROOT / "configs" / "kazanexpress2023" / "linear.yaml")
    command = [sys.executable, "-c", TWICE, tmp_path / "log", *train, "--work", ws.root]
    runs = subprocess.run(command, capture_output=True, text=True)
    assert runs.returncode == 0, runs.stderr
    assert sorted((tmp_path / "log").read_text().split()) == list("01234")
