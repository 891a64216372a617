"""Whatever way photos are laid out, each card gets its own one, or a note; never another card's."""

from __future__ import annotations

import shutil
import tempfile
import unicodedata
import zipfile
from pathlib import Path

import pytest
from batches_of_cards import read_new_cards
from conftest import competition_config, write_shop
from hypothesis import given, settings
from hypothesis import strategies as st
from photo_shop import LAYOUTS, TEST, TRAIN, laid, picture, search, shows, write

from goods.cards.photo_files import find_photos
from goods.cards.table import Issues
from goods.core.errors import GoodsError
from goods.core.folders import walk


@pytest.mark.parametrize("layout", LAYOUTS)
def test_photos_are_found_under_the_layouts_that_people_have(tmp_path, layout):
    files = {laid(layout, i, "train"): picture(i) for i in TRAIN}
    write(tmp_path, files | {laid(layout, i, "test"): picture(i) for i in TEST})
    found, noted = search(tmp_path)
    assert set(found) == {*TRAIN, *TEST} and not noted
    assert all(shows(tmp_path, ref, i) for i, ref in found.items())


FORMS = {
    "jpg": "JPEG",
    "jpeg": "JPEG",
    "jfif": "JPEG",
    "png": "PNG",
    "webp": "WEBP",
    "gif": "GIF",
    "bmp": "BMP",
}


@pytest.mark.parametrize(
    ("suffix", "form"),
    [*FORMS.items(), ("tif", "TIFF"), ("tiff", "TIFF"), ("TIFF", "TIFF"), ("avif", "AVIF")],
)
def test_every_format_that_is_decoded_is_found(tmp_path, suffix, form):
    write(tmp_path, {f"images/train/2001.{suffix}": picture(2001, form)})
    found, _ = search(tmp_path)
    assert found == {2001: f"images/train/2001.{suffix}"} and shows(tmp_path, found[2001], 2001, form)


def test_of_several_photos_the_plain_name_and_then_the_lowest_number_is_taken(tmp_path):
    several = {"2001_10": 1, "2001_2": 2, "2001": 3, "2002-3": 4, "2002-12": 5}
    write(tmp_path, {f"images/train/{n}.jpg": picture(int(n[:4]), number=k) for n, k in several.items()})
    found, noted = search(tmp_path)
    assert found == {2001: "images/train/2001.jpg", 2002: "images/train/2002-3.jpg"}
    assert noted == {108775015: "missing"}


def test_the_folder_of_the_split_wins_over_other_folders_and_these_over_zips(tmp_path):
    places = [
        "images/train/",
        "images/train/a/",
        "train_photos/",
        "pool/",
        "images.zip::train/",
        "train.zip::",
    ]
    write(tmp_path, {f"{place}2001.jpg": picture(2001, number=k) for k, place in enumerate(places)})
    for place in places:
        assert search(tmp_path)[0] == {2001: f"{place}2001.jpg"}
        (tmp_path / f"{place}2001.jpg".partition("::")[0]).unlink()


def test_a_photo_of_the_other_split_or_of_no_card_is_none_of_a_card_and_counted(tmp_path, capsys):
    write(tmp_path, {f"{name}.jpg": picture(1) for name in ("test_images/2001", "train/2003", "77", "logo")})
    write(tmp_path, {"train/2002.jpg": picture(2002), "readme.txt": b"", "__MACOSX/train/._2002.jpg": b""})
    found, _ = search(tmp_path)
    assert found == {2002: "train/2002.jpg"}
    line = "prepare: 1 of 5 cards have a photo; 4 files match no card, such as 77.jpg, logo.jpg"
    assert line in capsys.readouterr().err.splitlines()


def test_photos_of_formats_that_no_decoder_knows_are_counted(tmp_path, capsys):
    names = ("images/train/2001.HEIC", "images/train/2002.heic", "test.zip::2003.heic", "pool/2004.jxl")
    write(tmp_path, dict.fromkeys((*names, ".trash/1.heic", "heic"), b"no decoder"))
    assert search(tmp_path)[0] == {}
    line = (
        "prepare: 0 of 5 cards have a photo; 3 photos are .heic and 1 .jxl, which the decoder does not know; convert "
        "them to JPEG"
    )
    assert line in capsys.readouterr().err.splitlines()


