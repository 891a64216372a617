"""The only file that knows run paths and file names."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from goods.core.errors import GoodsError

LONGEST = 200  # bytes of a folder's name; file systems have 255
ALL = -1  # in place of a fold: no fold is left out
# folders of a competition, which those of its targets lie beside
OWN = frozenset({"prepared", "raw", "cache", "runs", "logs", "locks", "unlabelled"})


def is_folder_name(name: str) -> bool:
    """Whether it names one folder in another, and no path: as it is shown, and with what a run appends to it."""
    path = name in ("", ".", "..") or not set(name).isdisjoint("/\\")
    return not path and name.isprintable() and name == name.strip() and len(name.encode()) <= LONGEST


def competition_name(word: str) -> str:
    """Without the / that a shell puts behind the name of a folder. GoodsError of a path: files would be elsewhere."""
    name = word.rstrip("/")
    if not all(map(is_folder_name, name.split("/"))) or name.count("/") > 1:
        raise GoodsError(
            f"{word!r} names no competition; give the name of a folder of configs/, or name/target"
        )
    return name


def experiment_name(word: str) -> str:
    """As it is. GoodsError of a path: its run would be elsewhere."""
    if not is_folder_name(word):
        raise GoodsError(f"experiment {word!r}: expected a name, which is that of a folder, and no path")
    return word


def check_outside(work: Path, out: Path, what: str, *own: Path) -> None:
    """GoodsError where what is to be written for the user would lie among the files of a competition that is prepared
    in the work folder, or is the `own` one's; `what` is to be named anew."""
    real = Path(os.path.realpath(out))
    for folder in (*own, *sorted(prepared.parent for prepared in work.glob("*/prepared"))):
        if real.is_relative_to(os.path.realpath(folder)):
            raise GoodsError(f"--out {out}: {folder} keeps its own files there; name a {what} elsewhere")


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
    repeat: int = 0  # of several fold assignments the one that folds and runs are of

    @property
    def path(self) -> Path:
        return self.root / self.competition

    @property
    def whole(self) -> Workspace:
        """Of a target the competition it belongs to; else this one."""
        return Workspace(self.root, self.competition.partition("/")[0])

    @property
    def attribute(self) -> str:
        """The name of a target; that of the competition where it has a single one."""
        return self.competition.rpartition("/")[2]

    def target(self, name: str) -> Workspace:
        return Workspace(self.root, f"{self.competition}/{name}")

    def check_outside(self, out: Path) -> None:
        """GoodsError where a file that is to be written for the user would lie among those of a competition."""
        check_outside(self.root, out, "file", self.whole.path)

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
    def raw_text(self) -> Path:
        """What the texts of cards were that normalisation changed."""
        return self.prepared / "raw_text.parquet"

    @property
    def photo_names(self) -> Path:
        """How photos of cards are called, where it is not by the cards' ids."""
        return self.prepared / "photo_names.parquet"

    @property
    def door(self) -> Path:
        """What came in, train beside test."""
        return self.prepared / "door.json"

    @property
    def source(self) -> Path:
        return self.prepared / "source.json"

    @property
    def raw(self) -> Path:
        """Where the demo's generated raw files go; other competitions bring their own."""
        return self.path / "raw"

    @property
    def curves(self) -> Path:
        """TensorBoard logs of all networks; of targets in a folder each, below that of the whole competition."""
        logs = self.whole.path / "logs"
        return logs if self.competition == self.whole.competition else logs / self.attribute

    @property
    def cache(self) -> Path:
        return self.whole.path / "cache"

    @property
    def folds(self) -> Path:
        return self.path / (f"folds_{self.repeat}.parquet" if self.repeat else "folds.parquet")

    @property
    def runs(self) -> Path:
        """A folder for each experiment, each study and what was scored under several fold assignments."""
        return self.path / "runs"

    def run(self, experiment: str) -> Run:
        if self.repeat:
            return Run(self.repeats(experiment).with_name(f"repeat_{self.repeat}"))
        return Run(self._below_runs(experiment))

    def _below_runs(self, experiment: str, ending: str = "") -> Path:
        """GoodsError where the name would lead elsewhere."""
        return self.runs / f"{experiment_name(experiment)}{ending}"

    def repeats(self, experiment: str) -> Path:
        """What an experiment scored under all fold assignments together."""
        return self._below_runs(experiment, "-repeats") / "report.json"

    def tuning(self, experiment: str) -> Path:
        return self._below_runs(experiment, "-tuning")
