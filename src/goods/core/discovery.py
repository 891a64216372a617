"""Find what a package holds by reading its files, not by importing them: torch and transformers take seconds."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from goods.core.errors import GoodsError, within


def modules_of(package: str) -> list[tuple[str, Path]]:
    """(name, file) of every module of a package and of the packages in it, sorted by name."""
    spec = find_spec(package)
    assert spec is not None and spec.submodule_search_locations, package
    found = []
    for root in map(Path, spec.submodule_search_locations):
        for file in root.rglob("*.py"):
            parts = file.relative_to(root).with_suffix("").parts
            if parts[-1] != "__init__" and all((p / "__init__.py").is_file() for p in inside(root, file)):
                found.append((".".join((package, *parts)), file))
    return sorted(found)


def inside(root: Path, file: Path) -> list[Path]:
    """The folders between `root` and `file`: only those with an __init__.py are packages."""
    return [folder for folder in file.parents if folder != root and root in folder.parents]


def parsed(text: str, file: Path) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError as error:
        raise GoodsError(f"{file}: line {error.lineno}: {error.msg}; mend that line") from None


def imported(module: str) -> ModuleType:
    """A module found here; GoodsError where its own file, or what it imports, cannot be imported."""
    try:
        with within(module):
            return import_module(module)
    except (ImportError, SyntaxError, NameError) as error:
        raise GoodsError(
            f"{module}: cannot be imported ({error}); mend it or install what it needs"
        ) from None


@cache
def find(packages: tuple[str, ...], mark: str, names: Callable[[ast.stmt], Iterable[str]]) -> dict[str, str]:
    """What `names` says of a top-level statement → the module it stands in; only files that hold the text `mark` are
    looked into."""
    found: dict[str, str] = {}
    for package in packages:
        for module, file in modules_of(package):
            text = file.read_text(encoding="utf-8")
            if mark not in text:
                continue
            for name in (name for statement in parsed(text, file).body for name in names(statement)):
                if name in found:
                    raise GoodsError(
                        f"{file}: {name!r} is in {found[name]} already; give one of them another name"
                    )
                found[name] = module
    return found
