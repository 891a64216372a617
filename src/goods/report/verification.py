"""Whether what a competition's finished stages wrote is still there: every file against the hash its DONE has.

reads: work/<competition>/, every folder with a DONE, folds.parquet
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from goods.core.done import DONE, flaw, read_done
from goods.core.wording import count, size
from goods.core.workspace import Run, Workspace
from goods.prepare.folds import dealt


def verify(ws: Workspace) -> tuple[list[str], list[str]]:
    """(what is whole, what is not and why), each a line about a folder or file below the work folder."""
    whole, damaged = [], []
    for folder in sorted(marker.parent for marker in ws.path.rglob(DONE)):
        name, done = _name(folder, ws), read_done(folder)
        if wrong := flaw(folder):
            damaged.append(f"{name}: {wrong}")
        elif done is not None:
            bytes_ = sum(n for n, _ in done.files.values())
            whole.append(f"{name}: {count(len(done.files), 'file')}, {size(bytes_)}")
    for folds in sorted(ws.path.rglob(ws.folds.name)):
        space = Workspace(ws.root, folds.parent.relative_to(ws.root).as_posix())
        there = dealt(space) is not None
        (whole if there else damaged).append(_name(folds, ws) + ("" if there else ": not what was written"))
        if there:
            damaged += [f"{_name(folder, ws)}: missing" for folder in missing_folds(space)]
    return whole, damaged


def missing_folds(ws: Workspace) -> list[Path]:
    """Folders of folds that finished runs were joined from and that are not there any more."""
    n_folds = int(pd.read_parquet(ws.folds, columns=["fold"]).fold.max()) + 1
    runs = [Run(marker.parent) for marker in sorted(ws.path.glob(f"runs/*/{DONE}"))]
    joined = (run for run in runs if any((run.fold(k) / DONE).is_file() for k in range(n_folds)))
    return [run.fold(k) for run in joined for k in range(n_folds) if not (run.fold(k) / DONE).is_file()]


def _name(path: Path, ws: Workspace) -> str:
    return path.relative_to(ws.path).as_posix()
