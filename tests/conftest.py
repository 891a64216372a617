"""A tiny real-shaped shop: KazanExpress 2023 raw files of 6 categories, and a workspace made from them."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, settings
from PIL import Image

from goods.cards.images import ImageStore
from goods.cards.table import Issues
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.config.loading import DEFAULTS, load_experiment, read_experiment
from goods.core.done import mark_done, read_done
from goods.core.predictions import BLOCK, Predictions
from goods.core.workspace import Workspace
from goods.demo.offers import generate
from goods.models.base import Context
from goods.prepare.folds import make_folds
from goods.prepare.stage import prepare
from goods.submit.new_cards import NewCards
from goods.train.stage import train

if TYPE_CHECKING:
    from goods.pipeline import Options
    from goods.stack.level import Level

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# the clock counts what other jobs take: an example may last as long as it does
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
sys.path.append(str(ROOT / "scripts"))  # which a script finds beside it, and `runpy` does not
SCRIPTS = sorted(
    path.stem
    for path in (ROOT / "scripts").glob("*.py")
    if "cli.run(main)" in path.read_text(encoding="utf-8")
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is exhaustive is run where -m names it, and not by the way where it says `not slow`."""
    if "exhaustive" in config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker("exhaustive") is not None]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


LEAVES = {
    11: ("Одежда->Платья", "платье летнее макси"),
    12: ("Одежда->Футболки", "футболка хлопок базовая"),
    13: ("Одежда->Рубашки", "рубашка классическая хлопок"),
    21: ("Дом->Кружки", "кружка керамическая подарочная"),
    22: ("Дом->Тарелки", "тарелка керамическая суповая"),
    23: ("Дом->Ножи", "нож кухонный сталь"),
}
COMMON = ["новый", "подарок", "белый", "синий", "скидка", "хит", "доставка", "качество"]
TREE = "id,title,parent_id\n1,Все категории,0\n10,Одежда,1\n20,Дом,1\n" + "".join(
    f"{id_},{name.split('->')[1]},{id_ // 10 * 10}\n" for id_, (name, _) in LEAVES.items()
)


def raw_rows(ids: range, rng: np.random.Generator) -> list[dict]:
    rows = []
    for product_id in ids:
        leaf = list(LEAVES)[int(rng.choice(6, p=[0.3, 0.25, 0.2, 0.15, 0.06, 0.04]))]
        name, words = LEAVES[leaf]
        title = [*rng.choice(words.split(), 2, replace=False), *rng.choice(COMMON, 2)]
        text = {
            "title": " ".join(rng.permutation(title)),
            "description": f"<p>{' '.join(rng.choice(COMMON, 4))} &amp; {rng.choice(words.split())}</p>",
            "attributes": [f"Цвет: {rng.choice(COMMON)}"],
            "custom_characteristics": {},
            "defined_characteristics": {"Бренд": [f"Бренд{leaf % 3}"]},
            "filters": {},
        }
        rows.append(
            {
                "product_id": product_id,
                "category_id": leaf,
                "sale": bool(rng.random() < 0.5),
                "shop_id": leaf % 4,
                "shop_title": f"Магазин {leaf % 4}",
                "rating": 4.5,
                "text_fields": json.dumps(text, ensure_ascii=False),
                "category_name": f"Все категории->{name}",
            }
        )
    return rows


