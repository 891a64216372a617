"""Pages: commands are ones that the scripts take, and bound, so that they can be run; links and anchors lead somewhere.

tests/test_page_commands.py runs the commands.
"""

from __future__ import annotations

import argparse
import re
import runpy
import shlex
import sys
from functools import cache
from pathlib import Path

import pytest
from conftest import ROOT
from page_bindings import (
    CUT,
    FILLED,
    GIVEN,
    NOT_RUN,
    PYTHON,
    SHOWN,
    SMALLER,
    bound,
    reason_not_to_run,
    settings_files,
)
from pages import (
    PAGES,
    READMES,
    SCRIPT,
    Command,
    anchors,
    blocks,
    commands,
    inline_commands,
    links,
    name_of,
    shown,
)

from goods.__main__ import commands as commands_of_goods
from goods.competitions.loading import readers
from goods.metrics.evaluation import METRICS

ALL = [command for page in PAGES for command in commands(page)]
each_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


class Parsed(Exception):
    """The command line was taken."""


@pytest.fixture
def parse(monkeypatch):
    """Have a script of scripts/ read a command line and stop there."""
    parse_args = argparse.ArgumentParser.parse_args

    def parsed(self, *args, **kwargs):
        parse_args(self, *args, **kwargs)
        raise Parsed(self)

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parsed)

    def ask(script: Path, words: list[str]) -> None:
        monkeypatch.setattr(sys, "argv", [script.name, *words])
        with pytest.raises(Parsed):
            runpy.run_path(str(script))["main"]()

    return ask


def calls(command: Command) -> list[tuple[Path, list[str]]]:
    """(file of scripts/ or benchmarks/, arguments) of each of our programs in a line."""
    found = []
    for part in (part.removeprefix(".venv/bin/") for part in command.text.split(" && ")):
        words = shlex.split(part) if part.startswith("goods ") else []
        named = SCRIPT.match(re.sub(r"^(\S*python|bash) ", "", part))
        if words and (path := commands_of_goods().get(words[1])):
            found.append((ROOT / "scripts" / path.name, words[2:]))
        elif named:
            path = ROOT / (named[1] or "scripts") / named[2].replace("run_all.sh", "run_all.py")
            found.append((path, shlex.split(part.partition(named[0])[2])))
    assert all(path.is_file() for path, _ in found), command
    return [(path, given) for path, given in found if path.suffix == ".py"]


@cache
def options_of(script: Path) -> str:
    """Source in which a script's options are added."""
    return "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src/goods/cli.py", script))


@each_page
def test_every_command_of_a_page_is_taken_by_its_script(page, parse):
    for command in commands(page):
        for script, words in calls(command):
            if script.parent.name == "scripts" and not command.is_form:
                try:
                    parse(script, words)
                except SystemExit:
                    pytest.fail(f"{command.page}:{command.line}: {command.text}")


@each_page
def test_every_option_that_a_page_names_is_one_of_its_script(page):
    for command in [*commands(page), *inline_commands(page)]:
        for script, words in calls(command):
            for word in words:
                if option := re.match(r"\[?(--[a-z-]+)", word):
                    assert f'"{option[1]}"' in options_of(script), f"{command.page}:{command.line}: {word}"


def test_commands_are_found():
    found = [command.text for command in ALL]
    assert len(found) > 100 and len(commands(ROOT / "README.md")) > 30
    assert "source <(goods completion bash)" in found
    assert ".venv/bin/python benchmarks/stack_nested.py kazanexpress2023 --work W" in found
    assert "PYTHONPATH=src:tests .venv/bin/python -m corpus --cases 10000" in found
    long = next(command for command in ALL if "cross-encoder.yaml --text-weights DIR --set" in command.text)
    assert long.page == "docs/matching.md" and long.text.endswith("--set model.trainer.layer_decay=1.0")


