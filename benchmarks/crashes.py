"""Runs that are killed at random moments of every stage and go on: are the bytes the same in the end, and nothing
finished done twice?

reads:  configs/
writes: --folder: configs of a small demo shop, an undisturbed run, the disturbed ones and what they said; the same as
        JSON to --out

A run is all stages of the shop, folds in worker processes, in a process group of its own. It is killed with the group
(SIGKILL) --each times in every stage, at moments drawn evenly from what the stage takes an undisturbed run, and started
again until it ends by itself; of a stage that goes on near its end the next drawn moment may lie behind it. With
--writes N it is killed right before or after one of its next N renames of a written file instead, and trains its folds
itself. The next begins from nothing, until there were --kills or --minutes are over.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from killed_run import NAME, Kill, attempt, marks

from goods import cli
from goods.config.loading import load_experiment, override, read_experiment
from goods.core.artifacts import write_json
from goods.core.hashing import file_hash
from goods.core.workspace import Workspace
from goods.train.best import TUNED

EXPERIMENTS = {
    "linear": ["tune.trials=4"],
    "fasttext": ["model.epochs=10", "model.dim=16", "model.buckets=2000"],
    "navec": ["model.subword_buckets=500", "model.width=16", "model.trainer.epochs=2"],
    "transformer": [
        *("model.scratch_layers=1", "model.scratch_width=48", "model.scratch_vocab=500"),
        *("model.max_tokens=16", "model.trainer.epochs=2"),
    ],
    "image-small-cnn": ["model.size=32", "model.hidden=16", "model.trainer.epochs=2"],
    "image-frozen": ["model.size=32", "model.hidden=16", "model.trainer.epochs=2"],
    "fusion": ["model.width=16", "model.hidden=16", "model.trainer.epochs=1"],
    "knn": [],
    "clip": [
        *("model.text.subword_buckets=500", "model.text.width=16", "model.image.size=32", "model.width=16"),
        *("model.pretrain.epochs=2", "model.trainer.epochs=2"),
    ],
    "stack": ["model.iterations=30"],
}
JOINED = ("linear-tuned", *(name for name in EXPERIMENTS if name not in ("linear", "stack")))
COMPARED = (
    ".parquet",
    ".npz",
    ".npy",
    ".yaml",
    ".safetensors",
    ".bin",
    ".cbm",
)  # files without times in them
OF_PHOTOS = ("features-", "pair-", "pixels-")  # caches
WRONG = ("Traceback", "error:", "damaged", "is not what was written", "is missing")


def shop(folder: Path, args: argparse.Namespace) -> Path:
    """Configs of the demo below `folder`, cut down."""
    source, made = cli.CONFIGS / NAME, folder / "configs" / NAME
    made.mkdir(parents=True)
    competition = yaml.safe_load((source / "competition.yaml").read_text(encoding="utf-8"))
    competition |= {"demo_rows": 500, "demo_classes": 60, "n_folds": args.folds}
    (made / "competition.yaml").write_text(yaml.safe_dump(competition), encoding="utf-8")
    for name, settings in EXPERIMENTS.items():
        data = override(read_experiment(source / f"{name}.yaml"), settings)
        if name == "stack":
            data["model"]["experiments"] = args.experiments
        (made / f"{name}.yaml").write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    return made.parent


def finished_folds(folder: Path) -> dict[str, int]:
    """When each finished fold was, by name."""
    runs = Workspace(folder / "work", NAME).path / "runs"
    return {str(p.parent.relative_to(runs)): p.stat().st_mtime_ns for p in runs.glob("*/fold_*/DONE")}


def contents(folder: Path) -> dict[str, str]:
    """Hashes of what a run made, by name; hashes.npz, and what is cached of photos, hold times of raw files."""
    made = (p for p in folder.rglob("*") if p.suffix in COMPARED and "logs" not in p.parts)
    kept = (p for p in made if not p.name.startswith(".") and p.name != "hashes.npz")
    kept = (p for p in kept if not p.name.startswith(OF_PHOTOS))
    return {str(p.relative_to(folder)): file_hash(p) for p in kept}


class Kills:
    """Draws when runs are killed: `spans` are seconds of the stages of an undisturbed run, `args` what is asked for."""

    def __init__(self, rng: random.Random, spans: dict[str, float], args: argparse.Namespace) -> None:
        self.rng, self.spans, self.args, self.left = rng, spans, args, args.kills
        self.ends = time.monotonic() + 60 * args.minutes
        self.owed: Counter[str] = Counter()

    def goes_on(self) -> bool:
        return self.left > 0 and time.monotonic() < self.ends

    def begin(self) -> None:
        """A run begins from nothing."""
        self.owed = Counter(dict.fromkeys(self.spans, self.args.each))

    def made(self, stage: str) -> None:
        self.left -= 1
        self.owed[stage] -= 1

    def draw(self) -> Kill:
        if not self.goes_on():
            return Kill()
        if self.args.writes is not None:
            return Kill(write=self.rng.randint(1, self.args.writes), before=self.rng.random() < 0.3)
        return Kill(lambda stage: self.rng.uniform(0, self.spans[stage]) if self.owed[stage] > 0 else None)


@dataclass
class Found:
    """`stages`: what runs were at when they were killed, and how often."""

    kills: int = 0
    runs: int = 0
    seconds: float = 0.0
    stages: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    leftovers: int = 0

    def table(self) -> dict[str, Any]:
        return {**vars(self), "stages": dict(self.stages.most_common())}


def disturb(
    configs: Path,
    folder: Path,
    expected: dict[str, str],
    kills: Kills,
    found: Found,
    one_process: bool,
) -> None:
    """One run from nothing, killed as it is drawn until it ends or no kill is drawn; what is wrong is added to
    `found`."""
    folder.mkdir()
    kills.begin()
    done: dict[str, int] = {}
    while True:
        code = attempt(configs, folder, kills.draw(), one_process)
        now = finished_folds(folder)
        found.faults += [
            f"{folder.name}: {name} was trained twice" for name in done if now.get(name) != done[name]
        ]
        done = now
        if code is not None:
            break
        found.kills += 1
        stage = marks(folder)[-1][1]
        found.stages[stage] += 1
        kills.made(stage)
    found.runs += 1
    said = (folder / "log").read_text(encoding="utf-8", errors="replace")
    found.faults += [f"{folder.name}: said {word!r}" for word in WRONG if word in said]
    if code != 0:
        found.faults.append(f"{folder.name}: ended with {code}")
    made = contents(folder)
    names = sorted(name for name in expected.keys() | made.keys() if expected.get(name) != made.get(name))
    found.faults += [f"{folder.name}: {name} is another" for name in names]
    found.leftovers += sum(
        p.name.startswith(".") and p.suffix != ".lock" for p in folder.rglob("*") if p.is_file()
    )


def crashes(folder: Path, args: argparse.Namespace) -> Found:
    """Kill runs in `folder`, which is empty."""
    configs = shop(folder, args)
    found, alone = Found(), args.writes is not None
    (folder / "undisturbed").mkdir()
    started = time.monotonic()
    if (code := attempt(configs, folder / "undisturbed", Kill(), alone)) != 0:
        found.faults.append(f"undisturbed: ended with {code}")
        return found
    expected = contents(folder / "undisturbed")
    times = [when for when, _ in marks(folder / "undisturbed")] + [time.monotonic()]
    spans = {stage: times[i + 1] - times[i] for i, (_, stage) in enumerate(marks(folder / "undisturbed"))}
    kills = Kills(random.Random(args.seed), spans, args)
    while kills.goes_on():
        place, faults = folder / f"run-{found.runs}", len(found.faults)
        disturb(configs, place, expected, kills, found, alone)
        if len(found.faults) == faults:
            shutil.rmtree(place)
        told = f"{found.kills} kills, {found.runs} runs, {len(found.faults)} faults; {dict(found.stages)}"
        print(told, file=sys.stderr, flush=True)
    found.seconds = round(time.monotonic() - started, 1)
    return found


def load(experiments: list[str]) -> None:
    """Import what runs of them take seconds to, once for all."""
    import catboost  # noqa: F401
    import optuna  # noqa: F401

    configs = [
        load_experiment(cli.CONFIGS / NAME / f"{name.removesuffix(TUNED)}.yaml") for name in experiments
    ]
    if any(config.model.on_gpu for config in configs):
        import lightning  # noqa: F401


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--each", type=int, default=1, help="kills of one run in each of its stages")
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--writes", type=int, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--folder", type=Path, help="default: a temporary one, removed where nothing is wrong"
    )
    parser.add_argument("--experiments", nargs="+", default=list(JOINED), metavar="NAME", help="default: all")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    folder = args.folder or Path(tempfile.mkdtemp(prefix="crashes-"))
    load(args.experiments)
    found = crashes(folder, args)
    print(yaml.safe_dump(found.table(), sort_keys=False))
    if args.out:
        write_json(args.out, found.table())
    if found.faults:
        sys.exit(f"{len(found.faults)} faults; see {folder}")
    if args.folder is None:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