def test_numbers_behind_a_long_number_or_of_a_date_are_no_photo_of_a_card(tmp_path):
    names = ["1_2001", "2001_2002", "2001_108775015", "x2001", "2001x", "2001_1_1", "20010"]
    write(tmp_path, {f"images/train/{name}.jpg": picture(9) for name in names})
    assert search(tmp_path)[0] == {}


def test_zeros_before_an_id_are_none_of_it_unless_they_are_two_names(tmp_path):
    write(tmp_path, {f"images/train/{name}.jpg": picture(int(name)) for name in ("02001", "002002", "02002")})
    write(
        tmp_path, {f"images/test/{name}.jpg": picture(2003, number=len(name)) for name in ("2003", "002003")}
    )
    found, noted = search(tmp_path)
    assert found == {2001: "images/train/02001.jpg", 2003: "images/test/2003.jpg"}
    assert noted[2002] == "which of images/train/002002.jpg, images/train/02002.jpg?"


def test_a_number_in_a_cards_folder_that_is_another_cards_id_is_noted(tmp_path):
    owners = {"2001/7": 2001, "2002/8": 2002, "40/3": 40, "009/0097": 97}
    write(tmp_path, {f"images/train/{name}.jpg": picture(i) for name, i in owners.items()})
    found, noted = search(tmp_path, train=(2001, 2002, 7, 40, 3, 97, 9))
    assert found == {2002: "images/train/2002/8.jpg", 97: "images/train/009/0097.jpg"}
    assert noted[2001] == noted[7] == "may be another card's: images/train/2001/7.jpg"
    assert noted[40] == noted[3] == "may be another card's: images/train/40/3.jpg"


def test_names_that_no_table_can_hold_are_noted(tmp_path, capsys):
    write(tmp_path, {"images/train/2001.jpg": picture(2001)})
    write(tmp_path / "a::b", {"2002.jpg": picture(2002)})
    write(tmp_path / b"\xf4\xee\xf2\xee".decode(errors="surrogateescape"), {"2003.jpg": picture(2003)})
    found, noted = search(tmp_path)
    assert found == {2001: "images/train/2001.jpg"}
    assert "cannot be kept" in noted[2003] and "a::b/2002.jpg (a name with ::)" in capsys.readouterr().err
    assert len(walk(tmp_path).files) == 3


def test_zip_members_without_a_name_are_left_out(tmp_path):
    write(tmp_path, {"images.zip::.": b"", "images.zip::train/2001.jpg": picture(2001)})
    with zipfile.ZipFile(tmp_path / "images.zip", "a") as archive:
        archive.writestr(zipfile.ZipInfo(""), b"")
    assert search(tmp_path)[0] == {2001: "images.zip::train/2001.jpg"}


def test_a_broken_zip_ends_the_run_only_where_its_name_promises_photos(tmp_path, capsys):
    write(
        tmp_path,
        {"backup.zip": b"PK\x03\x04", ".trash/train.zip": b"", "images/train/2001.jpg": picture(2001)},
    )
    assert search(tmp_path)[0] == {2001: "images/train/2001.jpg"}
    assert "backup.zip" in capsys.readouterr().err
    write(tmp_path, {"train.zip": b"PK\x03\x04"})
    with pytest.raises(GoodsError, match=r"train\.zip: not a readable zip"):
        search(tmp_path)


@pytest.mark.parametrize("place", ["", "images/test/", "Test/", "new.zip::"])
def test_photos_of_new_cards_are_looked_up_in_the_same_way(tmp_path, place):
    shop = write_shop(tmp_path / "shop", 20, 4)
    write(tmp_path / "new", {f"{place}{i}.jpg": picture(i) for i in (5000, 5002)})
    cards = read_new_cards(shop / "test.parquet", competition_config(), tmp_path / "new", Issues())
    assert cards.set_index("product_id").image.dropna().to_dict() == {
        5000: f"{place}5000.jpg",
        5002: f"{place}5002.jpg",
    }


IDS = st.one_of(st.integers(1, 400_000_000), st.integers(1, 20), st.integers(995, 1020))