def test_programs_are_those_of_the_clone():
    """Others may be in nobody's PATH, or of another Python. `pip install .` is for who has no clone's .venv."""
    others = r"(\S+=\S* )*(python|pytest|jupyter|ray|uv|pip) (?!install (\.|'\.\[networks\]')$)"
    assert [c for c in ALL if re.match(others, c.text)] == []


@each_page
def test_every_line_of_a_page_s_blocks_is_a_command_or_known_to_be_none(page):
    assert [line for line in shown(page) if not re.match(SHOWN, line)] == []


@pytest.mark.parametrize("command", {c.text: c for c in ALL if not c.is_form}.values(), ids=lambda c: c.text)
def test_every_command_is_bound_or_listed_with_a_reason(command):
    if not reason_not_to_run(command):
        words = shlex.split(re.sub(r"<\(.*?\)", "", bound(command.text)))
        assert [w for w in words if re.fullmatch(r"[A-Z][A-Z0-9]*|<.*>|\.\.\.|…", w)] == []
        assert [w for w in words if '"' in w] == []  # a quote that the shell has not taken for one


def test_tables_have_no_entry_that_is_stale():
    texts = [command.text for command in ALL]
    for table in (FILLED, CUT):
        for pattern, value in table:
            before = list(texts)
            texts = [re.sub(pattern, value, text) for text in texts]
            assert texts != before, pattern
    for pattern in NOT_RUN:
        assert any(re.match(pattern, text) for text in texts), pattern
    settings = [path.read_text(encoding="utf-8") for path in settings_files(ROOT)]
    for pattern, _ in SMALLER:
        assert any(re.search(pattern, text) for text in settings), pattern
    for pattern in SHOWN.split("|"):
        assert any(re.match(pattern, line) for page in PAGES for line in shown(page)), pattern
    assert set(GIVEN) <= {name_of(page) for page in PAGES if commands(page)}


def test_python_of_pages_is_run_by_a_test_each():
    found = {
        (block.page, block.lines[0][1])
        for page in PAGES
        for block in blocks(page)
        if block.language == "python"
    }
    assert found == set(PYTHON)
    for (page, _), test in PYTHON.items():
        file, _, function = test.partition("::")
        source = (ROOT / "tests" / file).read_text(encoding="utf-8")
        assert f"def {function}(" in source and f'block("{page}"' in source


def test_both_readmes_have_the_same_commands_links_and_figures():
    english, russian = (page.read_text(encoding="utf-8") for page in READMES)
    assert [c.text for c in commands(READMES[0])] == [c.text for c in commands(READMES[1])]
    for what in (
        r"\]\((?!README)([^)]+)\)",
        r"\d\.\d{4}",
        r"--[a-z-]+",
        r"scripts/\w+\.\w+",
        r"`(\w+\.\w+)`",
    ):
        assert re.findall(what, english) == re.findall(what, russian), what
    assert max(len(text.splitlines()) for text in (english, russian)) <= 150


@each_page
def test_links_of_a_page_lead_to_files_and_headings(page):
    for link in links(page):
        target, _, anchor = link.partition("#")
        if "://" not in link:
            path = (page.parent / target).resolve() if target else page
            assert path.exists(), f"{page.name}: {link}"
            assert not anchor or anchor in anchors(path), f"{page.name}: {link}"


@each_page
def test_a_heading_is_no_row_of_the_table_above_it(page):
    assert re.findall(r"^\|.*\n(#+ .*)", page.read_text(encoding="utf-8"), re.MULTILINE) == []


def test_names_of_headings_are_those_of_the_site():
    found = anchors(ROOT / "docs" / "howto.md")
    assert {"see-where-it-errs", "how-to-", "glossary-of-reasons"} <= found


@pytest.mark.parametrize(
    "key, names", [("reader", readers()), ("metric", METRICS)], ids=["readers", "metrics"]
)
def test_the_page_of_settings_names_every_reader_and_metric(key, names):
    page = (ROOT / "docs" / "models.md").read_text()
    (row,) = [row for row in page.splitlines() if row.startswith(f"| `{key}` |")]
    assert [name for name in names if f"`{name.removesuffix('_weighted')}`" not in row] == []
