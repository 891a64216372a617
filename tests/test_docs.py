"""Commands on the pages are ones that the scripts take, links lead somewhere."""

from __future__ import annotations

import argparse
import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest
from conftest import ROOT

READMES = [ROOT / "README.md", ROOT / "README.ru.md"]
PAGES = [*READMES, *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = re.compile(r"^ *(?:\.venv/bin/python|python) (scripts/\w+\.py.*)$|^ *bash scripts/run_all\.sh(.*)$")


def commands_of(page: Path) -> list[str]:
    """Command lines of a page, joined where they go on, comments left out; those with [options] are no commands."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    found = []
    for line in text.splitlines():
        if matched := COMMAND.match(line):
            command = (matched[1] or f"scripts/run_all.py{matched[2]}").split(" && ")[0]
            if not set("[…") & set(re.sub(r"'[^']*'|\S+=\[\S*", "", command)):
                found.append(command.split("  #")[0].split(" # ")[0].strip())
    return found


class Parsed(Exception):
    """The command line was taken."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_is_taken_by_its_script(page, monkeypatch):
    parse = argparse.ArgumentParser.parse_args

    def parsed(self, *args, **kwargs):
        parse(self, *args, **kwargs)
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parsed)
    monkeypatch.syspath_prepend(ROOT / "scripts")
    for command in commands_of(page):
        script, *arguments = shlex.split(command)
        monkeypatch.setattr(sys, "argv", [script, *arguments])
        main = runpy.run_path(str(ROOT / script))["main"]
        try:
            with pytest.raises(Parsed):
                main()
        except SystemExit:
            pytest.fail(f"{page.name}: {command}")


def test_commands_are_found():
    assert len(commands_of(ROOT / "README.md")) > 15


def test_both_readmes_have_the_same_commands_links_and_figures():
    english, russian = (page.read_text(encoding="utf-8") for page in READMES)
    assert commands_of(READMES[0]) == commands_of(READMES[1])
    for what in (
        r"\]\((?!README)([^)]+)\)",
        r"\d\.\d{4}",
        r"--[a-z-]+",
        r"scripts/\w+\.\w+",
        r"`(\w+\.\w+)`",
    ):
        assert re.findall(what, english) == re.findall(what, russian), what
    assert max(len(text.splitlines()) for text in (english, russian)) <= 150


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_a_page_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"
