"""DONE: that what a stage left in its folder is all there and is what was written.

A stage's inputs are summed up in one key (config, code, what it builds on). Once everything else is on the disk its
folder gets DONE: that key, and the size and hash of every file. So a killed stage is done again, a finished one is
skipped, and one whose files are missing or no longer what was written counts as not done.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from goods.core.artifacts import let_read, on_disk, write_json, write_text
from goods.core.errors import GoodsError
from goods.core.folders import remove_tree
from goods.core.hashing import bytes_hash, content_hash, content_of, file_hash
from goods.core.log import say

DONE, STARTED = "DONE", "STARTED"
LOGS = "logs"  # for people; nothing reads them again


@dataclass(frozen=True)
class Done:
    """What a stage was made from, and (bytes, hash) of its files by their names below its folder; `coming` of those
    that are being changed: as they will be."""

    key: str
    files: dict[str, tuple[int, str]]
    coming: dict[str, tuple[int, str]] = field(default_factory=dict)


def read_done(folder: Path) -> Done | None:
    """What DONE says, whether it still holds or not; None where there is none, or it cannot be read."""
    try:
        told = json.loads((folder / DONE).read_text(encoding="utf-8"))
        files, coming = (
            {str(name): (int(n), str(h)) for name, (n, h) in part.items()}
            for part in (told["files"], told.get("coming", {}))
        )
        done = Done(str(told["key"]), files, coming)
        sealed = _seal(done)
        return done if told.get("seal", sealed) == sealed else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def flaw(folder: Path) -> str | None:
    """What is wrong with a folder that was finished; None where it is whole or was not finished."""
    done = read_done(folder)
    if done is None:
        return f"{DONE} is damaged" if (folder / DONE).exists() else None
    return _unlike(folder, done)


def _unlike(folder: Path, done: Done) -> str | None:
    """The first file that is not as `done` says, and why; None where all are."""
    for name, written in done.files.items():
        path = folder / name
        try:
            size = path.stat().st_size
            known = [digest for n, digest in (written, done.coming.get(name, written)) if n == size]
            if not known or not path.is_file() or file_hash(path) not in known:
                return f"{name} is not what was written"
        except (FileNotFoundError, NotADirectoryError):
            return f"{name} is missing"
        except OSError as error:
            return f"{name} cannot be read ({error.strerror})"
    return None


def done_key(folder: Path) -> str | None:
    """The key a finished stage left in its folder; None where it is unfinished or not whole."""
    done = read_done(folder)
    return done.key if done is not None and _unlike(folder, done) is None else None


def is_begun(folder: Path) -> bool:
    """Whether a stage began on it and has not finished."""
    return (folder / STARTED).is_file() and not (folder / DONE).exists()


def is_done(folder: Path, key: str) -> bool:
    done = read_done(folder)
    return done is not None and done.key == key and _unlike(folder, done) is None


def check_done(folder: Path, missing: str, how: str) -> None:
    """GoodsError, with `how` to go on, unless the folder is finished and whole; `missing` says what it is if not."""
    done = read_done(folder)
    wrong = flaw(folder) or missing if done is None else _unlike(folder, done)
    if wrong is not None:
        raise GoodsError(f"{folder}: {wrong}; {how}")


def mark_done(folder: Path, key: str, leave_out: tuple[str, ...] = ()) -> None:
    """`leave_out`: names of files that may change later."""
    files = {name: path for name, path in _files(folder) if name not in leave_out}
    if odd := [path for path in files.values() if not path.is_file()]:  # reading a pipe would wait for ever
        raise GoodsError(f"{odd[0]}: neither a file nor a folder; save files alone there")
    for path in files.values():
        let_read(path)
    on_disk(files.values())
    _tell(folder, Done(key, {name: _written(path) for name, path in files.items()}))


def change(folder: Path, name: str, text: str) -> None:
    """Give a finished and whole folder another text in its file `name`: it is whole whenever that is interrupted, with
    the file as it was or as it is to be."""
    done = read_done(folder)
    assert done is not None
    content = text.encode("utf-8")
    coming = (len(content), bytes_hash(content))
    files = done.files | {
        one: _written(folder / one) for one in done.coming
    }  # of a change that was interrupted
    _tell(folder, Done(done.key, files, {name: coming}))
    write_text(folder / name, text)
    _tell(folder, Done(done.key, files | {name: coming}))


def _written(path: Path) -> tuple[int, str]:
    return path.stat().st_size, file_hash(path)


def _tell(folder: Path, done: Done) -> None:
    told = {"key": done.key, "files": done.files} | ({"coming": done.coming} if done.coming else {})
    write_json(folder / DONE, told | {"seal": _seal(done)})


def _seal(done: Done) -> str:
    """Hash of what DONE says: one that was edited by hand counts as damaged."""
    return content_hash(done.key, done.files, done.coming)


def begin(folder: Path, key: str) -> None:
    """Make an empty-of-DONE folder for a stage; what a run with other inputs left there is removed, and of a finished
    one that is no longer whole all that it had written."""
    if folder.exists() and not begun_with(folder, key):
        remove_tree(folder)
    elif wrong := flaw(folder):
        say(f"{folder}: {wrong}: it is done again")
        _remove(folder, read_done(folder))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DONE).unlink(missing_ok=True)
    write_text(folder / STARTED, key)


def begun_with(folder: Path, key: str) -> bool:
    """Whether a stage has begun the folder with these inputs."""
    started = folder / STARTED
    return started.is_file() and started.read_text(errors="replace") == key


def fold_content(folder: Path) -> str:
    """Hash of what a finished fold holds, for those that build on it: its models and predictions, not how long they
    took."""
    return content_of(folder, leave_out=(DONE, STARTED, "report.json", LOGS))


def _remove(folder: Path, done: Done | None) -> None:
    if done is None:  # nobody knows what of it is good
        remove_tree(folder)
        return
    for name in done.files:
        (folder / name).unlink(missing_ok=True)


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Files below the folder, but for hidden ones, logs, and folders that have a DONE of their own or wait for it."""
    for place, inner, names in os.walk(folder):
        here = Path(place)
        inner[:] = sorted(
            name
            for name in inner
            if not name.startswith(".")
            and name != LOGS
            and not any((here / name / marker).exists() for marker in (DONE, STARTED))
        )
        for name in sorted(names):
            if not name.startswith(".") and not (here == folder and name in (DONE, STARTED)):
                yield (here / name).relative_to(folder).as_posix(), here / name
