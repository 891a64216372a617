"""What tests share: the small shop, workspaces and finished runs of it, scripts called in this process.

How they are run is in sessions.py. The process that hands tests out to workers reads both, before any of them begins:
what takes seconds to import, and only fixtures need, they import.
"""

from __future__ import annotations

import runpy
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from ozon_offers import OZON, QUICK, ozon_config, ozon_workspace
from runs import CONFIGS, built_once, copied, own_copy, piped_run, small_configs
from school import write_school
from shop import write_shop

from goods.cards.images import ImageStore
from goods.competitions.loading import load_competition
from goods.config.competition import CompetitionConfig
from goods.config.loading import DEFAULTS, load_experiment
from goods.core.done import mark_done, read_done
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.models.base import Context
from goods.prepare.folds import make_folds
from goods.prepare.stage import prepare
from goods.train.stage import train

if TYPE_CHECKING:
    from goods.presets import Options
    from goods.stack.level import Level

pytest_plugins = ("sessions",)
ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
sys.path.append(str(ROOT / "scripts"))  # which a script finds beside it, and `runpy` does not
SCRIPTS = sorted(
    path.stem
    for path in (ROOT / "scripts").glob("*.py")
    if "cli.run(main)" in path.read_text(encoding="utf-8")
)


@pytest.fixture(scope="session")
def prepared_shop(tmp_path_factory) -> Path:
    """shop/, a small one, and work/, in which its cards are prepared and dealt to 3 folds."""
    folder = tmp_path_factory.mktemp("prepared")
    workspace = Workspace(folder / "work", COMPETITION.name)
    prepare(workspace, COMPETITION, write_shop(folder / "shop"))
    make_folds(workspace, COMPETITION)
    return folder


@pytest.fixture
def shop(tmp_path: Path, prepared_shop: Path) -> Path:
    return shutil.copytree(prepared_shop / "shop", tmp_path / "shop")


def competition_config(**changes) -> CompetitionConfig:
    values = {"name": "kazanexpress2023", "reader": "kazanexpress2023", "data": "nowhere", "n_folds": 3}
    return CompetitionConfig(**{**values, **changes})


COMPETITION = competition_config()


@pytest.fixture
def competition() -> CompetitionConfig:
    return COMPETITION


@pytest.fixture(scope="session")
def written_school(tmp_path_factory) -> Path:
    """Raw files of the contest of attributes, which no test changes."""
    return write_school(tmp_path_factory.mktemp("written") / "school")


@pytest.fixture
def school(tmp_path: Path, written_school: Path) -> Path:
    return shutil.copytree(written_school, tmp_path / "school")


@pytest.fixture(scope="session")
def attributes() -> CompetitionConfig:
    """The contest of attributes with 3 folds."""
    return load_competition("wildberries", ROOT / "configs").model_copy(update={"n_folds": 3})


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    """A folder of configs that has no competition yet."""
    folder = tmp_path / "configs"
    folder.mkdir()
    (folder / DEFAULTS).symlink_to(ROOT / "configs" / DEFAULTS)
    return folder


@pytest.fixture(scope="session")
def toy_photo_shop(tmp_path_factory) -> tuple[pd.DataFrame, Path]:
    """Cards of the toy shop, and a folder with their photos and, in cache/, what frozen backbones say of these."""
    from toy_models import photo_config, toy_cards, toy_context, toy_photos  # torch takes seconds to import

    from goods.models.image.image_model import ImageModel

    folder = tmp_path_factory.mktemp("photos")
    cards = toy_photos(folder, toy_cards())
    context = toy_context(folder, images=ImageStore(folder))
    for config in (photo_config(), photo_config(places=True, size=64)):
        ImageModel(config, context).warm(cards)
    return cards, folder


@pytest.fixture
def photos(tmp_path: Path, toy_photo_shop: tuple[pd.DataFrame, Path]) -> tuple[pd.DataFrame, Context]:
    """Cards of the toy shop with photos, and a context that finds them."""
    from toy_models import toy_context

    cards, folder = toy_photo_shop
    shutil.copytree(folder / "cache", tmp_path / "cache")
    return cards.copy(), toy_context(tmp_path, images=ImageStore(folder))


def as_written(folder: Path) -> None:
    """What a test has changed in a finished folder counts as what was written."""
    done = read_done(folder)
    assert done is not None
    mark_done(folder, done.key)


