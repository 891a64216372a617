"""Raw files are known by the content of what is read of them: nothing else below the data folder trains again, and no
change of what is read goes unnoticed."""

from __future__ import annotations

import os
import pickle
import shutil
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.csv
import pytest
from conftest import competition_config, write_shop
from PIL import Image
from shop import TREE

from goods.cards.images import ImageStore
from goods.competitions import kazanexpress2023
from goods.competitions.inputs import Inputs, seen_again
from goods.core.done import done_key, is_done
from goods.core.errors import GoodsError
from goods.core.filehashes import FileHashes
from goods.core.hashing import file_hash
from goods.core.workspace import Workspace
from goods.prepare.prepared import data_folder, prepared_key
from goods.prepare.stage import prepare


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_shop(tmp_path / "shop", n_train=60, n_test=10, photos=True)


@pytest.fixture
def again(tmp_path, data, capsys):
    """Prepares the shop once more: whether it was done again, and whether later stages see a change."""
    ws = Workspace(tmp_path / "work", "kazanexpress2023")
    prepare(ws, competition_config(), data)
    keys = [prepared_key(ws)]

    def run(data: Path = data) -> tuple[bool, bool]:
        capsys.readouterr()
        prepare(ws, competition_config(), data)
        keys.append(prepared_key(ws))
        return "unchanged" not in capsys.readouterr().err, keys[-1] != keys[-2]

    run.ws = ws
    return run


NOTHING, ANEW = (False, False), (True, True)


def in_place(path: Path, content: bytes) -> None:
    """Other content of the same size and modification time."""
    stat = path.stat()
    assert len(content) == stat.st_size
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_a_file_that_is_not_read_prepares_nothing_again(data, again):
    for name in ("notes.txt", "train.parquet.md5", "sample_submission.csv", "images/train/readme.txt"):
        (data / name).write_text("nothing to read")
    Image.new("RGB", (32, 32), "red").save(data / "images/train/77.jpg")  # of no card
    assert again() == NOTHING


@pytest.mark.parametrize("name", ["categories_tree.csv", "train.parquet", "images/train/1000.jpg"])
def test_a_touched_file_prepares_nothing_again(data, again, name):
    os.utime(data / name, ns=(1, 1))
    assert again() == NOTHING


def test_a_work_folder_inside_the_data_folder_does_not_count(tmp_path, data, capsys):
    ws = Workspace(data / "work", "kazanexpress2023")
    prepare(ws, competition_config(), data)
    before = prepared_key(ws)
    (data / "work/kazanexpress2023/runs").mkdir()
    (data / "work/kazanexpress2023/runs/oof.npz").write_bytes(b"out of fold")
    capsys.readouterr()
    prepare(ws, competition_config(), data)
    assert "unchanged" in capsys.readouterr().err and prepared_key(ws) == before


def test_other_rows_of_the_same_size_and_time_are_noticed(data, again):
    path, other = data / "train.parquet", data.parent / "other.parquet"
    table = pd.read_parquet(path)
    table.to_parquet(path, index=False, compression="none")
    assert again() == (True, False)  # the same cards, written otherwise
    table.assign(sale=~table.sale).to_parquet(other, index=False, compression="none")
    in_place(path, other.read_bytes())
    assert again() == ANEW


def test_another_photo_of_the_same_size_and_time_is_noticed(data, again):
    path, noise = data / "images/train/1000.jpg", np.random.default_rng(1).integers(0, 255, (2, 32, 32, 3))
    for pixels in noise.astype(np.uint8):
        Image.fromarray(pixels).save(path, "BMP")
        assert again() == ANEW
    other = data.parent / "other.bmp"
    Image.fromarray(noise[0].astype(np.uint8)).save(other, "BMP")
    before = ImageStore(data).fingerprint("images/train/1000.jpg")
    in_place(path, other.read_bytes())
    assert again() == ANEW
    assert ImageStore(data).fingerprint("images/train/1000.jpg") != before  # caches of pixels go by it


