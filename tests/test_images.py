"""Finding and reading photos, the broken and the hostile ones included."""

from __future__ import annotations

import pickle
import stat
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from goods.cards import decoding, images, photos
from goods.cards.decoding import ImageProblem
from goods.cards.images import ImageStore
from goods.cards.photo_files import Found, find_photos
from goods.cards.photos import audit, load_arrays
from goods.cards.table import Issues
from goods.core.errors import GoodsError


def photo(width: int = 24, height: int = 16, form: str = "JPEG") -> bytes:
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    return buffer.getvalue()


def write(folder: Path, files: dict[str, bytes]) -> ImageStore:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return ImageStore(folder)


def find(store: ImageStore, split: str) -> dict[int, str]:
    return find_photos(store.data_dir, {split: range(10)}).refs


def write_zip(path: Path, members: dict[str | zipfile.ZipInfo, bytes]) -> ImageStore:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return ImageStore(path.parent.parent if path.parent.name == "images" else path.parent)


def test_a_folder_is_found_by_split_and_suffix(tmp_path):
    store = write(
        tmp_path,
        {
            "images/train/1.jpg": photo(),
            "images/train/2.PNG": photo(form="PNG"),
            "images/train/3.webp": photo(form="WEBP"),
            "images/train/note.txt": b"",
            "images/train/cover.jpg": photo(),
            "images/test/4.jpeg": photo(),
        },
    )
    found = {1: "images/train/1.jpg", 2: "images/train/2.PNG", 3: "images/train/3.webp"}
    assert find(store, "train") == found
    assert find(store, "test") == {4: "images/test/4.jpeg"}
    assert find(ImageStore(tmp_path / "nothing"), "train") == {}


@pytest.mark.parametrize("name", ["images.zip", "images/train.zip"])
def test_a_zip_is_found_under_any_folder_and_read_in_another_process(tmp_path, name):
    (tmp_path / "images").mkdir()
    store = write_zip(tmp_path / name, {"shop/train/1.jpg": photo(), "shop/test/2.jpg": photo()})
    found = find(store, "train")
    assert found == {1: f"{name}::shop/train/1.jpg"}
    copy = pickle.loads(pickle.dumps(store))  # as joblib and Ray send it
    assert copy.open(found[1]).size == (24, 16)


def test_a_zip_without_split_folders_serves_both(tmp_path):
    store = write_zip(tmp_path / "images.zip", {"all/5.jpg": photo()})
    assert find(store, "train") == find(store, "test") == {5: "images.zip::all/5.jpg"}


def test_zip_members_that_climb_out_or_are_links_are_left_out_and_refused(tmp_path):
    link = zipfile.ZipInfo("train/3.jpg")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    members = {
        "../train/1.jpg": photo(),
        "/train/2.jpg": photo(),
        link: b"/etc/passwd",
        "train/4.jpg": photo(),
    }
    store = write_zip(tmp_path / "images.zip", members)
    assert find(store, "train") == {4: "images.zip::train/4.jpg"}
    for name in ("../train/1.jpg", "train/3.jpg"):
        with pytest.raises(ImageProblem, match="unsafe"):
            store.open(f"images.zip::{name}")


def test_links_are_followed_out_of_the_data_folder_and_references_do_not_climb(tmp_path):
    outside = write(tmp_path / "outside", {"images/train/1.jpg": photo(), "images/test/3.jpg": photo(9, 9)})
    store = write(tmp_path / "data", {"images/train/2.jpg": photo()})
    (tmp_path / "data/images/train/1.jpg").symlink_to(outside.data_dir / "images/train/1.jpg")
    (tmp_path / "data/images/test").symlink_to(outside.data_dir / "images/test")
    assert list(find(store, "train")) == [1, 2] and find(store, "test") == {3: "images/test/3.jpg"}
    assert store.open("images/train/1.jpg").size == (24, 16) and store.open("images/test/3.jpg").size == (
        9,
        9,
    )
    absolute = str(tmp_path / "outside/images/train/1.jpg")
    for ref in ("../outside/images/train/1.jpg", "images/../../outside/images/train/1.jpg", absolute):
        with pytest.raises(ImageProblem, match="unsafe"):
            store.open(ref)


def test_references_to_zips_do_not_climb(tmp_path):
    write_zip(tmp_path / "outside.zip", {"train/1.jpg": photo()})
    store = write(tmp_path / "data", {"images/train/2.jpg": photo()})
    for ref in ("../outside.zip::train/1.jpg", f"{tmp_path}/outside.zip::train/1.jpg"):
        with pytest.raises(ImageProblem, match="unsafe"):
            store.open(ref)


def test_a_changed_target_of_a_link_changes_the_fingerprint(tmp_path):
    outside = write(tmp_path / "outside", {"1.jpg": photo()})
    store = write(tmp_path / "data", {"images/train/2.jpg": photo()})
    (tmp_path / "data/images/train/1.jpg").symlink_to(outside.data_dir / "1.jpg")
    before = store.fingerprint("images/train/1.jpg")
    write(outside.data_dir, {"1.jpg": photo(30, 30)})
    assert store.fingerprint("images/train/1.jpg") != before


