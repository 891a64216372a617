"""Functions that numba compiles: their machine code is kept, so that not every process compiles them anew.

writes: $NUMBA_CACHE_DIR, else $XDG_CACHE_HOME/goods/compiled, else ~/.cache/goods/compiled: <function>-<hash>.nbc, a
file for each types of arguments and processor. Its name follows from what has been loaded: the function's code and the
values it reads, and those of what it calls, in whatever module they stand. It ends with the hash of the rest: what
is damaged is made again; where none can be written, each process compiles for itself.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core.caching import IndexDataCacheFile, NullCache
from numba.core.compiler import CompileResult
from numba.core.dispatcher import Dispatcher
from numba.core.serialize import dumps

from goods.core.artifacts import atomic
from goods.core.hashing import bytes_hash, content_hash

SETTINGS = "NUMBA_"  # begins the names of the variables that say how numba compiles
FOLDER = "NUMBA_CACHE_DIR"
LONGEST = 30 * 24 * 3600  # seconds that a file stays
HASH = len(bytes_hash(b""))  # last bytes of a file, which numba does not read


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """As `numba.njit(**options)`; threads go on beside it, such as one that gives a study's trial its signs of life."""

    def of(function: Callable[..., Any]) -> Any:
        made: Any = numba.njit(nogil=True, **options)(function)
        if made is not function:  # as NUMBA_DISABLE_JIT leaves it
            made._cache = _Kept(made)
        return made

    return of


class _Kept(NullCache):
    """Whom numba asks for the machine code of a function before it compiles, and gives it to afterwards. Whatever goes
    wrong, it is compiled."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def load_overload(self, sig: Any, target_context: Any) -> CompileResult | None:
        target_context.refresh()
        with suppress(Exception):
            path = self._path(sig, target_context.codegen())
            if _is_own(path.parent):
                content = path.read_bytes()
                # what is damaged may crash, or be wrong
                if content[-HASH:] == bytes_hash(content[:-HASH]).encode():
                    kept = IndexDataCacheFile(str(path.parent), path.stem, None)
                    return CompileResult._rebuild(target_context, *kept._load_data(path.name))
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        with suppress(Exception):
            path = self._path(sig, data.codegen)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if _is_own(path.parent) and not data.library.has_dynamic_globals:  # addresses of this process
                _remove_old(path.parent)
                made = dumps(data._reduce())
                with atomic(path) as temporary:
                    temporary.write_bytes(made + bytes_hash(made).encode())

    def _path(self, sig: Any, codegen: Any) -> Path:
        """ValueError where the function reads what has no content to tell it by."""
        said = sorted((k, v) for k, v in os.environ.items() if k.startswith(SETTINGS) and k != FOLDER)
        versions = [numba.__version__, llvmlite.__version__, np.__version__, sys.version]
        parts = [*versions, said, str(sig), codegen.magic_tuple(), *_made_of(self.function)]
        return _folder() / f"{self.function.__name__}-{content_hash(*parts)}.nbc"


def _made_of(function: Any) -> Iterator[Any]:
    """All that its machine code follows from but the types of its arguments."""
    code, known = function.py_func.__code__, function.py_func.__globals__
    if code.co_freevars or any(isinstance(part, CodeType) for part in code.co_consts):
        raise ValueError(f"{code.co_name}: a function within another")
    yield from (function.__module__, function.__qualname__, sorted(function.targetoptions.items()))
    yield from (code.co_code, code.co_varnames, code.co_names, repr(code.co_consts))
    yield repr(function.py_func.__defaults__)
    for value in map(known.get, code.co_names):
        if isinstance(value, Dispatcher):
            yield from _made_of(value)
        elif isinstance(value, ModuleType) and value.__name__ in ("numpy", "math"):
            yield value.__name__
        elif isinstance(value, bool | int | float | str | np.generic | None):
            yield repr(value)
        else:
            raise ValueError(f"{code.co_name}: reads a {type(value).__name__}")


def _folder() -> Path:
    named = os.environ.get(FOLDER)
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(named) if named else Path(home).expanduser() / "goods" / "compiled"


def _is_own(folder: Path) -> bool:
    """Who else writes there could have us run what he likes."""
    there = folder.stat()
    return there.st_uid == os.getuid() and not there.st_mode & 0o022


def _remove_old(folder: Path) -> None:
    """Of functions that have changed since, and of writers that were killed."""
    for file in folder.glob("*.nbc"):
        with suppress(OSError):
            if time.time() - file.stat().st_mtime > LONGEST:
                file.unlink()