FATES = st.sampled_from([*LAYOUTS, "no photo", "broken link", "cut short"])


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(IDS, st.lists(FATES, min_size=1, max_size=3)), max_size=12))
def test_in_any_mix_of_layouts_a_card_has_its_own_photo_or_a_note(drawn):
    folder = Path(tempfile.mkdtemp())
    fates = dict(drawn)
    split_of = {i: ("train", "test")[k % 2] for k, i in enumerate(fates)}
    files: dict[str, bytes] = {}
    try:
        for i, ways in fates.items():
            for way in ways:
                if way in LAYOUTS:
                    files[laid(way, i, split_of[i])] = picture(i)
                elif way == "cut short":
                    files[f"images/{split_of[i]}/{i}.webp"] = picture(i, "WEBP")[:60]
        write(folder, files)
        for i in (i for i, ways in fates.items() if "broken link" in ways):
            (folder / "links").mkdir(exist_ok=True)
            (folder / f"links/{i}.png").symlink_to(f"{i}.gone")
        train, test = ([i for i in fates if split_of[i] == split] for split in ("train", "test"))
        found, noted = search(folder, train, test)
        assert all(shows(folder, ref, i) for i, ref in found.items())
        for i, ways in fates.items():
            if i not in found:  # no word of cards without a photo where no card of the split has one
                photos = [way for way in ways if way != "no photo"]
                assert i in noted or not photos or not any(split_of[i] == split_of[j] for j in found)
            if set(ways) <= set(LAYOUTS) - {"a folder per card"}:
                assert i in found
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("written", ["NFC", "NFD"])
@pytest.mark.parametrize("stored", ["NFC", "NFD"])
def test_letters_in_parts_name_the_photo_that_composed_ones_name(tmp_path, written, stored):
    file, name = f"{unicodedata.normalize(stored, 'чай ё')}.jpg", unicodedata.normalize(written, "чай ё")
    write(tmp_path, {file: picture(1)})
    assert find_photos(tmp_path, {"train": [name], "test": []}).refs == {name: file}
    assert find_photos(tmp_path, {"train": [1], "test": []}, {1: f"{name}.jpg"}).refs == {1: file}


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.ru/img/кружка 1.jpg?size=big#top",
        "HTTP://x/%D0%BA%D1%80%D1%83%D0%B6%D0%BA%D0%B0%201.jpg",
    ],
)
def test_an_address_names_the_file_at_its_end(tmp_path, url):
    write(tmp_path, {"кружка 1.jpg": picture(1), "a%20b?.jpg": picture(2)})
    named = {1: url, 2: "a%20b?.jpg"}  # no address: a name as it is
    found = find_photos(tmp_path, {"train": [1, 2], "test": []}, named)
    assert found.refs == {1: "кружка 1.jpg", 2: "a%20b?.jpg"}


@pytest.mark.parametrize("encoding", ["cp866", "utf-8", "cp437"])
@pytest.mark.parametrize("named", [True, False])
def test_names_in_zips_that_do_not_tell_their_encoding(tmp_path, encoding, named):
    ids = ["ваза", "кружка-2"] if encoding != "cp437" else ["Kännchen", "Tasse-ö2"]
    stand_ins = [f"{'~' * len(id_.encode(encoding))}{i}" for i, id_ in enumerate(ids)]
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        for i, stand_in in enumerate(stand_ins):
            archive.writestr(f"photos/{stand_in}.jpg", picture(2001 + i))
    data = (tmp_path / "images.zip").read_bytes()
    for i, (id_, stand_in) in enumerate(zip(ids, stand_ins, strict=True)):
        data = data.replace(stand_in.encode(), id_.encode(encoding) + str(i).encode())
    (tmp_path / "images.zip").write_bytes(data)
    cards = [f"{id_}{i}" for i, id_ in enumerate(ids)]
    found = find_photos(
        tmp_path, {"train": cards, "test": []}, {id_: f"{id_}.jpg" for id_ in cards} if named else None
    )
    assert found.refs.keys() == set(cards) and not found.unmatched
    assert all(shows(tmp_path, found.refs[id_], 2001 + i) for i, id_ in enumerate(cards))
