"""Hashes of values and files: what keys are made of."""

from __future__ import annotations

import json
import time
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

CLOCK_TICK = 100_000_000  # nanoseconds in which a file may change twice and bear one time


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
            text = json.dumps(part, sort_keys=True, ensure_ascii=False, default=str)
            digest.update(text.encode(errors="surrogatepass"))  # of names of files that are no UTF-8
        digest.update(b"\x00")
    return digest.hexdigest()


def row_hashes(rows: np.ndarray) -> np.ndarray:
    """uint64 [n] hash of the bytes of each row."""
    return np.fromiter((xxhash.xxh3_64_intdigest(row.tobytes()) for row in rows), np.uint64, len(rows))


def file_hash(path: Path) -> str:
    """Hash of a file's content; read once per process as long as nothing about the file changes."""
    stat = path.stat()
    if time.time_ns() - stat.st_ctime_ns < CLOCK_TICK:
        return read_hash(path)
    return _known_hash(path, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)


@cache
def _known_hash(path: Path, *stamp: int) -> str:
    return read_hash(path)


def read_hash(path: Path) -> str:
    """Hash of a file's content, read now."""
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def bytes_hash(content: bytes) -> str:
    """As `read_hash` of a file that holds them."""
    return xxhash.xxh3_128_hexdigest(content)


def content_of(path: Path, leave_out: tuple[str, ...] = ()) -> str:
    """Hash of a file, or of a folder's files by their names below it: the same wherever they lie. Hidden files, and
    files and folders named in `leave_out`, do not count."""
    if path.is_file():
        return file_hash(path)
    files = {p.relative_to(path): p for p in sorted(path.rglob("*")) if p.is_file()}
    return content_hash(
        [
            (str(name), file_hash(p))
            for name, p in files.items()
            if not any(part.startswith(".") or part in leave_out for part in name.parts)
        ]
    )
