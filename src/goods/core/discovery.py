"""Find what a package holds by reading its files, not by importing them: torch and transformers take seconds."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path


def modules_of(package: str) -> list[tuple[str, Path]]:
    """(name, file) of every module of a package and of the packages in it, sorted by name."""
    spec = find_spec(package)
    assert spec is not None and spec.submodule_search_locations, package
    found = []
    for root in map(Path, spec.submodule_search_locations):
        for file in root.rglob("*.py"):
            parts = file.relative_to(root).with_suffix("").parts
            if parts[-1] != "__init__":
                found.append((".".join((package, *parts)), file))
    return sorted(found)


@cache
def find(packages: tuple[str, ...], mark: str, names: Callable[[ast.stmt], Iterable[str]]) -> dict[str, str]:
    """What `names` says of a top-level statement → the module it stands in; only files that hold the text `mark` are
    looked into."""
    found: dict[str, str] = {}
    for package in packages:
        for module, file in modules_of(package):
            text = file.read_text(encoding="utf-8")
            if mark in text:
                found |= {name: module for statement in ast.parse(text).body for name in names(statement)}
    return found
