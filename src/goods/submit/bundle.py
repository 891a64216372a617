"""All that labels a contest's test cards where there is no network: a Kaggle dataset, and a notebook that reads it.

reads:  runs/ of an experiment and of those it builds on, prepared/, folds.parquet, the weights that they name
writes: <out>/dataset/ work/ weights/ configs/ wheels/ requirements.txt bundle.json dataset-metadata.json,
        <out>/kernel/ predict.ipynb kernel-metadata.json
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from goods.competitions.loading import competition_of
from goods.competitions.submission import CsvFormat
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.config.loading import COMPETITION, competition_folders, dump, first_with, load_experiment
from goods.config.table import listed
from goods.core.artifacts import read_json, write_json, write_text
from goods.core.done import DONE, LOGS, check_done, mark_done, read_done
from goods.core.errors import GoodsError
from goods.core.folders import disk_used
from goods.core.hashing import content_hash, content_of
from goods.core.locks import sole_writer
from goods.core.scratch import RUN, own_folder
from goods.core.workspace import Workspace, check_outside
from goods.prepare.prepared import parts
from goods.submit.batches import Asked, of_one_training
from goods.submit.copying import copy_all
from goods.submit.entries import overall
from goods.submit.needed import pins
from goods.submit.new_cards import reader_of
from goods.submit.notebook import notebook
from goods.submit.prediction import sees_photos
from goods.submit.predictor import model_folders

OF_PREPARED = ("cards.parquet", "labels.json", "source.json")  # what labelling reads
OF_RUN = ("config.yaml", "report.json")
LEFT_OUT = (".*", "checkpoints", LOGS)  # of the folders of models
MOST_TITLE = 50  # characters that Kaggle takes


@dataclass(frozen=True)
class Bundle:
    """Where it goes, and under whose name; `slug` is that of the contest, if it is one of Kaggle's."""

    out: Path
    user: str = "USERNAME"
    slug: str | None = None

    @property
    def dataset(self) -> Path:
        return self.out / "dataset"

    @property
    def kernel(self) -> Path:
        return self.out / "kernel"


def make_bundle(
    bundle: Bundle,
    ws: Workspace,
    competition: CompetitionConfig,
    experiment: str,
    configs: Path,
    wheels: Callable[[list[str], Path], None],
) -> dict[str, int]:
    """Write all of it; `wheels` puts those of "name==version" lines, and the project's own, into a folder. Returns the
    bytes of each part. It gets its names in `bundle.out` once all of it is there, so that it may be tried again."""
    reader_of(competition)
    check_empty(bundle.out)
    check_outside(ws.root, bundle.out, "folder", ws.whole.path)
    bundle.out.mkdir(parents=True, exist_ok=True)
    asked = Asked(ws, competition, experiment, None)
    with sole_writer(bundle.out), of_one_training(asked) as check, own_folder(bundle.out, RUN) as folder:
        made = replace(bundle, out=folder)
        fill(made, ws, competition, experiment, configs, wheels)
        check()
        for part in (made.kernel, made.dataset):
            part.rename(bundle.out / part.name)
    return {path.name: disk_used(path) for path in sorted(bundle.dataset.iterdir())}


def fill(
    bundle: Bundle,
    ws: Workspace,
    competition: CompetitionConfig,
    experiment: str,
    configs: Path,
    wheels: Callable[[list[str], Path], None],
) -> None:
    spaces = parts(ws, competition)
    models = [folder for space, one in spaces for folder in model_folders(space, one, experiment)]
    runs = list(dict.fromkeys(folder.parent for folder in models))
    loaded = [load_experiment(run / "config.yaml") for run in runs]
    networks = any(config.model.on_gpu for config in loaded)
    write_work(bundle, ws, [space for space, _ in spaces], models)
    for run, config in zip(runs, loaded, strict=True):
        move_weights(bundle, ws, run, config)
    folder = bundle.dataset / "configs" / competition.name
    folder.mkdir(parents=True)
    shutil.copy(first_with(COMPETITION, competition_folders(configs / competition.name)) or "", folder)
    needed = pins(modules_of(loaded, competition), networks)
    write_text(bundle.dataset / "requirements.txt", "\n".join((*needed, "goods")) + "\n")
    wheels(needed, bundle.dataset / "wheels")
    photos = any(sees_photos(space, experiment) for space, _ in spaces)
    write_about(bundle, ws, competition, experiment, photos, networks)


def check_empty(out: Path) -> None:
    """GoodsError where anything is in it but what a killed run has left, which `own_folder` removes."""
    if out.exists() and (
        not out.is_dir() or any(not path.name.removeprefix(".").startswith(RUN) for path in out.iterdir())
    ):
        raise GoodsError(f"--out {out}: not an empty folder; name another")


def modules_of(configs: list[ExperimentConfig], competition: CompetitionConfig) -> list[str]:
    """Modules whose code is run: those of the families and the reader."""
    from goods.competitions.loading import reader_module

    found = {reader_module(competition.reader)}
    for config in configs:
        found |= {"goods.stack.finished"} if config.model.second_level else set(config.model.modules)
    return sorted(found)


