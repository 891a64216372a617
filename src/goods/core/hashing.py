"""Hashes of values and files: what keys are made of."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

PACKAGE = Path(__file__).parent


def content_hash(*parts: Any) -> str:
    """Hash of strings, bytes, arrays and JSON-able values; order matters."""
    digest = xxhash.xxh3_128()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).tobytes())
        elif isinstance(part, bytes):
            digest.update(part)
        else:
            digest.update(json.dumps(part, sort_keys=True, ensure_ascii=False, default=str).encode())
        digest.update(b"\x00")
    return digest.hexdigest()


def file_hash(path: Path) -> str:
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@cache
def code_hash(*modules: str) -> str:
    """Hash of source files of this package, given relative to it: what a stage's result depends on.

    Read once per process: a file edited while a run is under way does not change what has been loaded.
    """
    return content_hash(*(((PACKAGE / module).read_bytes()) for module in modules))
