"""Find what a package holds by reading its files, not by importing them: torch and transformers take seconds."""

from __future__ import annotations

import ast
import tokenize
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


def source_of(file: Path) -> str:
    """The text of a Python file as Python reads it; GoodsError where it is none."""
    try:
        with tokenize.open(file) as text:
            return text.read()
    except (SyntaxError, UnicodeDecodeError) as error:
        raise GoodsError(f"{file}: not written in UTF-8 ({error}); save it as UTF-8") from None


def parsed(text: str, file: Path) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError as error:
        line = f"line {error.lineno}: " if error.lineno else ""
        raise GoodsError(f"{file}: {line}{error.msg}; mend that {'line' if line else 'file'}") from None


def imported(module: str) -> ModuleType:
    """A module found here; GoodsError where its own file, or what it imports, cannot be imported."""
    try:
        with within(module):
            return import_module(module)
    except (ImportError, SyntaxError, NameError) as error:
        raise GoodsError(
            f"{module}: cannot be imported ({error}); mend it or install what it needs"
        ) from None
    except (ValueError, AssertionError) as error:
        # settings that are being checked would take them for a value's
        raise GoodsError(
            f"{module}: cannot be imported ({type(error).__name__}: {error}); mend it"
        ) from error


@cache
def find(packages: tuple[str, ...], mark: str, names: Callable[[ast.stmt], Iterable[str]]) -> dict[str, str]:
    """What `names` says of a top-level statement → the module it stands in; only files that hold the text `mark` are
    looked into."""
    found: dict[str, str] = {}
    for package in packages:
        for module, file in modules_of(package):
            text = source_of(file)
            if mark not in text:
                continue
            for name in (name for statement in parsed(text, file).body for name in names(statement)):
                if name in found:
                    raise GoodsError(
                        f"{file}: {name!r} is in {found[name]} already; give one of them another name"
                    )
                found[name] = module
    return found
