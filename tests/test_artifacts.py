"""Files that were emptied, cut or changed on disk are named, with what is wrong and what to do."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from goods.core.artifacts import (
    MANY,
    atomic,
    cached_npz,
    let_read,
    on_disk,
    read_json,
    read_npz,
    write_json,
    write_npz,
)
from goods.core.errors import GoodsError
from goods.core.predictions import Predictions
from goods.core.scratch import own_folder

SAID = Predictions(np.arange(50), np.zeros((50, 4), np.int32), np.ones((50, 4), np.float32))


def test_what_was_written_is_read(tmp_path):
    write_json(tmp_path / "a.json", {"имя": [1, None]})
    assert read_json(tmp_path / "a.json") == {"имя": [1, None]}
    write_npz(tmp_path / "a.npz", one=np.arange(3), two=np.ones((2, 2)))
    found = read_npz(tmp_path / "a.npz", "two")
    assert sorted(found) == ["one", "two"]
    np.testing.assert_array_equal(found["one"], np.arange(3))


def test_a_path_that_leads_up_from_where_a_link_leads_is_written_to(tmp_path):
    (tmp_path / "far" / "inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "inner")
    write_json(tmp_path / "link" / ".." / "new" / "a.json", [1])
    assert read_json(tmp_path / "far" / "new" / "a.json") == [1]
    with own_folder(tmp_path / "link" / "..", "run-") as own:
        assert own.parent == tmp_path / "far"


def test_missing_files_name_the_stage_to_run(tmp_path):
    with pytest.raises(GoodsError, match=r"a\.json: missing; run the stage"):
        read_json(tmp_path / "a.json")
    with pytest.raises(GoodsError, match=r"a\.npz: missing; run the stage"):
        read_npz(tmp_path / "a.npz")
    with pytest.raises(GoodsError, match=r"a\.npz: missing; train that experiment first"):
        Predictions.load(tmp_path / "a.npz")


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe", b'{"a": [1, 2'])
def test_damaged_json_is_one_message(tmp_path, damage):
    path = tmp_path / "report.json"
    path.write_bytes(damage)
    with pytest.raises(GoodsError, match=r"report\.json: damaged \(.+\); run the stage"):
        read_json(path)


@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.99])
def test_cut_predictions_are_one_message(tmp_path, kept):
    path = tmp_path / "oof.npz"
    SAID.save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(GoodsError, match=r"oof\.npz: damaged \(.+\); run the stage"):
        Predictions.load(path)


def test_a_flipped_bit_is_found_or_changes_nothing(tmp_path):
    path = tmp_path / "oof.npz"
    SAID.save(path)
    whole = path.read_bytes()
    rng, found = np.random.default_rng(0), 0
    ends = range(len(whole) - 300, len(whole))  # the archive's directory, where lengths and names are
    for at in [*ends, *rng.integers(0, len(whole), 300).tolist()]:
        flipped = bytearray(whole)
        flipped[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(flipped)
        try:
            assert Predictions.load(path).hash == SAID.hash
        except GoodsError as error:
            assert "oof.npz: damaged" in str(error)
            found += 1
    assert found > 200


def test_a_file_of_something_else_is_no_predictions(tmp_path):
    write_npz(tmp_path / "rows.npz", keys=np.arange(3))
    with pytest.raises(GoodsError, match="product_id"):
        Predictions.load(tmp_path / "rows.npz")
    np.save(tmp_path / "array.npy", np.arange(3))
    with pytest.raises(GoodsError, match="not an archive"):
        read_npz(tmp_path / "array.npy")


@pytest.mark.parametrize(
    ("spoiled", "message"),
    [
        ({"proba": np.full((3, 2), np.nan, np.float32)}, "probabilities that are no numbers"),
        ({"proba": np.full((3, 2), "0.5")}, "probabilities that are no numbers"),
        ({"proba": np.ones((2, 2), np.float32)}, "classes and probabilities of other shapes"),
        ({"classes": np.full((3, 2), -1, np.int32)}, "classes that are none"),
        ({"classes": np.ones((3, 2), np.float32)}, "classes that are none"),
        ({"product_id": np.arange(2)}, "ids and classes of other numbers of rows"),
        ({"product_id": np.array(7)}, "ids and classes of other numbers of rows"),
    ],
)
def test_arrays_that_are_no_predictions_are_refused(tmp_path, spoiled, message):
    whole = {"product_id": np.arange(3), "classes": np.zeros((3, 2), np.int32)}
    np.savez(tmp_path / "oof.npz", **whole | {"proba": np.full((3, 2), 0.5, np.float32)} | spoiled)
    with pytest.raises(GoodsError, match=rf"oof.npz: damaged \({message}\); train that experiment again"):
        Predictions.load(tmp_path / "oof.npz")


def test_a_damaged_cache_is_told_of_and_a_missing_one_is_not(tmp_path, capsys):
    path = tmp_path / "rows.npz"
    assert cached_npz(path, "keys") is None
    assert capsys.readouterr().err == ""
    path.write_bytes(b"PK")
    assert cached_npz(path, "keys") is None
    assert capsys.readouterr().err == f"{path}: damaged, what it held is made again\n"


@pytest.mark.parametrize("read", [read_json, read_npz])
def test_what_may_not_be_read_is_not_called_damaged(tmp_path, monkeypatch, read):
    def refused(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", "report")

    monkeypatch.setattr(Path, "read_text", refused)
    monkeypatch.setattr(np, "load", refused)
    with pytest.raises(
        GoodsError, match=r"report: cannot be read \(Permission denied\); mend the right to it$"
    ):
        read(tmp_path / "report")


def test_nothing_pickled_is_loaded(tmp_path):
    np.savez(tmp_path / "objects.npz", a=np.array([{"code": 1}], dtype=object))
    with pytest.raises(GoodsError, match=r"objects\.npz: damaged"):
        read_npz(tmp_path / "objects.npz")


# a process for each umask, which is read as the module is imported, but one for what takes longest to import
UNDER = """
import os, sys
from pathlib import Path
import pandas
folder, *umasks = sys.argv[1:]
for umask in umasks:
    if not os.fork():
        os.umask(int(umask))
        from goods.core.artifacts import write_text
        write_text(Path(folder, umask), "a")
        break
    assert os.wait()[1] == 0
