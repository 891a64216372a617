"""Any mix of what people do to files gives the cards of the clean shop, or a note, or a refusal."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import ROOT, competition_config
from conftest import write_shop as write_clean
from disguises import (
    DRESSES,
    FAULTS,
    TREES,
    TYPES,
    WORDS,
    as_spark_writes,
    every_text,
    mojibake,
    rewritten,
    rewritten_texts,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from photo_shop import LAYOUTS, laid, picture, shows, write
from shop import TREE

from goods.cards.table import load_cards
from goods.config.loading import load_experiment
from goods.core.artifacts import read_json
from goods.core.errors import GoodsError
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.prepare.folds import make_folds
from goods.prepare.stage import prepare
from goods.train.stage import train

COMPETITION = competition_config()
TEXTS = [*WORDS, "blanks"]
OWN_LAYOUTS = set(LAYOUTS) - {"a folder per card"}  # whose names are no other card's
COLUMNS = [*TYPES.values(), *(("text_fields", dress) for dress in DRESSES.values())]


@dataclass(frozen=True)
class Mix:
    """What is done to a shop. `columns`: (column, change of its cells); `layouts` of photos, dealt to the cards."""

    seed: int
    texts: list[str]
    garbled: str | None
    columns: list[tuple]
    faults: list[tuple]
    parts: set[str]
    tree: str | None
    layouts: list[str]
    linked: bool


def one_per_column(options: list, most: int) -> st.SearchStrategy:
    return st.lists(st.sampled_from(options), max_size=most, unique_by=lambda option: option[0])


MIXES = st.builds(
    Mix,
    seed=st.integers(0, 2**32 - 1),
    texts=st.lists(st.sampled_from(TEXTS), unique=True),
    garbled=st.sampled_from([None, None, "windows-1251", "windows-1252"]),
    columns=one_per_column(COLUMNS, 4),
    faults=st.just([]) | one_per_column(FAULTS, 1),
    parts=st.sets(st.sampled_from(["train", "test"])),
    tree=st.sampled_from([None, *TREES]),
    layouts=st.lists(st.sampled_from(sorted(OWN_LAYOUTS)), min_size=1, max_size=4),
    linked=st.booleans(),
)


def dressed(clean: pa.Table, mix: Mix, rng: np.random.Generator) -> pa.Table:
    """The table with its texts disguised, then its columns converted."""
    change = rewritten_texts(mix.texts, rng)
    garble = mojibake(mix.garbled) if mix.garbled else str
    table = {name: clean[name].to_pylist() for name in clean.column_names}
    as_json = rewritten(lambda value: json.dumps(every_text(value, change), ensure_ascii=False))
    table["text_fields"] = [garble(cell) for cell in as_json(table["text_fields"])]
    table["shop_title"] = [garble(change(title)) for title in table["shop_title"]]
    for column, converted in (dict(mix.columns) | dict(mix.faults)).items():
        if column in table:
            table[column] = converted(table[column])
    return pa.table(table)


def write_mix(clean: Path, folder: Path, mix: Mix) -> None:
    rng = np.random.default_rng(mix.seed)
    photos: dict[str, bytes] = {}
    folder.mkdir()
    for split in ("train", "test"):
        table = pq.read_table(clean / f"{split}.parquet")
        for i, product_id in enumerate(table["product_id"].to_pylist()):
            photos[laid(mix.layouts[i % len(mix.layouts)], product_id, split)] = picture(product_id)
        pq.write_table(dressed(table, mix, rng), folder / f"{split}.parquet")
        if split in mix.parts:
            as_spark_writes(folder / f"{split}.parquet")
    tree = TREES[mix.tree](TREE) if mix.tree else TREE
    (folder / "categories_tree.csv").write_bytes(tree.encode() if isinstance(tree, str) else tree)
    write(folder, photos)
    if mix.linked:
        (folder / "elsewhere").mkdir()
        for name in {Path(name.partition("::")[0]).parts[0] for name in photos}:
            (folder / name).rename(folder / "elsewhere" / name)
            (folder / name).symlink_to(Path("elsewhere") / name)


@pytest.fixture(scope="module")
def clean(tmp_path_factory) -> tuple[Path, Workspace]:
    folder = tmp_path_factory.mktemp("clean")
    shop = write_clean(folder / "shop", 30, 6)
    ws = Workspace(folder / "work", COMPETITION.name)
    prepare(ws, COMPETITION, shop)
    return shop, ws


@pytest.fixture
def place() -> Iterator[Path]:
    yield (folder := Path(tempfile.mkdtemp()))
    shutil.rmtree(folder)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mix=MIXES)
def test_any_mix_gives_the_cards_of_the_clean_shop_or_a_note_or_a_refusal(mix, clean, place):
    shop, known = clean
    folder = Path(tempfile.mkdtemp(dir=place))
    write_mix(shop, folder / "shop", mix)
    ws = Workspace(folder / "work", COMPETITION.name)
    try:
        prepare(ws, COMPETITION, folder / "shop")
    except GoodsError:
        assert mix.faults
        return
    cards, wanted = load_cards(ws), load_cards(known)
    assert cards.product_id.tolist() == wanted.product_id.tolist()
    noted = cards.product_id.isin(pd.read_parquet(ws.issues).product_id)
    pd.testing.assert_frame_equal(cards[~noted].drop(columns="image"), wanted[~noted].drop(columns="image"))
    assert noted.sum() <= (2 if mix.faults else 0)
    assert read_json(ws.labels)["classes"] == read_json(known.labels)["classes"]
    for card in cards.itertuples():
        assert shows(folder / "shop", card.image, card.product_id)


@pytest.mark.slow
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mix=MIXES.filter(lambda mix: not mix.faults))
def test_a_model_says_the_same_of_any_mix(mix, place):
    folder = Path(tempfile.mkdtemp(dir=place))
    shop = write_clean(folder / "clean", 240, 100)
    write_mix(shop, folder / "mix", mix)
    said = []
    for data in (shop, folder / "mix"):
        ws = Workspace(folder / f"work-{data.name}", COMPETITION.name)
        prepare(ws, COMPETITION, data)
        make_folds(ws, COMPETITION)
        train(ws, COMPETITION, load_experiment(ROOT / "configs/kazanexpress2023/linear.yaml"))
        run = ws.run("linear")
        said.append(np.concatenate([Predictions.load(file).classes[:, 0] for file in (run.oof, run.test)]))
    assert (said[0] == said[1]).mean() > 0.99
