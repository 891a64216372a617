"""What a reader looks at below the data folder: noted by the paths themselves, so that no reader has to say.

A reader is given an `InputPath`, and whatever it derives from it is one. To open such a path, in whatever way, it has
to be turned into a text: what then lies there counts with its content. Asked whether there is such a file, only the
answer counts, and of a folder that is listed the names.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from goods.core.errors import GoodsError
from goods.core.filehashes import FileHashes
from goods.core.folders import walk
from goods.core.hashing import content_hash

Seen = list[list[str]]  # [name below the folder, "kind", "content" or "names", what was found], sorted
CONTENT, KIND, NAMES = "content", "kind", "names:"  # and the pattern that was looked for


class InputPath(type(Path())):  # type: ignore[misc]
    """A path below the data folder of `inputs`."""

    inputs: ClassVar[Inputs]

    @property
    def plain(self) -> Path:
        return Path(*self.parts)

    def __str__(self) -> str:
        self.inputs.note(self.plain, CONTENT)
        return super().__str__()

    def __reduce__(self) -> tuple[type[Path], tuple[str, ...]]:
        self.inputs.note(self.plain, CONTENT)  # another process may read it
        return Path, self.parts

    def exists(self, **options: Any) -> bool:
        return self._asked().exists(**options)

    def is_file(self, **options: Any) -> bool:
        return self._asked().is_file(**options)

    def is_dir(self, **options: Any) -> bool:
        return self._asked().is_dir(**options)

    def _asked(self) -> Path:
        self.inputs.note(self.plain, KIND)
        return self.plain

    def iterdir(self) -> Iterator[InputPath]:
        return self.glob("*")

    def rglob(self, pattern: str, **options: Any) -> Iterator[InputPath]:
        return self.glob(f"**/{pattern}", **options)

    def glob(self, pattern: str, **options: Any) -> Iterator[InputPath]:
        self.inputs.note(self.plain, NAMES + pattern)
        return map(type(self), self.plain.glob(pattern, **options))


class Inputs:
    """`path`: the data folder, as a reader is given it."""

    def __init__(self, folder: Path, hashes: FileHashes) -> None:
        self.folder, self.hashes = folder, hashes
        self.path: Path = type("InputPath", (InputPath,), {"inputs": self})(folder)
        self._noted: set[tuple[str, str]] = set()

    def note(self, path: Path, aspect: str) -> None:
        name = os.path.relpath(path, self.folder)
        self._noted.add((name, aspect))
        if aspect == CONTENT:
            if path.exists() and not (path.is_file() or path.is_dir()):  # to open it may wait for ever
                raise GoodsError(f"{path}: a pipe or a device, not a file; write what it gives into a file")
            self.hashes.of([name])  # before it is read, so that a change meanwhile is noticed

    def seen(self) -> Seen:
        """All of the folder where nothing was opened: the reader made a path of its own."""
        if not any(aspect == CONTENT for _, aspect in self._noted):
            self.note(self.folder, CONTENT)
        return [
            [name, aspect, found(self.folder, name, aspect, self.hashes)]
            for name, aspect in sorted(self._noted)
        ]


def seen_again(seen: Seen, folder: Path, hashes: FileHashes) -> Seen:
    """What a reader that saw `seen` would see in `folder`."""
    return [[name, aspect, found(folder, name, aspect, hashes)] for name, aspect, _ in seen]


def found(folder: Path, name: str, aspect: str, hashes: FileHashes) -> str:
    """One aspect of what has a name below a folder, as a text."""
    path = folder / name
    if aspect == KIND:
        return "file" if path.is_file() else "folder" if path.is_dir() else "other" if path.exists() else ""
    if aspect != CONTENT:
        names = sorted(os.fsencode(os.path.relpath(p, path)) for p in path.glob(aspect.removeprefix(NAMES)))
        return content_hash(*names)
    if not path.is_dir():
        return hashes.of([name])[0]
    below = walk(path).files
    return content_hash(
        *(
            part
            for file, hash_ in zip(below, hashes.of([f"{name}/{file}" for file in below]), strict=True)
            for part in (os.fsencode(file), hash_)
        )
    )
