"""Links to photos are followed; those that lead nowhere cost their own photo only."""

from __future__ import annotations

import pytest
from photo_shop import ids_and_splits, picture, search, shows, sources_of, write

from goods.core.folders import walk


@pytest.mark.parametrize("linked", ["images", "images/train", "images/train/2001.jpg", "images.zip", "all"])
@pytest.mark.parametrize("inside", [True, False])
def test_links_are_followed_inside_and_outside_the_data_folder(tmp_path, linked, inside):
    data, real = tmp_path / "data", (tmp_path / "data/.store" if inside else tmp_path / "elsewhere")
    name = "images.zip::train/2001.jpg" if linked == "images.zip" else "images/train/2001.jpg"
    target = "images" if linked == "all" else linked
    write(real, {name: picture(2001)})
    (data / linked).parent.mkdir(parents=True, exist_ok=True)
    (data / linked).symlink_to(real / target)
    found, _ = search(data)
    assert found == {2001: name.replace("images/", f"{linked}/") if linked == "all" else name}
    assert shows(data, found[2001], 2001)
    before = sources_of(data, ids_and_splits()).key()
    write(real, {name: picture(2001, number=3) + b"\0"})
    assert (
        sources_of(data, ids_and_splits()).key() != before
    )  # what a link leads to is data too: its change prepares again


def test_loops_and_broken_links_cost_their_own_photo_only(tmp_path, capsys):
    write(
        tmp_path, {"images/train/2001.jpg": picture(2001), "images/train/108775015_1.jpg": picture(108775015)}
    )
    folder = tmp_path / "images/train"
    (folder / "2002.jpg").symlink_to("2002.jpg")
    (folder / "108775015.jpg").symlink_to("nowhere.jpg")
    (folder / "again").symlink_to(tmp_path / "images")
    (tmp_path / "images/test").symlink_to("gone")
    (tmp_path / ".git").symlink_to("gone")
    found, noted = search(tmp_path)
    assert found == {2001: "images/train/2001.jpg", 108775015: "images/train/108775015_1.jpg"}
    assert noted == {2002: "broken link", 108775015: "broken link"}
    said = "2 paths not followed, such as images/test (broken link)"
    assert said in capsys.readouterr().err
    assert len(walk(tmp_path).files) == 2


def test_folders_that_link_to_each_other_are_listed_in_bounded_time(tmp_path):
    ids = range(2001, 2008)
    write(tmp_path, {f"{i}/{i}.jpg": picture(i) for i in ids})
    for i in ids:
        for other in set(ids) - {i}:
            (tmp_path / f"{i}/to{other}").symlink_to(tmp_path / str(other))
    found, _ = search(tmp_path, train=ids)
    assert all(shows(tmp_path, ref, i) for i, ref in found.items()) and set(found) == set(ids)
    assert len(walk(tmp_path).files) <= 7 * 16
