"""The same inputs under other circumstances: are the bytes the same?

reads:  configs/
writes: --folder: raw files of a made-up shop and of made-up pairs, and what every circumstance made of them; a markdown
        table to stdout: by circumstance how many files are the same, and which are not

Under every circumstance all stages run from nothing in a process of their own; every file is compared with that of a
run under none, but for what is about the run rather than its result (see ABOUT_THE_RUN). Keys in DONE are compared too.

    .venv/bin/python benchmarks/determinism.py --folder F --circumstances "hash seed" killed --experiments linear stack
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from goods import cli
from goods.config.loading import override, read_experiment
from goods.core import execution
from goods.core.done import DONE, LOGS, STARTED, read_done
from goods.core.hashing import read_hash
from goods.demo.generator import generate
from goods.demo.offers import generate as generate_offers
from goods.pipeline import run_all
from goods.presets import Options

SCRATCH = [
    *("model.weights=scratch", "model.scratch_layers=1", "model.scratch_width=48", "model.scratch_vocab=500"),
    *("model.max_tokens=16", "model.trainer.epochs=2"),
]
SMALL_PHOTOS = ["model.size=32", "model.hidden=16", "model.trainer.epochs=2"]
CARDS = {
    "linear": ["tune.trials=3", "tune.startup_trials=1"],
    "fasttext": ["model.epochs=10", "model.dim=16", "model.buckets=2000"],
    "navec": ["model.subword_buckets=500", "model.width=16", "model.trainer.epochs=2"],
    "knn": [],
    "transformer": SCRATCH,
    "image-frozen": SMALL_PHOTOS,
    "image-small-cnn": SMALL_PHOTOS,
    "fusion": ["model.width=16", "model.hidden=16", "model.trainer.epochs=1"],
    "clip": [
        *("model.text.subword_buckets=500", "model.text.width=16", "model.image.size=32", "model.width=16"),
        *("model.pretrain.epochs=2", "model.trainer.epochs=2"),
    ],
    "coca": [
        *("model.text.vocabulary=300", "model.text.width=16", "model.text.heads=2", "model.text.layers=1"),
        *("model.image.size=32", "model.width=16", "model.pretrain.epochs=1", "model.trainer.epochs=2"),
    ],
    "stack": ["model.iterations=30"],
}
PAIRS = {
    "words": [],
    "bi-encoder": SCRATCH,
    "cross-encoder": SCRATCH,
    "stack": ["model.iterations=60", "model.learning_rate=0.2", "model.depth=4", "model.bags=1"],
}
SHOP, OFFERS = "kazanexpress2023", "ozon"
COMPETITIONS = {SHOP: CARDS, OFFERS: PAIRS}
TUNED = ("linear",)
ABOUT_THE_RUN = {
    DONE: "hashes of the files below",
    STARTED: "",
    "report.json": "seconds",
    "report.html": "seconds",
    "leaderboard.csv": "seconds",
    "study.db": "times of trials",
    "hashes.npz": "times of raw files",
}
PLENTY = 64 * 2**30  # bytes free: as many jobs side by side as there are cores


@dataclass(frozen=True)
class Circumstance:
    """`environment`: variables of the process, "{folder}" in them is a new folder; `memory`: bytes that are free;
    `cores`: CPU cores it may use, all where None; `backwards`: folders list their files in the other order; `kills`:
    at which shares of an undisturbed run's time it is killed and started again."""

    environment: dict[str, str] = field(default_factory=dict)
    memory: int = PLENTY
    cores: int | None = None
    umask: int = 0o022
    backwards: bool = False
    elsewhere: bool = False
    kills: tuple[float, ...] = ()