def test_a_broken_zip_is_one_message(tmp_path):
    store = write(tmp_path, {"images.zip": b"PK\x03\x04 not a zip"})
    with pytest.raises(GoodsError, match=r"images\.zip: not a readable zip"):
        find(store, "train")


def test_the_audit_names_every_kind_of_problem(tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, "MAX_PIXELS", 10_000)
    blank = BytesIO()
    Image.new("RGB", (20, 20), "white").save(blank, "PNG")
    whole = photo(64, 64)
    files = {
        "1.jpg": whole,
        "2.jpg": whole[: len(whole) // 2],
        "3.jpg": b"<html>404</html>",
        "4.png": photo(1, 1, "PNG"),
        "5.png": blank.getvalue(),
        "6.png": photo(200, 200, "PNG"),
        "7.jpg": b"",
    }
    store = write(tmp_path, {f"images/train/{name}": data for name, data in files.items()})
    refs = find(store, "train") | {8: "images/train/8.jpg"}
    good, problems = audit(store, refs, workers=2)
    assert good == {1: "images/train/1.jpg"}
    assert dict(problems) == {
        2: "truncated",
        3: "not an image",
        4: "too small (1×1)",
        5: "blank",
        6: "too many pixels",
        7: "not an image",
        8: "missing",
    }


def test_an_audit_decodes_a_large_photo_small(tmp_path, monkeypatch):
    spot = Image.new("RGB", (1600, 1200), "white")
    spot.putpixel((800, 600), (250, 255, 255))  # too little to be seen in an eighth of the size
    spotted = BytesIO()
    spot.save(spotted, "JPEG", quality=100, subsampling=0)
    whole = photo(1600, 1200)
    files = {"1.jpg": whole, "2.jpg": spotted.getvalue(), "3.jpg": whole[: len(whole) * 9 // 10]}
    store, sizes = write(tmp_path, {f"images/train/{n}": d for n, d in files.items()}), []
    real = images.decode

    def decode(data, size=None):
        image = real(data, size)
        sizes.append(image.size)
        return image

    monkeypatch.setattr(images, "decode", decode)
    good, problems = audit(store, find(store, "train"))
    assert list(good) == [1, 2] and problems == [(3, "truncated")]
    assert sizes == [(200, 150), (200, 150), (1600, 1200)]


def test_damaged_zip_members_are_a_problem_of_that_image_alone(tmp_path):
    store = write_zip(tmp_path / "images.zip", {"train/1.jpg": photo(), "train/2.jpg": photo()})
    data = bytearray((tmp_path / "images.zip").read_bytes())
    data[100] ^= 0xFF  # inside the first member: its CRC no longer fits
    (tmp_path / "images.zip").write_bytes(bytes(data))
    good, problems = audit(store, find(store, "train"))
    assert list(good) == [2] and problems[0][0] == 1


def test_arrays_are_square_upright_and_on_white(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    turned, clear = BytesIO(), BytesIO()
    picture = Image.new("RGB", (40, 20), "black")
    picture.paste("white", (0, 0, 20, 20))
    picture.save(turned, "JPEG", exif=exif, quality=95)
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(clear, "PNG")
    store = write(tmp_path, {"images/train/1.jpg": turned.getvalue(), "images/train/2.png": clear.getvalue()})
    arrays = load_arrays(store, list(find(store, "train").values()), 16)
    assert arrays.shape == (2, 16, 16, 3) and arrays.dtype == np.uint8
    assert arrays[0, :6].mean() > 240 and arrays[0, 10:].mean() < 15  # left became top
    assert (arrays[1] == 255).all()


def test_a_photo_lost_since_preparation_is_named(tmp_path):
    store = write(tmp_path, {"images/train/1.jpg": photo()})
    (tmp_path / "images/train/1.jpg").unlink()
    with pytest.raises(GoodsError, match=r"images/train/1\.jpg: missing"):
        load_arrays(store, ["images/train/1.jpg"], 16)


def test_a_changed_photo_changes_its_fingerprint(tmp_path):
    store = write(tmp_path, {"images/train/1.jpg": photo()})
    before = store.fingerprint("images/train/1.jpg")
    write(tmp_path, {"images/train/1.jpg": photo(30, 30)})
    assert store.fingerprint("images/train/1.jpg") != before == before


def test_photos_are_looked_at_on_all_cores(tmp_path, monkeypatch):
    used = []
    monkeypatch.setattr(photos, "cores", lambda: 3)
    monkeypatch.setattr(photos, "audit", lambda store, refs, workers=1: used.append(workers) or (refs, []))
    good = photos.usable(tmp_path, Found({1: "images/train/1.jpg"}), {"train": [1]}, Issues(), "left out")
    assert good == {1: "images/train/1.jpg"} and used == [3]
