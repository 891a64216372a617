"""What lies below a folder, symbolic links followed."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Tree:
    """`files`: paths of regular files below the folder, as "a/b.jpg", in the order of their parts.

    `unread`: (path, reason) of links and folders that lead nowhere or cannot be entered.
    """

    files: list[str] = field(default_factory=list)
    unread: list[tuple[str, str]] = field(default_factory=list)


def walk(folder: Path) -> Tree:
    """A file that links lead to along several paths has each of them; a folder within itself is not entered again."""
    tree = Tree()
    open_folders: list[tuple[str, tuple[tuple[int, int], ...]]] = [("", ())]
    while open_folders:
        path, above = open_folders.pop()
        try:
            found = (folder / path).stat()
            identity = (found.st_dev, found.st_ino)
            if identity in above:
                tree.unread.append((path, "a link into itself"))
                continue
            with os.scandir(folder / path) as entries:
                for entry in entries:
                    below = f"{path}/{entry.name}" if path else entry.name
                    kind = _kind(entry)
                    if kind == "folder":
                        open_folders.append((below, (*above, identity)))
                    elif kind == "file":
                        tree.files.append(below)
                    elif kind:
                        tree.unread.append((below, kind))
        except OSError as error:
            tree.unread.append((path, f"unreadable folder ({type(error).__name__})"))
    tree.files.sort(key=lambda p: p.split("/"))
    tree.unread.sort()
    return tree


def _kind(entry: os.DirEntry[str]) -> str:
    """ "folder", "file", "" for pipes and the like, else why a link leads to none of them."""
    try:
        if entry.is_dir():
            return "folder"
        if entry.is_file():
            return "file"
        broken = entry.is_symlink() and not Path(entry.path).exists()
    except OSError:  # ELOOP
        broken = True
    return "broken link" if broken else ""
