"""What code a result depends on: the source of a module and of every module of this package that it imports.

Followed import by import (grimp), so that no list of files has to be kept by hand. Read once per process: a file
edited while a run is under way does not change what has been loaded.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import grimp

from goods.core.discovery import source_of
from goods.core.errors import GoodsError
from goods.core.hashing import content_hash
from goods.core.wording import in_a_line

PACKAGE = "goods"


@cache
def import_graph() -> grimp.ImportGraph:
    try:
        return grimp.build_graph(PACKAGE, cache_dir=None, exclude_type_checking_imports=True)
    except grimp.exceptions.SourceSyntaxError as error:
        raise GoodsError(f"{in_a_line(error)}; mend that line or move the file away") from None


@cache
def import_closure(*modules: str) -> tuple[str, ...]:
    """Names of `modules` and of all that they import from this package, directly or not, sorted."""
    graph = import_graph()
    return tuple(sorted(set(modules).union(*(graph.find_upstream_modules(m) for m in modules))))


@cache
def code_hash(*modules: str) -> str:
    """Hash of the source of `modules` and of all that they import from this package."""
    return content_hash(*((name, _source(name)) for name in import_closure(*modules)))


def module_hashes(*modules: str) -> dict[str, str]:
    """The hash of each source file that `code_hash` is made of, by module."""
    return {name: content_hash(_source(name)) for name in import_closure(*modules)}


@cache
def _source(module: str) -> str:
    spec = find_spec(module)
    assert spec is not None and spec.origin is not None, module
    return source_of(Path(spec.origin))