UNDISTURBED = "undisturbed"
CIRCUMSTANCES = {
    UNDISTURBED: Circumstance(),
    "one job at a time": Circumstance(memory=0),
    "killed": Circumstance(kills=(0.25, 0.5, 0.75)),
    "hash seed": Circumstance({"PYTHONHASHSEED": "4711"}),
    "other folder": Circumstance(elsewhere=True),
    "TMPDIR": Circumstance({"TMPDIR": "{folder}"}),
    "HOME": Circumstance({"HOME": "{folder}", "XDG_CACHE_HOME": "{folder}/cache"}),
    "umask": Circumstance(umask=0o077),
    "locale": Circumstance({"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    "time zone": Circumstance({"TZ": "Asia/Vladivostok"}),
    "order of files": Circumstance(backwards=True),
    "one core": Circumstance(cores=1),
}
CIRCUMSTANCES["all at once"] = Circumstance(
    {name: value for one in CIRCUMSTANCES.values() for name, value in one.environment.items()},
    memory=0,
    umask=0o077,
    backwards=True,
    elsewhere=True,
)


def write_configs(folder: Path, competition: str, experiments: tuple[str, ...], n_folds: int = 3) -> None:
    """The repository's configs of `experiments`, and of what they build on, cut down; the last joins the others."""
    made, source = folder / competition, cli.CONFIGS / competition
    made.mkdir(parents=True)
    told = yaml.safe_load((source / "competition.yaml").read_text(encoding="utf-8"))
    (made / "competition.yaml").write_text(yaml.safe_dump(told | {"n_folds": n_folds}), encoding="utf-8")
    for name, settings in COMPETITIONS[competition].items():
        data: dict[str, Any] = override(read_experiment(source / f"{name}.yaml"), settings)
        if name == "stack":
            below = [e for e in experiments if e != name]
            data["model"]["experiments"] = [f"{e}-tuned" if e in TUNED else e for e in below]
        (made / f"{name}.yaml").write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")


def write_raw(folder: Path, rows: int) -> None:
    """Raw files of both competitions."""
    generate(folder / SHOP, rows=rows, classes=max(2, rows // 10), seed=1)
    generate_offers(folder / OFFERS, rows=2 * rows, seed=3)


def list_backwards() -> None:
    """Folders list what is in them in the other order, in this process."""
    scan, names = os.scandir, os.listdir

    class Backwards:
        def __init__(self, *where: Any) -> None:
            with scan(*where) as found:
                self.entries = iter(sorted(found, key=lambda entry: entry.name, reverse=True))

        def __iter__(self) -> Iterator[os.DirEntry]:
            return self.entries

        def __next__(self) -> os.DirEntry:
            return next(self.entries)

        def __enter__(self) -> Backwards:
            return self

        def __exit__(self, *_: object) -> None:
            self.close()

        def close(self) -> None:
            self.entries = iter(())

    os.scandir = Backwards  # type: ignore[assignment,misc]
    os.listdir = lambda *where: sorted(names(*where), reverse=True)  # type: ignore[assignment]


def child(
    raw: Path, configs: Path, folder: Path, competitions: list[str], circumstance: Circumstance
) -> None:
    """All stages of the competitions, in this process."""
    os.umask(circumstance.umask)
    execution.free_memory = lambda: circumstance.memory
    if circumstance.backwards:
        list_backwards()
    for name in competitions:
        run_all(name, Options(configs, folder / "work", folder / "out", raw / name, offline=True))


def run(raw: Path, configs: Path, folder: Path, competitions: list[str], circumstance: Circumstance) -> float:
    """All stages in `folder`, which is made; kills are in seconds. Returns those of the last attempt."""
    place = folder / "elsewhere"
    place.mkdir(parents=True)
    told = [str(p.resolve()) for p in (raw, configs, folder)]
    command = [sys.executable, str(Path(__file__).resolve()), "--child", json.dumps([*told, competitions])]
    command.append(json.dumps(asdict(circumstance)))
    environment = {
        name: value.format(folder=place.resolve()) for name, value in circumstance.environment.items()
    }

    def start() -> subprocess.Popen:
        with (folder / "log").open("a") as log:
            return subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                cwd=place if circumstance.elsewhere else None,
                env={**os.environ, **environment},
                start_new_session=True,
                preexec_fn=lambda: _use(circumstance.cores),
            )

    for seconds in circumstance.kills:
        process = start()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    started = time.perf_counter()
    if start().wait():
        raise SystemExit(f"{folder / 'log'}: " + (folder / "log").read_text(errors="replace")[-2000:])
    return time.perf_counter() - started


def _use(cores: int | None) -> None:
    if cores is not None:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


def contents(folder: Path) -> dict[str, str]:
    """Hash of every file that a result is, and the key of every finished folder, by its name below `folder`."""
    found = {}
    for path in sorted(p for top in ("work", "out") for p in (folder / top).rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix()
        if path.name == DONE:
            done = read_done(path.parent)
            assert done is not None
            found[f"{name}: key"] = done.key
        elif path.name not in ABOUT_THE_RUN and not {LOGS, "locks"} & set(path.parts) and path.name[0] != ".":
            found[name] = read_hash(path)
    return found


def made(
    folder: Path, name: str, competitions: list[str], seconds: float = 0
) -> tuple[dict[str, str], float]:
    """What all stages make of raw/ and configs/ in `folder` under a circumstance, by its name, and seconds;
    `seconds`: what it takes undisturbed."""
    circumstance, place = CIRCUMSTANCES[name], folder / name.replace(" ", "-")
    kills = tuple(share * seconds for share in circumstance.kills)
    took = run(folder / "raw", folder / "configs", place, competitions, replace(circumstance, kills=kills))
    return contents(place), took


def unlike(one: dict[str, str], other: dict[str, str]) -> list[str]:
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    others = [name for name in CIRCUMSTANCES if name != UNDISTURBED]
    parser.add_argument("--folder", type=Path, help="a folder that is not there yet")
    parser.add_argument("--rows", type=int, default=300, help="train cards, and half of the train pairs")
    parser.add_argument("--circumstances", nargs="+", choices=others, default=others)
    parser.add_argument("--experiments", nargs="+", help="of cards, ending in stack (default: all)")
    parser.add_argument("--competitions", nargs="+", choices=COMPETITIONS, default=list(COMPETITIONS))
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        *paths, competitions = json.loads(args.child[0])
        child(*map(Path, paths), competitions, Circumstance(**json.loads(args.child[1])))
        return
    if args.folder.exists():
        parser.error(f"{args.folder} is there already: name a folder that is not")
    write_raw(args.folder / "raw", args.rows)
    for name in args.competitions:
        chosen = args.experiments if args.experiments and name == SHOP else COMPETITIONS[name]
        write_configs(args.folder / "configs", name, tuple(chosen))
    expected, seconds = made(args.folder, UNDISTURBED, args.competitions)
    print(f"{len(expected)} files and keys, {seconds:.0f} s undisturbed\n")
    print("| circumstance | same | not the same | seconds |\n|---|---|---|---|")
    for name in args.circumstances:
        found, took = made(args.folder, name, args.competitions, seconds)
        other = unlike(expected, found)
        same = len(expected) - len(other)
        print(f"| {name} | {same} | {', '.join(other) or '–'} | {took:.0f} |", flush=True)


if __name__ == "__main__":
    main()
