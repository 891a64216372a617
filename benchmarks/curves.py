"""How seconds and memory of each stage grow with cards and with classes, on generated contests.

    .venv/bin/python benchmarks/curves.py --shape wide --cards 5000 10000 20000 40000 --classes 400 --work W
    .venv/bin/python benchmarks/curves.py --shape flat --cards 10000 --classes 100 400 1600 5000 --work W

reads:  what scripts/make_demo.py writes; a finished stage of W is not measured again
writes: W/<shape>-<cards>-<classes>/, W/curves.json, a markdown table to stdout

A fifth of the train cards is the single fold that is scored, as many again are test cards; the stack joins what is
trained of the quick preset, without studies. Each stage has a process of its own and one thread; seconds are its
processor time (user and system) without imports, so other programs change them little. The exponent is the slope of
log seconds over log size in the upper half of the sizes (at least two). How long boosting goes on is luck: with several
`--seeds` the stack is fitted with each, its seconds are their mean, its memory their largest.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from goods import cli
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.config.loading import load_experiment
from goods.core.artifacts import read_json, write_json
from goods.core.done import DONE
from goods.core.execution import counting
from goods.core.workspace import Workspace
from goods.demo.generator import generate
from goods.demo.shapes import SHAPES
from goods.prepare.folds import make_folds
from goods.prepare.stage import prepare
from goods.report.stage import write_report
from goods.stack.stage import stack
from goods.submit.prediction import predict_file
from goods.train.stage import train

BASE = ("linear", "fasttext", "navec", "knn", "image-frozen")
STAGES = ("prepare", "folds", *BASE, "stack", "report", "predict")
SCORED = 0.2  # of the train cards
LEAST = 0.5  # seconds below which an exponent says nothing
ONE_CORE = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Contest:
    """A generated contest of one size, its raw files and work folder below `folder`."""

    shape: str
    cards: int
    classes: int
    work: Path
    photos: float
    seed: int | None = None  # of the stack; None: its config's

    @property
    def folder(self) -> Path:
        return self.work / f"{self.shape}-{self.cards}-{self.classes}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def ws(self) -> Workspace:
        return Workspace(self.folder / "work", "kazanexpress2023")

    @property
    def competition(self) -> CompetitionConfig:
        return CompetitionConfig(
            name=self.ws.competition,
            reader=self.ws.competition,
            data=str(self.data),
            validation="scored.csv",
            n_folds=1,
        )

    def make(self) -> None:
        """The raw files, and which train cards are scored."""
        generate(
            self.data, self.cards, self.classes, shape=self.shape, photos=round(self.photos * self.cards)
        )
        ids = pd.read_parquet(self.data / "train.parquet", columns=["product_id"])
        ids.sample(frac=SCORED, random_state=0).to_csv(self.data / "scored.csv", index=False)

    def config(self, experiment: str) -> ExperimentConfig:
        there = [name for name in BASE if (self.ws.run(name).path / DONE).is_file()]
        settings = []
        if experiment == "stack":
            settings = [f"model.experiments=[{','.join(there)}]"]
            settings += [] if self.seed is None else [f"seed={self.seed}"]
        path = cli.CONFIGS / self.ws.competition / f"{experiment}.yaml"
        return load_experiment(path, settings, offline=True)

    def work_of(self, stage: str) -> Callable[[], object]:
        """What is measured."""
        ws, competition = self.ws, self.competition
        photos = self.data if self.photos else None
        if stage in BASE:
            return partial(train, ws, competition, self.config(stage), force=True)
        return {
            "prepare": partial(prepare, ws, competition, self.data, force=True),
            "folds": partial(make_folds, ws, competition, force=True),
            "stack": lambda: stack(ws, competition, self.config("stack"), force=True),
            "report": lambda: write_report(ws, competition, self.config("stack"), self.folder / "out"),
            "predict": lambda: predict_file(
                ws, competition, "stack", self.data / "test.parquet", photos, self.folder / "said.parquet"
            ),
        }[stage]


def spent(work: Callable[[], object]) -> dict[str, float]:
    """Processor seconds of this process and those it started, and the peak memory of the largest."""

    def used() -> float:
        both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(one.ru_utime + one.ru_stime for one in both)

    before, started = used(), time.perf_counter()
    work()
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {
        "seconds": round(used() - before, 2),
        "clock": round(time.perf_counter() - started, 2),
        "megabytes": round(peak / 2**10),
    }


def measured(contest: Contest, stage: str) -> dict[str, float]:
    """What the stage takes in a process of its own on one core; known where that was measured before."""
    told = contest.folder / f"{stage}{'' if contest.seed is None else f'-{contest.seed}'}.json"
    if told.is_file():
        return read_json(told)
    if stage == "report":  # one that is there would be kept
        shutil.rmtree(contest.folder / "out", ignore_errors=True)
    arguments = ["--shape", contest.shape, "--cards", str(contest.cards), "--classes", str(contest.classes)]
    arguments += ["--photos", str(contest.photos), "--work", str(contest.work)]
    arguments += [] if contest.seed is None else ["--seeds", str(contest.seed)]
    command = [sys.executable, __file__, *arguments, "--here", stage]
    out = subprocess.run(command, env=os.environ | ONE_CORE, stdout=subprocess.PIPE, text=True)
    if out.returncode:
        sys.exit(out.returncode)
    found = json.loads(out.stdout.strip().splitlines()[-1])
    write_json(told, found)
    return found


def with_seeds(contest: Contest, stage: str, seeds: list[int]) -> dict[str, float]:
    """What the stage takes; of the stack, which luck makes longer or shorter, the mean over the seeds."""
    if stage != "stack" or not seeds:
        return measured(contest, stage)
    found = pd.DataFrame([measured(replace(contest, seed=seed), stage) for seed in seeds])
    return {
        "seconds": found.seconds.mean(),
        "clock": found.clock.mean(),
        "megabytes": int(found.megabytes.max()),
    }


def exponent(sizes: list[int], seconds: list[float]) -> float | None:
    """The least-squares slope of log seconds over log size in the upper half of the sizes; None where the largest takes
    too little to tell."""
    order = np.argsort(sizes)[-max(2, -(-len(sizes) // 2)) :]
    if len(sizes) < 2 or max(seconds) < LEAST:
        return None
    return float(np.polyfit(np.log(np.array(sizes)[order]), np.log(np.array(seconds)[order]), 1)[0])


def table(found: dict[str, list[dict[str, Any]]], by: str) -> str:
    """Markdown: a row per stage, a column per size of what differs (`by`): seconds (megabytes)."""
    rows = []
    for stage, points in found.items():
        cells = {f"{p[by]:,} {by}": f"{p['seconds']:.1f} ({p['megabytes']:,.0f})" for p in points}
        slope = exponent([p[by] for p in points], [p["seconds"] for p in points])
        rows.append({"stage": stage, **cells, "exponent": "–" if slope is None else f"{slope:.2f}"})
    return pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--shape", choices=SHAPES, default="wide")
    parser.add_argument("--cards", type=int, nargs="+", default=[5_000, 10_000, 20_000, 40_000, 80_000])
    parser.add_argument("--classes", type=int, nargs="+", default=[400])
    parser.add_argument("--photos", type=float, default=0.05, help="share of the cards that have one")
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[], help="of the stack (default: its config's)"
    )
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=STAGES)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--here", choices=STAGES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    contests = [Contest(args.shape, n, c, args.work, args.photos) for n in args.cards for c in args.classes]
    if args.here:
        with counting(1):
            contest = replace(contests[0], seed=args.seeds[0] if args.seeds else None)
            print(json.dumps(spent(contest.work_of(args.here))))
        return
    found: dict[str, list[dict[str, Any]]] = {stage: [] for stage in args.stages}
    for contest in contests:
        if not contest.data.is_dir():
            contest.make()
        for stage in args.stages:
            point = {
                "cards": contest.cards,
                "classes": contest.classes,
                **with_seeds(contest, stage, args.seeds),
            }
            found[stage].append(point)
            print(f"{contest.folder.name} {stage}: {point}", file=sys.stderr, flush=True)
    by = "classes" if len(args.cards) == 1 else "cards"
    write_json(args.work / f"{args.shape}-{by}.json", found)
    print(table(found, by))


if __name__ == "__main__":
    cli.run(main)
