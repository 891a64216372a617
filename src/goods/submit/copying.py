"""Folders and files copied elsewhere, with a word on how far that is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from goods.core.progress import bar


def copy_all(copies: Mapping[Path, Path], title: str, leave_out: tuple[str, ...] = ()) -> None:
    """Copy each folder or file to where it is to be; of folders but for what the patterns `leave_out` name."""
    ignored = shutil.ignore_patterns(*leave_out)
    sizes = [size for source in copies for size in sizes_of(source, leave_out)]
    total = max(1, sum(sizes))
    with bar(title, len(sizes), "files") as shown:

        def copy(source: str, to: str) -> None:
            shutil.copy2(source, to)
            shown.update(share=Path(source).stat().st_size / total)

        for source, to in copies.items():
            to.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, to, ignore=ignored, copy_function=copy)
            else:
                copy(str(source), str(to))


def sizes_of(source: Path, leave_out: tuple[str, ...]) -> list[int]:
    """Bytes of the files that are copied of a folder, or of the file that it is."""
    if source.is_file():
        return [source.stat().st_size]
    ignored, found = shutil.ignore_patterns(*leave_out), list[int]()
    for place, inner, names in os.walk(source, followlinks=True):
        left_out = ignored(place, [*inner, *names])
        inner[:] = [name for name in inner if name not in left_out]
        found += [(Path(place) / name).stat().st_size for name in names if name not in left_out]
    return found
