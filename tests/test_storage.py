"""What machines share a study in: the trials are those of a study in a file of one machine."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from filelock import FileLock
from studies import LINEAR, SMALL, stop_in_third_trial

from goods.config.loading import load_experiment
from goods.core.artifacts import read_json
from goods.core.errors import GoodsError
from goods.core.scratch import own_folder
from goods.core.workspace import Workspace
from goods.tune import abandoned, storage
from goods.tune.abandoned import queue_again
from goods.tune.stage import tune
from goods.tune.storage import open_storage, study_file
from goods.tune.study import open_study, suggest, work


def found(ws: Workspace) -> tuple[str, object]:
    folder = ws.tuning("linear")
    return (folder / "best.yaml").read_text(), read_json(folder / "report.json")


@pytest.fixture
def expected(ws, competition) -> tuple[str, object]:
    tune(ws, competition, load_experiment(LINEAR, SMALL))
    return found(ws)


def test_a_study_in_a_journal_is_that_in_a_database_and_goes_on_where_it_was_stopped(
    ws, competition, expected, monkeypatch
):
    config = load_experiment(LINEAR, SMALL)
    tune(ws, competition, config, force=True, storage="journal")
    assert found(ws) == expected
    folder = ws.tuning("linear")
    assert (folder / "study.journal").is_file() and not (folder / "study.db").exists()
    calls = stop_in_third_trial(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        tune(ws, competition, config, force=True, storage="journal")
    tune(ws, competition, config, storage="journal")
    assert found(ws)[0] == expected[0]
    assert len(calls) == 5  # 2 finished, 1 stopped, 2 more


@pytest.mark.parametrize("how", ["half a line", "text"])
def test_a_damaged_journal_is_made_again(ws, competition, expected, how, capsys):
    config = load_experiment(LINEAR, SMALL)
    tune(ws, competition, config, force=True, storage="journal")
    folder = ws.tuning("linear")
    (folder / "DONE").unlink()
    file = folder / "study.journal"
    file.write_bytes(file.read_bytes()[:-5] if how == "half a line" else b"no journal\n")
    tune(ws, competition, config, storage="journal")
    assert "study.journal: damaged, the study begins again" in capsys.readouterr().err
    assert found(ws) == expected


@pytest.mark.timeout(60)
def test_a_trial_in_a_journal_is_stale_once_nothing_beats_for_it(tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr(abandoned, "GRACE_SECONDS", 1.0)
    config = load_experiment(LINEAR, [*SMALL, "tune.trials=2"])
    study, watch = open_study(config, study_file(tmp_path / "study.journal"), "key")
    lost, alive = study.ask(), study.ask()
    with storage.beating(watch.storage, alive):
        stale: list[int] = []
        while not stale:
            stale = watch.stale()
        assert stale == [lost.number]
    lock = FileLock(tmp_path / "study.lock")
    queue_again(study, stale, lock)
    study.tell(alive, 1.0)
    work(study, lambda trial: suggest(trial, config.tune.space)["C"], config, lock, watch)
    assert [t.state.name for t in study.trials] == ["FAIL", "COMPLETE", "COMPLETE"]
    assert not list((tmp_path / ".study.alive").iterdir())


def away(kind, folder):
    """Nothing can be written of signs of life."""
    if kind == "journal":
        (folder / ".study.alive").rename(folder / "alive")
        (folder / ".study.alive").touch()
    else:
        rename(folder, "trial_heartbeats", "away")


def back(kind, folder):
    if kind == "journal":
        (folder / ".study.alive").unlink()
    else:
        rename(folder, "away", "trial_heartbeats")


def rename(folder, table, name):
    with closing(sqlite3.connect(folder / "study.db")) as database, database:
        database.execute(f"DELETE FROM {table}")
        database.execute(f"ALTER TABLE {table} RENAME TO {name}")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ["db", "journal"])
def test_a_sign_of_life_that_cannot_be_written_is_followed_by_the_next(tmp_path, monkeypatch, capfd, kind):
    monkeypatch.setattr(storage, "HEARTBEAT_SECONDS", 0.1)
    config = load_experiment(LINEAR, [*SMALL, "tune.trials=1"])
    study, watch = open_study(config, study_file(tmp_path / f"study.{kind}"), "key")

    def wait():
        while watch.storage.signs(study)[0][1] is None:
            time.sleep(0.05)

    def objective(trial):
        wait()
        away(kind, tmp_path)
        time.sleep(0.5)
        back(kind, tmp_path)
        wait()
        return 1.0

    work(study, objective, config, FileLock(tmp_path / "study.lock"), watch)
    assert [t.state.name for t in study.trials] == ["COMPLETE"]
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "--storage nonsense: .+; expected journal or an address such as postgresql://"),
        ("sqlite://", "--storage sqlite://: names no file, .+; expected journal or an address"),
        ("sqlite:///file::memory:?uri=true", "names no file, .+; expected journal or an address"),
        ("sqlite:///file:x?mode=memory&uri=true", "names no file, .+; expected journal or an address"),
        ("sqlite:///file:x.db?mode=ro&uri=true", "may only be read, .+; expected journal or an address"),
        ("sqlite:///file:x.db?immutable=1&uri=true", "may only be read, .+; expected journal or an address"),
        ("sqlite:///file:no/x.db?uri=true", "no folder no; make it or name another"),
        ("sqlite:///x.db?timeout=soon", "could not convert string to float: 'soon'; expected journal"),
        ("mysql://host:port/name", "invalid literal .+; expected journal or an address"),
        ("nosuch://host/name", "--storage nosuch://host/name: .+; expected journal or an address"),
        ("postgresql://user:secret@127.0.0.1:1/name", r"postgresql://user:\*\*\*@127.+: cannot be used \("),
    ],
)
def test_an_address_that_is_none_or_does_not_answer_is_told(url, message):
    if url.startswith("postgresql"):
        pytest.importorskip("psycopg")
    with pytest.raises(GoodsError, match=message) as caught:
        open_storage(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("named", ["", "{}/"])
def test_a_file_may_be_named_as_sqlite_has_it(tmp_path, monkeypatch, named):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a study").mkdir()
    open_storage(f"sqlite:///file:{named.format(tmp_path)}a study/x.db?uri=true&cache=private").close()
    assert [path.name for path in (tmp_path / "a study").iterdir()] == ["x.db"]


def test_a_driver_that_is_missing_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(
        GoodsError, match=r"postgresql: its driver is not installed; .+ 'goods\[postgresql\]'"
    ):
        open_storage("postgresql://user@127.0.0.1/name")


@pytest.fixture
def postgresql() -> Iterator[str]:
    """The address of an empty database of a server of the test's own."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'goods[postgresql]'")
    places = [str(p) for p in Path("/usr/lib/postgresql").glob("*/bin")]
    path = os.pathsep.join([os.environ["PATH"], *places])
    initdb, server = shutil.which("initdb", path=path), shutil.which("postgres", path=path)
    if initdb is None or server is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    user = None
    if os.getuid() == 0:  # it does not run as root
        try:
            user = pwd.getpwnam("postgres").pw_name
        except KeyError:
            pytest.skip("there is no user postgres for a server to run as")
    with own_folder(Path("/tmp"), "goods-pg-") as folder:
        if user is not None:
            shutil.chown(folder, user)
        yield from running(initdb, server, folder, user)