@pytest.fixture
def ws(tmp_path: Path, shop: Path, prepared_shop: Path, competition: CompetitionConfig) -> Workspace:
    """A workspace whose cards are prepared and dealt to as many folds as the competition has."""
    workspace = Workspace(tmp_path / "work", competition.name)
    if competition == COMPETITION:
        shutil.copytree(prepared_shop / "work", workspace.root)
    prepare(workspace, competition, shop)
    make_folds(workspace, competition)
    return workspace


@pytest.fixture(scope="session")
def trained_work(request, prepared_shop: Path) -> Path:
    """The work folder of the small shop with the base experiments of a stack."""

    def build(folder: Path) -> None:
        from stacks import train_base

        work = shutil.copytree(prepared_shop / "work", folder / "work")
        train_base(Workspace(work, COMPETITION.name), COMPETITION)

    return own_copy(request, "trained", build) / "work"


@pytest.fixture
def trained(ws: Workspace, trained_work: Path) -> Workspace:
    """A workspace with the base experiments of a stack."""
    shutil.copytree(Workspace(trained_work, ws.competition).path / "runs", ws.path / "runs")
    return ws


@pytest.fixture(scope="session")
def labeller(request) -> tuple[Workspace, Path]:
    """A workspace with finished runs of a model of texts and one of photos, and its raw files."""

    def build(folder: Path) -> None:
        shop = write_shop(folder / "shop", n_train=90, n_test=20, photos=True)
        ws = Workspace(folder / "work", COMPETITION.name)
        prepare(ws, COMPETITION, shop)
        make_folds(ws, COMPETITION)
        small = ["model.backbone=small_cnn", "model.weights=scratch", "model.size=16"]
        for name, given in (("linear", []), ("image-frozen", [*small, "model.trainer.epochs=1"])):
            train(ws, COMPETITION, load_experiment(CONFIGS / COMPETITION.name / f"{name}.yaml", given))

    folder = own_copy(request, "labeller", build)
    return Workspace(folder / "work", COMPETITION.name), folder / "shop"


@pytest.fixture(scope="session")
def level_and_noise(trained_work: Path) -> tuple[Level, Predictions]:
    """The level of a stack over the base experiments, and noisy predictions of its cards; no test changes either."""
    from stacks import noisy_level

    return noisy_level(Workspace(trained_work, COMPETITION.name), COMPETITION)


def whole_run(folder: Path, *experiments: str) -> tuple[Options, str]:
    """The small shop from raw files to a result by a stack of `experiments`, and the line that says so."""
    from goods.pipeline import run_all  # all there is, which few tests ask for
    from goods.presets import Options

    configs = small_configs(folder / "configs", COMPETITION.name, list(experiments))
    options = Options(configs, folder / "work", folder / "out", write_shop(folder / "shop"))
    return options, run_all(COMPETITION.name, options)


@pytest.fixture(scope="session")
def plain_run(request) -> tuple[Options, str]:
    return built_once(request, "plain", lambda folder: whole_run(folder, "linear", "fasttext"))


@pytest.fixture(scope="session")
def tuned_run(request) -> tuple[Options, str]:
    return built_once(request, "tuned", lambda folder: whole_run(folder, "linear-tuned", "fasttext"))


@pytest.fixture(scope="session")
def script_run(request) -> tuple[Path, str, str]:
    """Folders of scripts/run_all.py, which does what `tuned_run` does, and its stdout and stderr, both piped."""
    return built_once(request, "script", piped_run)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tuned_run) -> Options:
    return copied(tuned_run[0], tmp_path_factory.mktemp("finished"))


@pytest.fixture
def run_program(capsys, monkeypatch):
    """Call a file as the program `name` in this process; returns (exit code, stdout, stderr)."""

    def call(path: Path, name: str, *args: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", [name, *map(str, args)])
        capsys.readouterr()
        try:
            runpy.run_path(str(path), run_name="__main__")
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def run_script(run_program):
    """Call scripts/<name>.py in this process; returns (exit code, stdout, stderr)."""
    return lambda name, *args: run_program(ROOT / "scripts" / f"{name}.py", name, *args)


@pytest.fixture(scope="session")
def offers(tmp_path_factory) -> Path:
    """Raw files of 700 train pairs."""
    from goods.demo.offers import generate

    folder = tmp_path_factory.mktemp("offers")
    generate(folder, rows=700, seed=3)
    return folder


@pytest.fixture(scope="session")
def trained_pairs(request, offers) -> Workspace:
    """A workspace with a finished run of the pairs family."""

    def build(folder: Path) -> None:
        train(ozon_workspace(folder, offers), OZON, ozon_config("stack", *QUICK))

    return Workspace(own_copy(request, "pairs", build), "ozon")
