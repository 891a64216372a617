"""Contests whose YAML alone reads their raw files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import ROOT
from raw_contests import CONTESTS
from table_contests import options_of

from goods.cards.labels import Labels
from goods.competitions.loading import load_competition
from goods.config.loading import load_experiment
from goods.core.workspace import Workspace
from goods.pipeline import run_all
from goods.prepare.stage import prepare

CONFIGS = ROOT / "configs"


def prepared(folder: Path, name: str) -> tuple[pd.DataFrame, Labels, list]:
    data = folder / "raw"
    data.mkdir()
    hidden = CONTESTS[name](data)
    ws = Workspace(folder / "work", name)
    prepare(ws, load_competition(name, CONFIGS), data)
    return pd.read_parquet(ws.cards), Labels.load(ws), hidden


def test_rakuten_joins_labels_by_a_column_without_a_name_and_photos_by_two_numbers(tmp_path):
    cards, labels, _ = prepared(tmp_path, "rakuten2020")
    assert cards.product_id.tolist() == list(range(180))
    assert labels.ids == [10, 1140, 2280]
    assert cards.image.notna().all() and cards.image[0].startswith("images/image_train/image_")
    assert cards.image.iloc[-1].startswith("images/image_test/")
    codes = pd.read_csv(tmp_path / "raw" / "Y_train_CVw08PX.csv").prdtypecode
    assert [labels.ids[t] for t in cards.target[cards.split == "train"]] == codes.tolist()


def test_label_craft_has_a_tree_classes_without_cards_and_cards_without_a_class(tmp_path):
    cards, labels, _ = prepared(tmp_path, "datafusion2025")
    assert labels.ids == [21, 22, 31, 32, 23]
    assert labels.paths[0] == ("Дом", "Кухня", "Посуда", "Кружки")
    assert cards.split.value_counts().to_dict() == {"train": 120, "unlabelled": 120, "test": 30}
    assert cards.attributes.str.fullmatch("Цвет: (белый|чёрный); Вес: 3 кг").all()
    assert cards.product_id.str.len().eq(16).all()


def test_flat_csv_keeps_zeros_prices_and_paths(tmp_path):
    cards, labels, _ = prepared(tmp_path, "flatcsv")
    assert cards.product_id[1] == "0000001"
    assert cards["number:price"].isna().mean() == pytest.approx(0.2, abs=0.1)
    assert labels.paths[labels.ids.index("CAT_MUG")] == ("Home", "Kitchen", "Mugs")


@pytest.mark.parametrize("name", CONTESTS)
def test_their_stacks_join_experiments_there_are(name):
    for experiment in load_experiment(CONFIGS / name / "stack.yaml").model.experiments:
        load_experiment(CONFIGS / name / f"{experiment.removesuffix('-tuned')}.yaml")


@pytest.mark.slow
@pytest.mark.parametrize("name", CONTESTS)
def test_they_get_a_submission_in_their_own_format(tmp_path, name):
    data = tmp_path / "raw"
    data.mkdir()
    hidden = CONTESTS[name](data)
    told = yaml.safe_load((CONFIGS / name / "competition.yaml").read_text(encoding="utf-8"))
    settings = {key: value for key, value in told.items() if key != "data"} | {"n_folds": 3}
    options = options_of(tmp_path, name, data, **settings)
    run_all(name, options)
    table = pd.read_csv(tmp_path / "out" / name / "result.csv", dtype={"uid": str}, index_col=False)
    answer = list(told["table"]["submission"]["columns"])[1]
    assert (table[answer] == pd.Series(hidden)).mean() > 0.8