def running(initdb: str, server: str, folder: Path, user: str | None) -> Iterator[str]:
    """The address of an empty database whose server has its files in `folder`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = folder / "data"
    subprocess.run(
        [initdb, "-D", data, "-U", "goods", "-A", "trust", "--no-sync"],
        check=True,
        user=user,
        cwd=folder,
        stdout=subprocess.DEVNULL,
    )
    log = (folder / "log").open("w")
    asked = [server, "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder, "-c", "fsync=off"]
    process = subprocess.Popen(asked, user=user, cwd=folder, stdout=log, stderr=log)
    try:
        while "ready to accept" not in (folder / "log").read_text():
            assert process.poll() is None, (folder / "log").read_text()
        yield f"postgresql://goods@127.0.0.1:{port}/postgres"
    finally:
        process.send_signal(signal.SIGINT)  # it does not wait for connections that are kept
        process.wait()
        log.close()


@pytest.mark.slow
def test_a_study_in_postgresql_is_that_in_a_file_and_goes_on_where_it_was_stopped(
    ws, competition, expected, postgresql, monkeypatch
):
    config = load_experiment(LINEAR, SMALL)
    monkeypatch.setattr(abandoned, "GRACE_SECONDS", 1.0)
    calls = stop_in_third_trial(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        tune(ws, competition, config, force=True, storage=postgresql)
    tune(ws, competition, config, storage=postgresql)
    assert found(ws)[0] == expected[0]
    assert len(calls) == 5
    assert not (ws.tuning("linear") / "study.db").exists()


def test_a_study_in_a_folder_that_is_not_there_is_no_want_of_open_files(tmp_path):
    with pytest.raises(
        GoodsError, match=r"--storage .*: there is no folder .*nowhere; make it or name another"
    ):
        open_storage(f"sqlite:///{tmp_path}/nowhere/study.db")
