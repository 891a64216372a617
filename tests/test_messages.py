"""Each message of a GoodsError says where it went wrong and what to do about it (docs/messages.md)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from conftest import ROOT

PACKAGE = ROOT / "src" / "goods"
VALUE = re.compile(r"\{[^{}]*\}")
NAMED = re.compile(
    r"--[a-z]|\.(?:yaml|parquet|csv)\b|\b[a-z_]+/|\b[a-z_]+\.[a-z_]+\b|^[a-z_ ]+: "
)  # file, option, key
VERBS = (
    "add|ask|call|change|check|choose|compare|convert|copy|correct|define|delete|derive|download|drop|end|fill|fit|"
    "free|give|install|keep|leave|list|lower|make|mend|mount|move|name|number|pip|predict|put|raise|read|remove|"
    "rename|repeat|run|save|say|scale|see|set|start|take|train|upload|use|wait|write"
)
MEND = re.compile(rf"(?:[;:] |, or |; for [^:;]+: )(?:{VERBS})\b")
KNOWN = re.compile(r"\bexpected\b|\bknown are\b")
CLAUSES = {"mend", "how", "again"}  # arguments that hold a whole clause of what to do
EXCEPTIONS = {
    "{problem}": "a ValueError of core/numbers.py, which are looked at too",
    "{said['error']}": "what a GoodsError of one of several processes says",
}


@dataclass(frozen=True)
class Site:
    """Where an error is made: its text with values in braces, and whether it passes on what another GoodsError says."""

    file: Path
    line: int
    text: str
    passes_on: bool = False

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line}: {self.text}"


def assigned_in(tree: ast.AST) -> dict[str, ast.expr]:
    return {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


FILES = sorted([*PACKAGE.rglob("*.py"), *(ROOT / "scripts").glob("*.py")])


@cache  # asked for by tests, not while they are collected, which every worker does
def trees() -> dict[Path, ast.Module]:
    return {file: ast.parse(file.read_text(encoding="utf-8")) for file in FILES}


@cache
def constants() -> dict[str, ast.expr]:
    assigned = (assigned_in(tree) for tree in trees().values())
    return {name: value for names in assigned for name, value in names.items() if name.isupper()}


def text_of(node: ast.expr, names: dict[str, ast.expr]) -> str:
    """What is written; constants, and what a text as a whole is called, in full."""
    match node:
        case ast.Constant():
            return str(node.value)
        case ast.JoinedStr():
            return "".join(text_of(part, names) for part in node.values)
        case ast.FormattedValue(value=ast.Name(id=name)) if name.isupper() and name in constants() | names:
            return text_of((constants() | names)[name], names)
        case ast.Name(id=name) if name in names and not isinstance(names[name], ast.Name):
            return text_of(names[name], {})
        case ast.BinOp():
            return text_of(node.left, names) + text_of(node.right, names)
        case ast.FormattedValue(value=value):
            return text_of(value, {}) if isinstance(value, ast.Constant) else in_braces(value)
    return in_braces(node)


def in_braces(node: ast.expr) -> str:
    return "{" + re.sub("[{}:;]", "", ast.unparse(node)) + "}"


def sites_of(file: Path, error: str = "GoodsError") -> Iterator[Site]:
    nodes = list(ast.walk(trees()[file]))
    names = assigned_in(trees()[file])
    handlers = [node for node in nodes if isinstance(node, ast.ExceptHandler) and node.type]
    passing = {
        id(call)
        for handler in handlers
        if handler.type is not None and "GoodsError" in ast.unparse(handler.type)
        for call in ast.walk(handler)
        if any(isinstance(node, ast.Name) and node.id == handler.name for node in ast.walk(call))
    }
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == error:
            text = text_of(node.args[0], names)
            yield Site(file, node.lineno, text, id(node) in passing)


def has_place(text: str) -> bool:
    return bool(VALUE.search(text) or NAMED.search(text))


def has_mend(text: str) -> bool:
    values = {found[0][1:-1] for found in VALUE.finditer(text)}
    return bool(MEND.search(text) or KNOWN.search(text) or values & CLAUSES)


@cache
def all_sites() -> list[Site]:
    return [site for file in FILES for site in sites_of(file) if not site.passes_on]


def test_every_message_has_a_place_and_a_mend():
    asked = [site for site in all_sites() if not any(text in site.text for text in EXCEPTIONS)]
    odd = [str(site) for site in asked if not (has_place(site.text) and has_mend(site.text))]
    assert len(asked) > 300 and not odd, "\n".join(odd)


def test_every_exception_is_needed():
    for text in EXCEPTIONS:
        assert any(text in site.text and not has_mend(site.text) for site in all_sites()), text


def test_what_is_wrong_with_a_number_says_the_mend():
    sites = list(sites_of(PACKAGE / "core" / "numbers.py", "ValueError"))
    assert len(sites) > 4
    assert all(has_mend(f"{site.text}") for site in sites), sites


@pytest.mark.parametrize(
    ("text", "place", "mend"),
    [
        ("{path}: no such file", True, False),
        ("{path}: no such file; name a parquet file of cards", True, True),
        ("{path}: fold {k}, expected 0 to 4", True, True),
        ("unknown metric {name}: known are {', '.join(METRICS)}", True, True),
        ("{folder}: {wrong}; {how}", True, True),
        ("the train cards are of a single category; give more", False, True),
        ("{name}: the mend is known to nobody, not even to who can give one", True, False),
        ("something went wrong", False, False),
    ],
)
def test_the_rule_tells_good_messages_from_bad_ones(text, place, mend):
    assert (has_place(text), has_mend(text)) == (place, mend)


def test_the_page_lists_the_exit_codes_and_good_messages():
    page = (ROOT / "docs" / "messages.md").read_text(encoding="utf-8")
    good = re.findall(r"^    error: (.+)$", page, re.MULTILINE)
    assert len(good) >= 4
    assert all(has_mend(message) and message.count("\n") == 0 for message in good)