def test_a_photo_changed_in_a_zip_is_noticed_and_the_zips_name_and_time_are_not(data, again):
    shutil.make_archive(str(data / "images"), "zip", data / "images")
    shutil.rmtree(data / "images")
    assert again() == ANEW
    os.utime(data / "images.zip", ns=(1, 1))
    assert again() == NOTHING
    with zipfile.ZipFile(data / "images.zip") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["train/1000.jpg"] = members["train/1001.jpg"]
    with zipfile.ZipFile(data / "images.zip", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    assert again() == ANEW


def test_a_moved_data_folder_prepares_nothing_again_and_its_photos_are_read_where_they_are(data, again):
    moved = data.parent / "elsewhere/shop"
    shutil.copytree(data, moved)
    shutil.rmtree(data)
    assert again(moved) == NOTHING
    assert data_folder(again.ws) == moved and is_done(again.ws.prepared, done_key(again.ws.prepared))


def test_what_a_reader_would_read_is_missed_and_found(data, again):
    (data / "images/train/1000.jpg").unlink()
    assert again() == ANEW
    Image.new("RGB", (32, 32), "red").save(data / "images/train/1000.png")
    assert again()[0]
    (data / "categories_tree.csv").unlink()
    assert again() == ANEW  # names in place of the tree's
    assert again() == NOTHING
    (data / "categories_tree.csv").write_text(TREE, encoding="utf-8")
    assert again() == ANEW


def test_a_part_added_to_a_table_is_found(data, again):
    table = pd.read_parquet(data / "train.parquet")
    (data / "train.parquet").unlink()
    (data / "train.parquet").mkdir()
    table.iloc[:50].to_parquet(data / "train.parquet/part-0.parquet")
    assert again() == ANEW
    (data / "train.parquet/_SUCCESS").touch()
    assert again() == NOTHING
    table.iloc[50:].to_parquet(data / "train.parquet/part-1.parquet")
    assert again() == ANEW


@pytest.mark.parametrize("damage", [b"", b"no archive", None])
def test_a_damaged_cache_of_hashes_is_none(data, again, damage, monkeypatch):
    monkeypatch.setattr("goods.core.filehashes.SETTLED_NS", -(10**12))
    kept = again.ws.cache / "hashes.npz"
    assert again() == NOTHING and kept.is_file()
    kept.write_bytes(kept.read_bytes()[:-40] if damage is None else damage)
    assert again() == NOTHING


def test_hashes_are_read_again_only_where_a_stamp_has_changed(data, tmp_path, monkeypatch):
    names = [f"images/train/{i}.jpg" for i in range(1000, 1010)]
    for name in names:
        os.utime(data / name, ns=(1, 1))
    monkeypatch.setattr("goods.core.filehashes.SETTLED_NS", -(10**12))
    kept = tmp_path / "cache/hashes.npz"
    first = FileHashes(data, kept)
    of_all = first.of(names)
    assert len(set(of_all)) > 1 and of_all == [file_hash(data / name) for name in names]
    first.save()
    read = []
    monkeypatch.setattr("goods.core.filehashes.read_hash", lambda path: read.append(path.name) or "0" * 32)
    assert FileHashes(data, kept).of(names) == of_all and not read
    (data / names[3]).write_bytes((data / names[4]).read_bytes())
    FileHashes(data, kept).of(names)
    assert read == ["1003.jpg"]


def test_a_file_written_a_moment_ago_is_not_taken_from_the_cache(data, tmp_path):
    hashes = FileHashes(data, tmp_path / "hashes.npz")
    hashes.of(["train.parquet"])
    hashes.save()
    assert not FileHashes(
        data, tmp_path / "hashes.npz"
    ).known  # the clock of files may not tell its next change


def test_a_file_that_changes_while_it_is_read_ends_the_run(data, tmp_path, monkeypatch):
    def read(folder: Path):
        raw = kazanexpress2023.read(folder)
        (data / "test.parquet").write_bytes(b"")
        return raw

    changing = replace(kazanexpress2023.COMPETITION, read=read)
    monkeypatch.setattr("goods.prepare.stage.competition_of", lambda config: changing)
    ws = Workspace(tmp_path / "work", "kazanexpress2023")
    with pytest.raises(GoodsError, match=r"test\.parquet: changed while it was read"):
        prepare(ws, competition_config(), data)
    assert done_key(ws.prepared) is None


WAYS = {
    "pandas": lambda folder: pd.read_csv(folder / "a.csv"),
    "arrow": lambda folder: pyarrow.csv.read_csv(folder / "a.csv"),
    "parquet": lambda folder: pd.read_parquet(folder / "a.parquet"),
    "open": lambda folder: (folder / "a.csv").open().read(),
    "text": lambda folder: Path(f"{folder}/a.csv").read_text(),
    "joined": lambda folder: Path(os.fspath(folder), "a.csv").read_text(),
    "string": lambda folder: Path(str(folder / "sub" / ".." / "a.csv")).read_text(),
    "stat": lambda folder: (folder / "a.csv").stat(),
    "listed": lambda folder: [path.read_bytes() for path in folder.iterdir() if path.is_file()],
    "found": lambda folder: [path.read_bytes() for path in sorted(folder.rglob("a.*"))],
    "sibling": lambda folder: (folder / "b.csv").with_name("a.csv").read_bytes(),
    "numpy": lambda folder: np.loadtxt(folder.resolve() / "a.csv", skiprows=1),
    "own": lambda folder: (Path(folder) / "a.csv").read_text(),
    "pickled": lambda folder: pickle.loads(pickle.dumps(folder / "a.csv")).read_text(),
}


@pytest.mark.parametrize("way", WAYS)
def test_whatever_a_reader_opens_is_in_the_key_however_it_does(tmp_path, way):
    data = tmp_path / "data"
    (data / "sub").mkdir(parents=True)
    name = "a.parquet" if way == "parquet" else "a.csv"

    def fill(numbers: list[int]) -> None:
        table = pd.DataFrame({"n": numbers})
        table.to_parquet(data / name) if way == "parquet" else table.to_csv(data / name, index=False)

    fill([1, 2])
    hashes = FileHashes(data, tmp_path / "hashes.npz")
    inputs = Inputs(data, hashes)
    WAYS[way](inputs.path)
    seen = inputs.seen()
    assert seen == seen_again(seen, data, FileHashes(data, tmp_path / "hashes.npz"))
    fill([1, 3])
    assert seen != seen_again(seen, data, FileHashes(data, tmp_path / "hashes.npz"))


def test_a_file_that_is_named_or_asked_for_alone_is_seen_only_to_be_there(tmp_path):
    for name in ("a.csv", "c.csv"):
        (tmp_path / name).write_text("n")
    inputs = Inputs(tmp_path, FileHashes(tmp_path, tmp_path / "hashes.npz"))
    assert (inputs.path / "a.csv").is_file() and not (inputs.path / "b.csv").exists()
    assert (inputs.path / "a.csv").name == "a.csv" and isinstance(inputs.path, Path)
    assert (inputs.path / "c.csv").read_text() == "n"
    asked = [["a.csv", "kind", "file"], ["b.csv", "kind", ""]]
    assert inputs.seen() == [*asked, ["c.csv", "content", file_hash(tmp_path / "c.csv")]]


@pytest.mark.slow
def test_ten_thousand_photos_are_known_again_without_being_read(tmp_path, monkeypatch):
    data = write_shop(tmp_path / "shop", n_train=10_000, n_test=100)
    test = pd.read_parquet(data / "test.parquet")
    test.assign(product_id=test.product_id + 1_000_000).to_parquet(data / "test.parquet")
    folder = data / "images/train"
    folder.mkdir(parents=True)
    monkeypatch.setattr("goods.cards.images.ImageStore.check", lambda self, ref: None)
    for i in range(1000, 11_000):
        (folder / f"{i}.jpg").write_bytes(b"%d" % i)
    ws, competition = Workspace(tmp_path / "work", "kazanexpress2023"), competition_config()
    time.sleep(3)  # files of a moment ago are read again
    prepare(ws, competition, data)
    read: list[str] = []
    monkeypatch.setattr(
        "goods.core.filehashes.read_hash", lambda path: read.append(Path(path).name) or "0" * 32
    )
    prepare(ws, competition, data)
    assert not read
    in_place(folder / "1000.jpg", b"0000")
    prepare(ws, competition, data)
    assert read == ["1000.jpg"]
