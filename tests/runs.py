"""Configs of whole runs, cut down to what a test has time for, a run in another folder, and runs that workers share."""

from __future__ import annotations

import io
import pickle
import runpy
import shutil
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest
import yaml
from filelock import FileLock
from shop import write_shop

from goods.config.loading import read_experiment

if TYPE_CHECKING:
    from goods.presets import Options

Built = TypeVar("Built")
CONFIGS = Path(__file__).parents[1] / "configs"
KAZAN = "kazanexpress2023"
SMALL = {
    "linear": {
        "tune": {"trials": 3, "startup_trials": 1, "folds": [0], "space": {"C": {"low": 0.5, "high": 2.0}}}
    },
    "fasttext": {"model.epochs": 15, "model.dim": 16, "model.buckets": 2000},
    "navec": {"model.trainer.epochs": 3, "model.hidden": 32},
    "image-frozen": {"model.trainer.epochs": 3, "model.trainer.lr": 0.003, "model.size": 32},
    "transformer": {
        "model.scratch_layers": 1,
        "model.scratch_width": 48,
        "model.scratch_vocab": 500,
        "model.max_tokens": 16,
        "model.trainer.epochs": 2,
    },
    "fusion": {"model.trainer.epochs": 2},
    "transformer-frozen": {"model.max_tokens": 16, "model.trainer.epochs": 5},
    "image": {"model.size": 32, "model.trainer.epochs": 1},
    "stack": {"model.iterations": 30},
    "stack-full": {"model.iterations": 30},
}


@cache
def drawn() -> Callable[..., None]:
    """How matplotlib saves a figure, which `no_pictures` asks before it has it done otherwise."""
    from matplotlib.figure import Figure

    return Figure.savefig


def small_configs(folder: Path, competition: str, experiments: list[str], n_folds: int = 3) -> Path:
    """The competition's own configs and others, cut down to what a test has time for; the rest are the defaults."""
    (folder / competition).mkdir(parents=True)
    source = CONFIGS / competition
    data = yaml.safe_load((source / "competition.yaml").read_text(encoding="utf-8"))
    (folder / competition / "competition.yaml").write_text(yaml.safe_dump({**data, "n_folds": n_folds}))
    for name in {path.stem for path in source.glob("*.yaml")} - {"competition"} | SMALL.keys():
        path = source / f"{name}.yaml"
        data = read_experiment(path)
        for key, value in SMALL.get(name, {}).items():
            *parents, last = key.split(".")
            part = data
            for parent in parents:
                part = part[parent]
            part[last] = value
        if name in ("stack", "stack-full"):
            data["model"]["experiments"] = experiments
        (folder / competition / path.name).write_text(
            yaml.safe_dump(data, allow_unicode=True), encoding="utf-8"
        )
    return folder


def piped_run(folder: Path) -> tuple[Path, str, str]:
    """scripts/run_all.py on the small shop, with a study: its folders, and its stdout and stderr, both piped.

    Its page has its pictures.
    """
    out, err = io.StringIO(), io.StringIO()
    configs = small_configs(folder / "configs", KAZAN, ["linear-tuned", "fasttext"])
    asked = ["run_all", KAZAN, "--data", str(write_shop(folder / "shop")), "--offline"]
    asked += ["--work", str(folder / "work"), "--out", str(folder / "out")]
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr("goods.cli.CONFIGS", configs)
        patch.setattr(sys, "argv", asked)
        patch.setattr("matplotlib.figure.Figure.savefig", drawn())
        runpy.run_path(str(CONFIGS.parent / "scripts" / "run_all.py"), run_name="__main__")
    return folder, out.getvalue(), err.getvalue()


def copied(options: Options, folder: Path) -> Options:
    """The same run in another folder, where it may be changed."""
    places = {
        name: shutil.copytree(getattr(options, name), folder / name) for name in ("configs", "work", "out")
    }
    return replace(options, **places)


def built_once(request: pytest.FixtureRequest, name: str, build: Callable[[Path], Built]) -> Built:
    """What `build` makes of a new folder; of several workers the first builds, and the others take what it made."""
    place: Path = request.getfixturevalue("tmp_path_factory").getbasetemp()
    if hasattr(request.config, "workerinput"):  # each worker's place is in one that they share
        place = place.parent
    made = place / f"{name}.pickle"
    with FileLock(place / f"{name}.lock"):
        if not made.exists():
            shutil.rmtree(place / name, ignore_errors=True)  # of a worker in which it failed
            (place / name).mkdir()
            built = build(place / name)
            made.write_bytes(pickle.dumps(built))
            return built
    return pickle.loads(made.read_bytes())


def own_copy(request: pytest.FixtureRequest, name: str, build: Callable[[Path], object]) -> Path:
    """The folder that `build` fills for all workers, as a worker's own, which its tests may write to."""

    def built(folder: Path) -> Path:
        build(folder)
        return folder

    place: Path = request.getfixturevalue("tmp_path_factory").mktemp(name)
    return shutil.copytree(built_once(request, name, built), place, dirs_exist_ok=True)
