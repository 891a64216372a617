"""What a bundle is long about is told as it goes."""

from __future__ import annotations

import re

import pytest

from goods.submit import wheels
from goods.submit.copying import copy_all


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr("goods.core.progress.EVERY", 0.0)


def test_wheels_are_told_as_they_come(tmp_path, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(wheels, "pip", lambda arguments, to: asked.append(arguments))
    pins = [f"package{i}==1.0" for i in range(20)]
    wheels.fetch(pins, tmp_path / "wheels", None, tmp_path)
    source = ["--no-index", "--find-links", str(tmp_path)]
    assert all(arguments[:3] == source for arguments in asked)
    assert [pin for arguments in asked for pin in arguments[3:]] == [*pins, "goods"]
    assert re.search(r"wheels: \d+ of 21 packages, about \d+ s left\n", capsys.readouterr().err)


def test_folders_and_files_are_copied_and_told_by_their_size(tmp_path, capsys):
    (tmp_path / "models" / "checkpoints").mkdir(parents=True)
    for name in ("a.bin", "b.bin", "checkpoints/c.bin"):
        (tmp_path / "models" / name).write_text(name)
    (tmp_path / "one.bin").write_text("one")
    to = tmp_path / "to"
    copy_all(
        {tmp_path / "models": to / "models", tmp_path / "one.bin": to / "x" / "two.bin"},
        "models",
        leave_out=("checkpoints",),
    )
    found = {path.relative_to(to).as_posix(): path.read_text() for path in to.rglob("*.bin")}
    assert found == {"models/a.bin": "a.bin", "models/b.bin": "b.bin", "x/two.bin": "one"}
    assert "models: 1 of 3 files, about 0 s left\n" in capsys.readouterr().err