def write_work(bundle: Bundle, ws: Workspace, spaces: list[Workspace], models: list[Path]) -> None:
    """The work folder, without what labelling does not read: each folder is finished, of the files that are left."""
    to = bundle.dataset / "work"

    def there(path: Path) -> Path:
        return to / path.relative_to(ws.root)

    for space in dict.fromkeys((ws, *spaces)):
        check_done(space.prepared, "missing", f"run scripts/prepare.py {ws.competition} first")
        copy_named(space.prepared, there(space.prepared), OF_PREPARED)
        source = there(space.source)
        write_json(source, read_json(source) | {"data": "data"})
        finish(space.prepared, source.parent)
        for path in (space.folds, space.folds.with_suffix(".json")):
            if path.is_file():
                shutil.copy(path, there(path))
    copy_all({folder: there(folder) for folder in models}, "models", LEFT_OUT)
    for folder in dict.fromkeys(models):
        if (folder / DONE).is_file():  # a stack's folds are part of its run
            finish(folder, there(folder))
    for run in dict.fromkeys(folder.parent for folder in models):
        copy_named(run, there(run), OF_RUN)
        finish(run, there(run))


def copy_named(folder: Path, to: Path, names: tuple[str, ...]) -> None:
    to.mkdir(parents=True, exist_ok=True)
    for name in names:
        if (folder / name).is_file():
            shutil.copy(folder / name, to)


def finish(original: Path, copy: Path) -> None:
    """Mark a copy done under the key of the original, of the files that it has."""
    done = read_done(original)
    if done is None:
        raise GoodsError(f"{original}: {DONE} is missing; run scripts/verify.py")
    (copy / DONE).unlink(missing_ok=True)
    mark_done(copy, done.key)


def move_weights(bundle: Bundle, ws: Workspace, run: Path, config: ExperimentConfig) -> None:
    """Copy the local weights that a run's settings name, and have the copied settings name the copies, by paths below
    the folder that the notebook works in."""
    moved, copies = dict[str, str](), dict[Path, Path]()
    for named in sorted(config.model.local_files()):
        if Path(named) == config.model.further_cards:  # learned from already
            continue
        moved[named] = f"weights/{content_hash(content_of(Path(named)))[:12]}-{Path(named).name}"
        to = bundle.dataset / moved[named]
        if not to.exists():
            copies[Path(named)] = to
    if not moved:
        return
    copy_all(copies, "weights")
    copy = bundle.dataset / "work" / run.relative_to(ws.root)
    written = renamed(yaml.safe_load(dump(config)), moved)
    write_text(copy / "config.yaml", yaml.safe_dump(written, allow_unicode=True, sort_keys=False))
    finish(run, copy)


def renamed(value: object, names: dict[str, str]) -> object:
    """The value with texts that are among `names` replaced, however deep they stand."""
    if isinstance(value, dict):
        return {key: renamed(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [renamed(inner, names) for inner in value]
    return names.get(value, value) if isinstance(value, str) else value


def write_about(
    bundle: Bundle,
    ws: Workspace,
    competition: CompetitionConfig,
    experiment: str,
    photos: bool,
    networks: bool,
) -> None:
    """The notebook, and what Kaggle and it are told of the files."""
    metric, score, _ = overall(ws, competition, experiment)
    title = f"goods {competition.name} {experiment}"[:MOST_TITLE]
    named = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    about = {
        "competition": competition.name,
        "experiment": experiment,
        "photos": photos,
        "test": tests_of(competition),
        "csv": csv_of(competition),
        metric: score,
    }
    write_json(bundle.dataset / "bundle.json", about)
    write_json(
        bundle.dataset / "dataset-metadata.json",
        {"title": title, "id": f"{bundle.user}/{named}", "licenses": [{"name": "other"}]},
    )
    write_json(bundle.kernel / "predict.ipynb", notebook(title))
    write_json(
        bundle.kernel / "kernel-metadata.json",
        {
            "id": f"{bundle.user}/{named}-predict",
            "title": f"{title[: MOST_TITLE - 8]} predict",
            "code_file": "predict.ipynb",
            "language": "python",
            "kernel_type": "notebook",
            "is_private": True,
            "enable_gpu": networks,
            "enable_internet": False,
            "dataset_sources": [f"{bundle.user}/{named}"],
            "competition_sources": [bundle.slug] if bundle.slug else [],
            "kernel_sources": [],
        },
    )


def tests_of(competition: CompetitionConfig) -> list[str]:
    """What the contest's file of test cards is called: names or patterns."""
    return ["*test*.parquet"] if competition.table is None else [*listed(competition.table.files.test)]


def csv_of(competition: CompetitionConfig) -> dict[str, Any]:
    """How pandas is to write submission.csv."""
    return (competition_of(competition).submission.csv or CsvFormat()).options