def write_shop(
    folder: Path, n_train: int = 240, n_test: int = 40, photos: bool = False, seed: int = 0
) -> Path:
    """Write train.parquet, test.parquet, categories_tree.csv and, if wanted, coloured photos."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    train = pd.DataFrame(raw_rows(range(1000, 1000 + n_train), rng))
    test = pd.DataFrame(raw_rows(range(5000, 5000 + n_test), rng))
    if photos:
        for split, table in (("train", train), ("test", test)):
            (folder / "images" / split).mkdir(parents=True)
            for product_id, leaf in zip(table.product_id, table.category_id, strict=True):
                noise = rng.integers(0, 40, (32, 32, 3))
                colour = np.array([leaf * 9 % 200, leaf * 5 % 200, leaf * 3 % 200])
                Image.fromarray((noise + colour).astype(np.uint8)).save(
                    folder / "images" / split / f"{product_id}.jpg"
                )
    train.to_parquet(folder / "train.parquet", index=False)
    test.drop(columns=["category_id", "category_name"]).to_parquet(folder / "test.parquet", index=False)
    (folder / "categories_tree.csv").write_text(TREE, encoding="utf-8")
    return folder


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
def trained_work(tmp_path_factory, prepared_shop: Path) -> Path:
    """The work folder of the small shop with the base experiments of a stack."""
    from stacks import train_base

    work = shutil.copytree(prepared_shop / "work", tmp_path_factory.mktemp("trained") / "work")
    train_base(Workspace(work, COMPETITION.name), COMPETITION)
    return work


@pytest.fixture
def trained(ws: Workspace, trained_work: Path) -> Workspace:
    """A workspace with the base experiments of a stack."""
    shutil.copytree(Workspace(trained_work, ws.competition).path / "runs", ws.path / "runs")
    return ws


@pytest.fixture(scope="session")
def level_and_noise(trained_work: Path) -> tuple[Level, Predictions]:
    """The level of a stack over the base experiments, and noisy predictions of its cards; no test changes either."""
    from stacks import noisy_level

    return noisy_level(Workspace(trained_work, COMPETITION.name), COMPETITION)


def whole_run(folder: Path, *experiments: str) -> tuple[Options, str]:
    """The small shop from raw files to a result by a stack of `experiments`, and the line that says so."""
    from goods.pipeline import Options, run_all  # all there is, which few tests ask for

    configs = small_configs(folder / "configs", COMPETITION.name, list(experiments))
    options = Options(configs, folder / "work", folder / "out", write_shop(folder / "shop"))
    return options, run_all(COMPETITION.name, options)


@pytest.fixture(scope="session")
def plain_run(tmp_path_factory) -> tuple[Options, str]:
    return whole_run(tmp_path_factory.mktemp("plain"), "linear", "fasttext")


@pytest.fixture(scope="session")
def tuned_run(tmp_path_factory) -> tuple[Options, str]:
    return whole_run(tmp_path_factory.mktemp("tuned"), "linear-tuned", "fasttext")


def copied(options: Options, folder: Path) -> Options:
    """The same run in another folder, where it may be changed."""
    places = {
        name: shutil.copytree(getattr(options, name), folder / name) for name in ("configs", "work", "out")
    }
    return replace(options, **places)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tuned_run) -> Options:
    return copied(tuned_run[0], tmp_path_factory.mktemp("finished"))


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


def small_configs(folder: Path, competition: str, experiments: list[str], n_folds: int = 3) -> Path:
    """A copy of the repository's configs, cut down to what a test has time for."""
    (folder / competition).mkdir(parents=True)
    source = ROOT / "configs" / competition
    data = yaml.safe_load((source / "competition.yaml").read_text(encoding="utf-8"))
    (folder / competition / "competition.yaml").write_text(yaml.safe_dump({**data, "n_folds": n_folds}))
    for name in {p.name for where in (source, source.parent / DEFAULTS) for p in where.glob("*.yaml")}:
        path = source / name
        if path.stem == "competition":
            continue
        data = read_experiment(path)
        for key, value in SMALL.get(path.stem, {}).items():
            *parents, last = key.split(".")
            part = data
            for parent in parents:
                part = part[parent]
            part[last] = value
        if path.stem in ("stack", "stack-full"):
            data["model"]["experiments"] = experiments
        (folder / competition / path.name).write_text(
            yaml.safe_dump(data, allow_unicode=True), encoding="utf-8"
        )
    return folder


@pytest.fixture
def run_script(capsys, monkeypatch):
    """Call scripts/<name>.py in this process; returns (exit code, stdout, stderr)."""
    import runpy

    def call(name: str, *args: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", [name, *map(str, args)])
        capsys.readouterr()
        try:
            runpy.run_path(str(ROOT / "scripts" / f"{name}.py"), run_name="__main__")
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture(autouse=True, scope="session")
def one_job_at_a_time():
    """Starting worker processes takes longer than fitting a tiny shop."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("goods.core.execution.cores", lambda: 1)
        yield


OZON_CONFIGS = ROOT / "configs" / "ozon"
OZON = CompetitionConfig(name="ozon", reader="ozon", data="nowhere", metric="pr_auc_prefix", n_folds=3)
NO_OTHERS = ["model.experiments=[]", "model.bags=1"]
QUICK = ["model.iterations=60", "model.learning_rate=0.2", "model.depth=4", *NO_OTHERS]
TINY = [
    "model.scratch_vocab=300",
    "model.scratch_layers=2",
    "model.scratch_width=24",
    "model.max_tokens=32",
    "model.trainer.epochs=1",
]


def ozon_config(name: str, *settings: str, offline: bool = True) -> ExperimentConfig:
    return load_experiment(OZON_CONFIGS / f"{name}.yaml", list(settings), offline)


@pytest.fixture(scope="session")
def offers(tmp_path_factory) -> Path:
    """Raw files of 700 train pairs."""
    folder = tmp_path_factory.mktemp("offers")
    generate(folder, rows=700, seed=3)
    return folder


def ozon_workspace(folder: Path, data: Path) -> Workspace:
    ws = Workspace(folder, "ozon")
    prepare(ws, OZON, data)
    make_folds(ws, OZON)
    return ws


@pytest.fixture(scope="session")
def trained_pairs(tmp_path_factory, offers) -> Workspace:
    """A workspace with a finished run of the pairs family."""
    ws = ozon_workspace(tmp_path_factory.mktemp("work"), offers)
    train(ws, OZON, ozon_config("stack", *QUICK))
    return ws


def read_new_cards(
    path: Path, competition: CompetitionConfig, images: Path | None, issues: Issues, rows: int = BLOCK
) -> pd.DataFrame:
    """All batches of a file's new cards in one table; `issues` takes what was odd about them."""
    with tempfile.TemporaryDirectory() as folder:
        cards = NewCards(path, competition, images, Path(folder), rows)
        table = pd.concat(cards.batches(), ignore_index=True)
        for part in cards.issues.tables():
            issues.rows += list(part.itertuples(index=False, name=None))
    return table
