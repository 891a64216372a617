"""The only file that knows run paths and file names; atomic writes; DONE markers.

A stage's inputs are summed up in one key (config, code of the stage, upstream hashes). Its folder holds
DONE with that key once everything else is written, so a killed stage is done again and a finished one
is skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xxhash

from goods.errors import GoodsError

PACKAGE = Path(__file__).parent
ALL = -1  # in place of a fold: no fold is left out
TOP_K = 32  # classes kept per card in every prediction file


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


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary sibling to write to, renamed to `path` on success and removed on failure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise GoodsError(f"{path}: missing; run the stage that writes it first") from None


def write_text(path: Path, text: str) -> None:
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_parquet(path: Path, table: pd.DataFrame) -> None:
    with atomic(path) as temporary:
        table.to_parquet(temporary, index=False)


def write_npz(path: Path, **arrays: np.ndarray) -> None:
    with atomic(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def done_key(folder: Path) -> str | None:
    """The key a finished stage left in its folder; None where it is unfinished."""
    marker = folder / "DONE"
    return marker.read_text() if marker.is_file() else None


def is_done(folder: Path, key: str) -> bool:
    return done_key(folder) == key


def mark_done(folder: Path, key: str) -> None:
    write_text(folder / "DONE", key)


def begin(folder: Path, key: str) -> None:
    """Make an empty-of-DONE folder for a stage; what a run with other inputs left there is removed."""
    started = folder / "STARTED"
    if folder.exists() and not (started.is_file() and started.read_text() == key):
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "DONE").unlink(missing_ok=True)
    write_text(started, key)


@dataclass(frozen=True)
class Predictions:
    """Top-k probabilities on disk and between stages; what is left over of 1 is on no kept class.

    product_id int64 [n] · classes int32 [n, k], best first (of a stack: the class to submit, then by probability) ·
    proba float32 [n, k]
    """

    product_id: np.ndarray
    classes: np.ndarray
    proba: np.ndarray

    def save(self, path: Path) -> None:
        write_npz(path, product_id=self.product_id, classes=self.classes, proba=self.proba)

    @staticmethod
    def load(path: Path) -> Predictions:
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return Predictions(arrays["product_id"], arrays["classes"], arrays["proba"])
        except FileNotFoundError:
            raise GoodsError(f"{path}: missing; train that experiment first") from None
        except (OSError, ValueError, KeyError) as error:
            raise GoodsError(f"{path}: damaged ({error}); delete its folder and run again") from None

    def proba_of(self, c: int) -> np.ndarray:
        """float32 [n] probability of class `c`, 0 where it is not kept."""
        return np.where(self.classes == c, self.proba, np.float32(0)).sum(1)

    @property
    def hash(self) -> str:
        return content_hash(self.product_id, self.classes, self.proba)

    def aligned(self, product_id: np.ndarray) -> Predictions:
        """Rows in the order of `product_id` [m]; every id must be here exactly once."""
        order = pd.Index(self.product_id)
        if not order.is_unique:
            raise GoodsError("predictions hold a product_id twice; train that experiment again")
        rows = order.get_indexer(pd.Index(product_id))
        if (rows < 0).any():
            missing = product_id[rows < 0][:3].tolist()
            raise GoodsError(f"predictions lack product_id {missing}; train that experiment again")
        return Predictions(self.product_id[rows], self.classes[rows], self.proba[rows])


@dataclass(frozen=True)
class Run:
    """runs/<experiment>/, its fold_<k>/ folders and, after a refit, all_folds/."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "config.yaml"

    @property
    def report(self) -> Path:
        return self.path / "report.json"

    @property
    def oof(self) -> Path:
        return self.path / "oof.npz"

    @property
    def test(self) -> Path:
        return self.path / "test.npz"

    def fold(self, k: int) -> Path:
        """Where fold k is, or what is fitted on all folds (`ALL`)."""
        return self.path / ("all_folds" if k == ALL else f"fold_{k}")


@dataclass(frozen=True)
class Workspace:
    """work/<competition>/: everything derived from one competition's raw files.

    A competition of several targets has work/<competition>/<target>/ below it for each, on the same cards: named
    "<competition>/<target>", with prepared/, folds and runs of its own and a common cache.
    """

    root: Path
    competition: str

    @property
    def path(self) -> Path:
        return self.root / self.competition

    @property
    def whole(self) -> Workspace:
        """Of a target the competition it belongs to; else this one."""
        return Workspace(self.root, self.competition.partition("/")[0])

    def target(self, name: str) -> Workspace:
        return Workspace(self.root, f"{self.competition}/{name}")

    @property
    def prepared(self) -> Path:
        return self.path / "prepared"

    @property
    def cards(self) -> Path:
        return self.prepared / "cards.parquet"

    @property
    def pairs(self) -> Path:
        """Only where the competition asks which cards are the same product."""
        return self.prepared / "pairs.parquet"

    @property
    def vectors(self) -> Path:
        """Embeddings that came with the cards of `pairs`."""
        return self.prepared / "vectors.npz"

    @property
    def labels(self) -> Path:
        return self.prepared / "labels.json"

    @property
    def issues(self) -> Path:
        return self.prepared / "issues.parquet"

    @property
    def source(self) -> Path:
        return self.prepared / "source.json"

    @property
    def raw(self) -> Path:
        """Where the demo's generated raw files go; other competitions bring their own."""
        return self.path / "raw"

    @property
    def cache(self) -> Path:
        return self.whole.path / "cache"

    @property
    def folds(self) -> Path:
        return self.path / "folds.parquet"

    def run(self, experiment: str) -> Run:
        return Run(self.path / "runs" / experiment)

    def tuning(self, experiment: str) -> Path:
        return self.path / "runs" / f"{experiment}-tuning"
