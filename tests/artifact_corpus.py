"""Finished runs of tiny shops, and what is done to their files: the next run has to mend each by itself.

PYTHONPATH=src:tests .venv/bin/python -m artifact_corpus many --every 20 --minutes 10
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import yaml
from conftest import small_configs, write_shop
from school import write_school

from goods.core.hashing import file_hash
from goods.demo.offers import generate
from goods.pipeline import run_all
from goods.presets import Options

DAMAGES = ("deleted", "emptied", "halved", "flipped", "another")
LEFT_OUT = {  # of JSON: times, memory, where raw files are and when they were made
    "report.json": ("fit_seconds", "predict_seconds", "cards_per_second", "memory_mb"),
    "source.json": ("data", "photos"),
    "folds.json": ("key",),
}

FEW = ["linear-tuned", "fasttext"]
MANY = [
    *FEW,
    *(
        "navec",
        "transformer",
        "transformer-frozen",
        "image-small-cnn",
        "image-frozen",
        "fusion",
        "knn",
        "clip",
    ),
]
SMALLER = {
    "navec": {"subword_buckets": 500, "width": 16},
    "image-small-cnn": {"size": 32, "hidden": 16, "trainer": {"epochs": 2}},
    "image-frozen": {"hidden": 16},
    "fusion": {"width": 16, "hidden": 16},
    "clip": {
        "width": 16,
        "text": {"subword_buckets": 500, "width": 16, "hidden": 16},
        "image": {"size": 32, "hidden": 16},
        "pretrain": {"epochs": 2},
        "trainer": {"epochs": 2},
    },
    "stack": {"iterations": 20},  # of pairs
}


@dataclass(frozen=True)
class Run:
    """A run of all stages in folders of its own."""

    name: str
    options: Options

    def go(self) -> None:
        run_all(self.name, self.options)

    @property
    def folder(self) -> Path:
        return self.options.work.parent

    def copied(self, folder: Path) -> Run:
        """The same command in another folder, which gets all that this one has made; raw data and configs stay."""
        for made in (self.options.work, self.options.out):
            shutil.copytree(made, folder / made.name)
        return replace(self, options=replace(self.options, work=folder / "work", out=folder / "out"))

    @property
    def place(self) -> str:
        """Where most of its files are, below the folder."""
        return f"work/{self.name}"

    def files(self) -> list[str]:
        """Names below the folder of all that a run makes; locks hold nothing, TensorBoard's logs are not read."""
        made = (self.options.work, self.options.out)
        found = (p.relative_to(self.folder) for folder in made for p in folder.rglob("*") if p.is_file())
        kept = (p for p in found if p.suffix != ".lock" and p.name != "study.workers")
        return sorted(str(p) for p in kept if "logs" not in p.parts)

    def contents(self) -> dict[str, str]:
        """What is to be the same however a run came about, by name."""
        return {name: content for name in self.files() if (content := content_of(self.folder / name))}


def content_of(path: Path) -> str:
    """Of a file without the times in it; empty where there is nothing but."""
    if path.suffix == ".db" or path.name in ("leaderboard.csv", "hashes.npz", "DONE", "STARTED"):
        return ""  # times in studies, stamps and hashes of such files; what unfinished stages alone read
    if path.name in LEFT_OUT:
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            return json.dumps(
                {name: value for name, value in told.items() if name not in LEFT_OUT[path.name]}
            )
        except (ValueError, AttributeError):
            return "damaged"
    if path.name == "report.html":
        return re.sub(r"\d+\.\d+|\d+", "0", path.read_text(encoding="utf-8"))
    return file_hash(path)


