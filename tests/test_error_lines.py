"""What a user is told of an error of the system: the place, what it said, and a mend."""

import errno
import os
import shutil

import pytest

from goods.core.error_lines import told_of


@pytest.mark.parametrize(
    ("number", "mend"),
    [
        (errno.EACCES, "mend the right to it, or name another place"),
        (errno.EROFS, "name a place that can be written to"),
        (errno.ENAMETOOLONG, "give it a shorter name"),
        (
            errno.ENOENT,
            "name one that is there; if another program has removed it, run the same command again",
        ),
        (errno.EIO, "mend that, then run the same command again"),
    ],
)
def test_each_has_a_mend(number, mend):
    error = OSError(number, os.strerror(number), "work/shop/x")
    assert told_of(error, []) == f"work/shop/x: {os.strerror(number)}; {mend}"


def test_of_files_that_cannot_be_copied_the_first_is_told(tmp_path, monkeypatch):
    def refused(source, to, **_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(source))

    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "model.bin").write_bytes(b"")
    with pytest.raises(shutil.Error) as caught:
        shutil.copytree(folder, tmp_path / "copy", copy_function=refused)
    assert told_of(caught.value, []) == (
        f"{folder}/model.bin: cannot be copied ([Errno 13] Permission denied: '{folder}/model.bin'); "
        "mend the right to it, or name another place"
    )


def test_why_a_file_cannot_be_copied_is_cut_where_it_is_long():
    told = told_of(shutil.Error([("models/model.bin", "copy", "no\nroom " * 100)]), [])
    assert told.startswith("models/model.bin: cannot be copied (no room no") and "…); mend" in told
