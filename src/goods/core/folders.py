"""Folders: what lies below one, symbolic links followed, whether it can be written to, and how much."""

from __future__ import annotations

import errno
import os
import re
import shutil
import sys
import tempfile
from collections import Counter, deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from goods.core.errors import GoodsError
from goods.core.log import say
from goods.core.wording import size

SURELY, LIKELY = 0.67, 1.5  # of what is guessed to be needed: less free is too little, less than that may be
SCHEME = re.compile(r"[a-z][a-z0-9+.-]+")  # of an address; a drive's letter is none
MOST_PATHS = 16  # that lead to one folder: folders that link to each other have more than can be listed


@dataclass
class Tree:
    """`files`: paths of regular files below the folder, as "a/b.jpg", in the order of their parts.

    `unread`: (path, reason) of links and folders that lead nowhere or cannot be entered.
    """

    files: list[str] = field(default_factory=list)
    unread: list[tuple[str, str]] = field(default_factory=list)


def current_folder() -> Path:
    """Ends the process in one line where it was removed, as all else asks for it too."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        print("error: the current folder was removed; cd to one that is there", file=sys.stderr)
        sys.exit(2)


def walk(folder: Path) -> Tree:
    """A file has each of the paths that links lead along, the shortest first where they are too many; no path leads
    through a folder twice."""
    tree, entered = Tree(), Counter[tuple[int, int]]()
    waiting: deque[tuple[str, tuple[tuple[int, int], ...]]] = deque([("", ())])
    while waiting:
        path, above = waiting.popleft()
        try:
            stat = (folder / path).stat()
            identity = (stat.st_dev, stat.st_ino)
            if identity in above or entered[identity] == MOST_PATHS:
                reason = "a link into itself" if identity in above else "more links lead there"
                tree.unread.append((path, reason))
                continue
            entered[identity] += 1
            with os.scandir(folder / path) as entries:
                found = sorted((entry.name, _kind(entry)) for entry in entries)
        except OSError as error:
            tree.unread.append((path, f"unreadable folder ({type(error).__name__})"))
            continue
        for name, kind in found:
            below = f"{path}/{name}" if path else name
            if kind == "folder":
                waiting.append((below, (*above, identity)))
            elif kind == "file":
                tree.files.append(below)
            elif kind:
                tree.unread.append((below, kind))
    tree.files.sort(key=lambda file: file.split("/"))
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


def check_local(folder: Path) -> None:
    """GoodsError where it is an address of a store, such as s3://…: a path of this system is needed."""
    scheme, slash, _ = str(folder).partition(":/")
    if slash and SCHEME.fullmatch(scheme):
        raise GoodsError(
            f"{folder}: an address, not a folder: locks and files that are whole or not at all need a file system; "
            "mount the store as one (NFS, Lustre and the like) and name the folder"
        )


def check_folder(folder: Path) -> None:
    """GoodsError where a file is what it names, or lies above it, or links lead round in a circle."""
    try:
        folder.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise GoodsError(
                f"{folder}: a link that leads to itself; remove it, or name another folder"
            ) from None
    there = existing(folder)
    if not there.is_dir():
        raise GoodsError(
            f"{folder}: cannot be written to or read from ({there} is a file, not a folder); name another folder"
        )


def check_writable(folder: Path) -> None:
    """GoodsError unless files can be written to `folder`, or it can be made; nothing is left there."""
    check_folder(folder)
    there = existing(folder)
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise GoodsError(
            f"{folder}: cannot be written to ({error.strerror}: {there}); name another folder"
        ) from None


def check_is_file(path: Path, kind: str) -> None:
    """GoodsError where a file that is to be read is none; `kind` says what may be named, "a .csv file"."""
    if path.is_dir():
        raise GoodsError(f"{path}: a folder, expected {kind}")
    if path.exists() and not path.is_file():
        raise GoodsError(
            f"{path}: a pipe or a device, which can be read but once; save what it gives as {kind}, and name that"
        )
    if not path.is_file():
        raise GoodsError(f"{path}: no such file; name {kind}")


def check_apart(out: Path, cards: Path, what: str) -> None:
    """GoodsError where a file to be written is that of the cards; `what` is to be named anew."""
    if out.exists() and cards.exists() and out.samefile(cards):
        raise GoodsError(f"--out {out}: these are the cards themselves; name another {what}")


def disk_used(folder: Path) -> int:
    """Bytes of the disk that all files below the folder take up, or the file that it is; 0 where it is not there, and
    for what vanishes meanwhile."""
    total = 0
    for path in (folder, *folder.rglob("*")):
        with suppress(OSError):
            total += path.lstat().st_blocks * 512 if not path.is_dir() else 0
    return total


def remove_tree(folder: Path) -> None:
    """With all that is in it; an error names the path of what cannot be removed, not its last part alone."""

    def whole(_: object, path: str, error: tuple[type[BaseException], BaseException, TracebackType]) -> None:
        if isinstance(error[1], OSError):
            error[1].filename = path
        raise error[1]

    shutil.rmtree(folder, onerror=whole)


def existing(folder: Path) -> Path:
    """The folder itself, or the first above it that is there."""
    there = folder.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    return there


def check_room(needed: Mapping[Path, float], what: str) -> None:
    """GoodsError where a disk has clearly less free than the bytes that are `needed` in the folders on it for `what`, a
    warning where it may have. The numbers are guesses: a disk that has two thirds is given a try."""
    disks: dict[int, list[Path]] = {}
    for folder in needed:
        disks.setdefault(existing(folder).stat().st_dev, []).append(folder)
    for folders in disks.values():
        bytes_, free = sum(needed[f] for f in folders), shutil.disk_usage(existing(folders[0])).free
        if free >= bytes_ * LIKELY:
            continue
        told = (
            f"{' and '.join(map(str, folders))}: about {size(bytes_)} are needed there for {what}, {size(free)} are "
            "free; free some, or name another folder"
        )
        if free < bytes_ * SURELY:
            raise GoodsError(told)
        say(f"warning: {told}, if the run ends for want of space")