def damage(path: Path, how: str, other: Path | None = None) -> bool:
    """Whether something was done to the file; `other` is what another run has in its place."""
    whole = path.read_bytes()
    if how == "deleted":
        path.unlink()
        return True
    if how == "another":
        if other is None or not other.is_file():
            return False
        path.write_bytes(other.read_bytes())
    elif how == "emptied":
        path.write_bytes(b"")
    elif how == "halved":
        path.write_bytes(whole[: len(whole) // 2])
    elif whole:
        flipped = bytearray(whole)
        flipped[len(whole) // 2] ^= 4
        path.write_bytes(flipped)
    return path.read_bytes() != whole


def of_cards(experiments: list[str]) -> Callable[[Path, int], Run]:
    def make(folder: Path, seed: int) -> Run:
        data = write_shop(folder / "data", 96, 16, photos=len(experiments) > len(FEW), seed=seed)
        return prepared_run(folder, "kazanexpress2023", data, experiments)

    return make


def of_attributes(folder: Path, seed: int) -> Run:
    run = prepared_run(folder, "wildberries", write_school(folder / "data", seed), ["linear", "fasttext"])
    change(run, "competition", {"targets": ["sex", "season"]})
    return run


def of_pairs(folder: Path, seed: int) -> Run:
    generate(folder / "data", rows=400, seed=seed)
    return prepared_run(folder, "ozon", folder / "data", ["words"])


def of_demo(folder: Path, seed: int) -> Run:
    run = prepared_run(folder, "demo", None, ["linear"])
    change(run, "competition", {"demo_rows": 500, "demo_classes": 60, "seed": seed})
    return run


KINDS: dict[str, Callable[[Path, int], Run]] = {
    "few": of_cards(FEW),
    "many": of_cards(MANY),
    "attributes": of_attributes,
    "pairs": of_pairs,
    "demo": of_demo,
}


def prepared_run(folder: Path, name: str, data: Path | None, experiments: list[str]) -> Run:
    """Before it has done anything."""
    configs = small_configs(folder / "configs", name, experiments)
    run = Run(name, Options(configs, folder / "work", folder / "out", data, offline=True))
    for experiment, changes in SMALLER.items():
        if (configs / name / f"{experiment}.yaml").is_file():
            change(run, experiment, {"model": changes})
    return run


def change(run: Run, config: str, changes: dict) -> None:
    """Lay keys over those of a config file."""
    path = run.options.configs / run.name / f"{config}.yaml"
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump(laid_over(data, changes), allow_unicode=True), encoding="utf-8")


def laid_over(below: dict, above: dict) -> dict:
    nested = {k: laid_over(below[k], v) for k, v in above.items() if isinstance(v, dict) and k in below}
    return below | above | nested


def finished(kind: str, folder: Path) -> tuple[Run, Run]:
    """A run of a kind, and another of other data."""
    runs = []
    for seed in (0, 1):
        place = folder / str(seed)
        place.mkdir()
        runs.append(KINDS[kind](place, seed))
        runs[-1].go()
    return runs[0], runs[1]


def faults(
    run: Run, other: Run, name: str, how: str, folder: Path, redo: tuple[str, ...] = ()
) -> Iterator[str]:
    """What is not as it should be once the damaged run was run again; the files `redo` are taken away before."""
    wanted = run.contents()
    again = run.copied(folder)
    try:
        if not damage(again.folder / name, how, other.folder / name):
            return
        for marker in redo:
            (again.folder / marker).unlink()
        try:
            again.go()
        except Exception as error:
            yield f"{type(error).__name__}: {str(error)[:200]}"
            return
        found = again.contents()
        if how == "another":  # a cache that is whole keeps what others may ask for
            wanted = {name: content for name, content in wanted.items() if "cache" not in Path(name).parts}
        yield from (f"{missing} is missing" for missing in sorted(wanted.keys() - found.keys()))
        yield from (
            f"{name} is another" for name in sorted(wanted) if found.get(name, wanted[name]) != wanted[name]
        )
        board = pd.read_csv(again.options.out / "leaderboard.csv", dtype=str)
        if board.file_hash.iloc[-1] != file_hash(again.options.out / run.name / "result.parquet"):
            yield "the leaderboard lacks the submission"
    finally:
        shutil.rmtree(folder)


def readers_of_caches(run: Run) -> tuple[str, ...]:
    """Markers without which a fold of each family that reads a cache is trained again."""
    families = ("navec", "transformer-frozen", "image-small-cnn", "image-frozen", "clip", "words", "stack")
    markers = (f"{run.place}/runs/{name}/fold_0/DONE" for name in families)
    return tuple(marker for marker in markers if (run.folder / marker).is_file())


def cases_of(run: Run) -> list[tuple[str, str]]:
    """(file, what is done to it), all there are."""
    return [(name, how) for name in run.files() for how in DAMAGES]


def faults_of(run: Run, other: Run, case: tuple[str, str], folder: Path) -> list[str]:
    """Of one case; what is cached is asked for again."""
    name, how = case
    redo = readers_of_caches(run) if "cache" in Path(name).parts else ()
    return list(faults(run, other, name, how, folder, redo))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--every", type=int, default=1, help="of this many cases one is tried")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=600.0)
    args = parser.parse_args()
    ends, tried, wrong = time.monotonic() + 60 * args.minutes, 0, 0
    with tempfile.TemporaryDirectory(prefix="artifacts-") as folder:
        run, other = finished(args.kind, Path(folder))
        cases = cases_of(run)
        chosen = cases[args.first :: args.every]
        for case in chosen:
            if time.monotonic() > ends:
                break
            found = faults_of(run, other, case, Path(folder, "again"))
            tried, wrong = tried + 1, wrong + bool(found)
            if found:
                print(*case, *found, sep="\n  ", flush=True)
            print(f"{tried} of {len(cases)} cases, {wrong} wrong", flush=True)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