"""


def test_files_may_be_read_by_whom_the_umask_lets(tmp_path):
    modes = {0o077: 0o600, 0o022: 0o644, 0o002: 0o664, 0o777: 0o600}
    run = [sys.executable, "-c", UNDER, tmp_path, *map(str, modes)]
    subprocess.run(run, check=True, env={"PYTHONPATH": str(ROOT / "src")}, timeout=60)
    assert {umask: (tmp_path / str(umask)).stat().st_mode & 0o777 for umask in modes} == modes


def test_the_file_of_another_user_stays_as_that_user_wants_it(tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    path.touch(0o600)

    def refused(*_):
        raise PermissionError(1, "Operation not permitted", str(path))

    monkeypatch.setattr(Path, "chmod", refused)
    let_read(path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_a_killed_writer_left_goes_with_the_next_write_of_the_file_and_what_is_being_written_stays(
    tmp_path,
):
    path, dead, alive = (
        tmp_path / name for name in ("a.json", ".a.json.x1y2z3a4.json", ".a.json.b1y2z3a4.json")
    )
    others = [
        tmp_path / name for name in (".b.json.x1y2z3a4.json", ".a.json.x1y2z3a4.txt", "a.json.x1y2z3a4.json")
    ]
    for file in (dead, alive, *others):
        file.write_text("{")
    with alive.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        write_json(path, [1])
    assert set(tmp_path.iterdir()) == {path, alive, *others}
    assert read_json(path) == [1]


def test_writers_of_one_file_do_not_take_each_other_for_killed_ones(tmp_path):
    path = tmp_path / "a.json"
    with atomic(path) as first:
        first.write_text("1")
        with atomic(path) as second:
            second.write_text("2")
            assert first.exists()
        assert read_json(path) == 2
    assert read_json(path) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_and_its_name_are_forced_to_the_disk_and_of_many_all_at_once(tmp_path, monkeypatch):
    forced: list[Path] = []
    monkeypatch.setattr("os.fsync", lambda handle: forced.append(Path(f"/proc/self/fd/{handle}").resolve()))
    monkeypatch.setattr("os.sync", lambda: forced.append(Path("/")))
    paths = [tmp_path / f"{number}.txt" for number in range(MANY + 1)]
    for path in paths:
        path.touch()
    on_disk(paths[:2])
    assert forced == [*paths[:2], tmp_path]
    on_disk(paths)
    assert forced[3:] == [Path("/")]


def test_a_write_that_a_full_disk_ends_names_the_file(tmp_path):
    path = tmp_path / "a.json"
    with pytest.raises(OSError, match="No space left") as caught, atomic(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert caught.value.filename == str(path)
    assert not list(tmp_path.iterdir())


def test_what_ends_a_write_without_a_name_is_not_said_to_be_of_the_written_file(tmp_path):
    """A file that is read meanwhile may have met it."""
    path = tmp_path / "a.json"
    with pytest.raises(OSError, match="Input/output error while it was written: ") as caught, atomic(path):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    assert (caught.value.errno, caught.value.filename) == (errno.EIO, str(path))
    with pytest.raises(IsADirectoryError) as caught, atomic(path):
        tmp_path.read_bytes()
    assert caught.value.filename == str(tmp_path)
