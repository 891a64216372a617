"""Pages name the rooms and tests there are."""

from __future__ import annotations

import re
import tomllib

from conftest import ROOT


def test_the_rooms_of_the_page_are_those_of_the_import_contract():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    described = [name.removesuffix(".py") for name in re.findall(r"^\| `(\w+(?:\.py|/))` \|", text, re.M)]
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = [name.removeprefix("goods.") for name in settings["contracts"][0]["layers"]]
    assert [name.rstrip("/") for name in described if name != "__main__"] == layers
    package = ROOT / "src" / "goods"
    rooms = {path.parent.name for path in package.glob("*/__init__.py")}
    assert rooms | {path.stem for path in package.glob("*.py")} == {"__init__", "__main__", *layers}


def test_the_tests_that_pages_name_are_there():
    for page in (ROOT / "docs").glob("*.md"):
        for name in re.findall(r"\b(test_\w+\.py)\b", page.read_text(encoding="utf-8")):
            assert (ROOT / "tests" / name).is_file(), f"{page.name}: {name}"


def test_the_source_files_that_pages_name_are_there():
    made_up = {"src/goods/models/text/bayes.py", "src/goods/competitions/mystore.py"}  # a reader's own
    for page in [*(ROOT / "docs").glob("*.md"), ROOT / "README.md"]:
        for name in set(re.findall(r"`((?:\w+/)+\w+\.py)`", page.read_text(encoding="utf-8"))) - made_up:
            places = (ROOT, ROOT / "src" / "goods")
            assert any((place / name).is_file() for place in places), f"{page.name}: {name}"
