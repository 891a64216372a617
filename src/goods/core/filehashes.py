"""Content hashes of many files, kept so that only what has changed is read again.

writes: work/<competition>/cache/hashes.npz: paths below the hashed folder, stamps int64 [n, 4], hashes uint8 [n, 16]
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from stat import S_ISREG

import numpy as np

from goods.core.artifacts import cached_npz, write_npz
from goods.core.errors import GoodsError
from goods.core.hashing import read_hash
from goods.core.progress import bar

Stamp = tuple[int, int, int, int]  # size, mtime and ctime in ns, inode
NO_FILE = ""  # in place of a hash, of what is missing, cannot be read or is no regular file
SETTLED_NS = 2_000_000_000  # a file changed as shortly before it was read may change again within one tick of its clock
CHUNK = 256  # files a thread takes at once
SHOWN = 2_000  # files to read from which on progress is shown


class FileHashes:
    """Of files below `folder`, by their names there ("images/train/1.jpg").

    `kept` is a cache: damaged or missing it is empty, and `save` leaves in it what was asked for.
    """

    def __init__(self, folder: Path, kept: Path) -> None:
        self.folder, self.kept = str(folder), kept
        self.known = _load(kept)
        self.told: dict[str, tuple[Stamp, str]] = {}
        self.lasting: set[str] = set()

    def of(self, names: Sequence[str]) -> list[str]:
        """Hash of each file, the same within one run: it is read once; NO_FILE where there is none."""
        new = [name for name in dict.fromkeys(names) if name not in self.told]
        stamps = {name: stamp for name in new if (stamp := self._stamp(name))}
        for name, stamp in stamps.items():
            if (known := self.known.get(name)) and known[0] == stamp:
                self.told[name] = known
                self.lasting.add(name)
        unread = [name for name in stamps if name not in self.told]
        now = time.time_ns()
        for name, hash_ in zip(unread, self._read(unread), strict=True):
            self.told[name] = (stamps[name], hash_)
            if hash_ and max(stamps[name][1:3]) < now - SETTLED_NS:
                self.lasting.add(name)
        return [self.told[name][1] if name in self.told else NO_FILE for name in names]

    def check(self) -> None:
        """GoodsError where a file has changed since it was hashed: what was read of it may be either."""
        for name, (stamp, _) in self.told.items():
            if self._stamp(name) != stamp:
                raise GoodsError(
                    f"{self.folder}/{name}: changed while it was read; wait until it is whole and run again"
                )

    def save(self) -> None:
        kept = {name: self.told[name] for name in sorted(self.lasting)}
        if kept == self.known:
            return
        hashes = bytes.fromhex("".join(hash_ for _, hash_ in kept.values()))
        write_npz(
            self.kept,
            paths=np.frombuffer(os.fsencode("\0".join(kept)), np.uint8),
            stamps=np.array([stamp for stamp, _ in kept.values()], np.int64).reshape(-1, 4),
            hashes=np.frombuffer(hashes, np.uint8).reshape(-1, 16),
        )
        self.known = kept

    def _stamp(self, name: str) -> Stamp | None:
        try:
            found = os.stat(f"{self.folder}/{name}")  # noqa: PTH116 - of very many: a Path takes longer than its stat
        except (OSError, ValueError):
            return None
        if not S_ISREG(found.st_mode):
            return None
        return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino

    def _read(self, names: list[str]) -> list[str]:
        """By threads: files are read and big blocks hashed without the interpreter lock."""
        chunks = [names[i : i + CHUNK] for i in range(0, len(names), CHUNK)]
        with (
            ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool,
            bar("hashes", len(names), "files", hidden=len(names) < SHOWN) as shown,
        ):
            found = []
            for chunk in pool.map(self._hashes, chunks):
                found += chunk
                shown.update(len(chunk))
        return found

    def _hashes(self, names: list[str]) -> list[str]:
        return [self._hash(name) for name in names]

    def _hash(self, name: str) -> str:
        try:
            return read_hash(Path(f"{self.folder}/{name}"))
        except OSError:
            return NO_FILE


def _load(path: Path) -> dict[str, tuple[Stamp, str]]:
    arrays = cached_npz(path, "paths", "stamps", "hashes") if path.is_file() else None
    if arrays is None:
        return {}
    names = os.fsdecode(arrays["paths"].tobytes()).split("\0")
    hashes, stamps = arrays["hashes"], arrays["stamps"]
    if hashes.shape != (len(names), 16) or stamps.shape != (len(names), 4):
        return {}  # of no file, or written by someone else
    text = hashes.tobytes().hex()
    hexed = (text[i : i + 32] for i in range(0, len(text), 32))
    return {
        name: (tuple(stamp), hash_) for name, stamp, hash_ in zip(names, stamps.tolist(), hexed, strict=True)
    }
