"""Submissions that are kept, each once.

writes: submissions/<competition>/<date>-<hash>/ result.parquet, experiment.yaml (competition.yaml beside it), key,
        report.html where it was made, with the files it links to
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

from goods.core.artifacts import copy_file, write_text
from goods.core.errors import GoodsError
from goods.core.folders import remove_tree
from goods.core.hashing import read_hash

SHOWN = 12  # signs of a hash in a folder's name
RESULT = "result"  # stem of the submission's files
GOING = ".removed-"  # begins the name of a folder that is being removed
REPORT, KEY = "report.html", "key"
LINK = re.compile(r'<a href="([^"#:]+)"')  # to a file, not to a place in the page or elsewhere


def keep(result: Path, files: dict[str, str], most: int | None = None) -> Path:
    """Copy the submission at `result` and `files` (name → text) into a folder beside it, named by the day and the
    file's hash; of an equal one the folder there is. At `most` so many folders stay, the newest."""
    if most is not None and most < 1:
        raise GoodsError(f"--keep {most}: expected 1 or more, the submission just made among them")
    digest = read_hash(result)
    there = kept(result.parent, digest)
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    folder = there[-1] if there else result.with_name(f"{today}-{digest[:SHOWN]}")
    copy = folder / result.name
    if not copy.is_file() or read_hash(copy) != digest:
        copy_file(result, copy)
    csv = result.with_suffix(".csv")  # where the contest takes one
    if csv.is_file():
        copy_file(csv, folder / csv.name)
    for name, text in files.items():
        if (
            not (folder / name).is_file()
            or (folder / name).read_text(encoding="utf-8", errors="replace") != text
        ):
            write_text(folder / name, text)
    if most is not None:
        others = [one for one in kept(result.parent) if one != folder]
        for old in others[: max(0, len(others) + 1 - most)]:
            old.rename(old.with_name(f"{GOING}{old.name}"))  # half of one is no submission
        for going in result.parent.glob(f"{GOING}*/"):
            remove_tree(going)
    return folder


def keep_report(report: Path, key: str) -> None:
    """Copy a report of the run that has `key`, and the files it links to, to where submissions of that run are kept."""
    for folder in kept(report.parent):
        if key_of_kept(folder) == key:
            copy_file(report, folder / REPORT)
            for file in linked(report):
                copy_file(file, folder / file.relative_to(report.parent.resolve()))


def is_of_another(result: Path, key: str) -> bool:
    """Whether the submission that is there is, as its kept copy tells, not of the run that has `key`."""
    if not result.is_file():
        return False
    told = {key_of_kept(folder) for folder in kept(result.parent, read_hash(result))} - {None}
    return bool(told) and key not in told


def key_of_kept(folder: Path) -> str | None:
    """Key of the run that a kept submission is of; None where nothing tells."""
    file = folder / KEY
    return file.read_text(encoding="utf-8", errors="replace").strip() if file.is_file() else None


def linked(page: Path) -> list[Path]:
    """Files below a page's folder that it links to, itself or through further pages; not what is kept besides: the
    submission, the page."""
    root, found, left = page.parent.resolve(), dict[Path, None](), [page.resolve()]
    while left:
        one = left.pop()
        for link in LINK.findall(one.read_text(encoding="utf-8")):
            file = (one.parent / unquote(link)).resolve()
            kept_anyway = file.parent == root and (file.stem == RESULT or file == page.resolve())
            if file in found or kept_anyway or not (file.is_relative_to(root) and file.is_file()):
                continue
            found[file] = None
            left += [file] if file.suffix == ".html" else []
    return list(found)


def kept(folder: Path, digest: str = "") -> list[Path]:
    """Folders of submissions of a competition, oldest first; of those whose file's hash begins as `digest` does."""
    day = "[0-9]" * 4 + "-[0-9][0-9]-[0-9][0-9]"
    found = folder.glob(f"{day}-{digest[:SHOWN]}*/")
    return sorted(found, key=lambda one: (one.name[:10], one.stat().st_mtime_ns))
