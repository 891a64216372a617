"""Tables of odd shapes: few cards, few classes, one card per class, one test card, columns too many."""

from __future__ import annotations

import pandas as pd
import pytest
from conftest import ROOT, competition_config, small_configs, write_shop

from goods.config.loading import load_experiment
from goods.core.errors import GoodsError
from goods.core.workspace import Workspace
from goods.pipeline import run_all
from goods.prepare.folds import make_folds
from goods.prepare.stage import prepare
from goods.presets import Options
from goods.train.stage import train

LINEAR = ROOT / "configs" / "kazanexpress2023" / "linear.yaml"


def reshaped(folder, n_train=60, n_test=5, keep=None):
    """A shop whose train cards are those `keep` says of the table."""
    shop = write_shop(folder, n_train=n_train, n_test=n_test)
    if keep is not None:
        cards = pd.read_parquet(shop / "train.parquet")
        keep(cards).to_parquet(shop / "train.parquet", index=False)
    return shop


def labels_of(tmp_path, shop) -> pd.DataFrame:
    """What run_all of a linear model and a stack submits."""
    configs = small_configs(tmp_path / "configs", "kazanexpress2023", ["linear"])
    run_all("kazanexpress2023", Options(configs, tmp_path / "work", tmp_path / "out", data=shop))
    return pd.read_parquet(tmp_path / "out" / "kazanexpress2023" / "result.parquet")


@pytest.mark.parametrize(
    ("n_train", "n_test", "keep"),
    [
        (10, 5, None),
        (60, 5, lambda cards: cards[cards.category_id.isin([11, 12])]),
        (60, 1, None),
        (60, 5, lambda cards: cards.assign(**{f"column{i}": i for i in range(100)})),
    ],
    ids=["10 cards", "2 classes", "one test card", "100 columns too many"],
)
def test_odd_shapes_run_through(tmp_path, n_train, n_test, keep):
    shop = reshaped(tmp_path / "shop", n_train, n_test, keep)
    known = set(pd.read_parquet(shop / "train.parquet").category_id)
    result = labels_of(tmp_path, shop)
    assert len(result) == n_test
    assert set(result.predicted_category_id) <= known | {11, 12, 13, 21, 22, 23}


def test_one_card_per_class_is_learned_from(tmp_path):
    shop = reshaped(tmp_path / "shop", 60, 5, lambda cards: cards.drop_duplicates("category_id"))
    assert len(pd.read_parquet(shop / "train.parquet")) == 6
    competition = competition_config()
    ws = Workspace(tmp_path / "work", competition.name)
    prepare(ws, competition, shop)
    make_folds(ws, competition)
    train(ws, competition, load_experiment(LINEAR))
    assert ws.run("linear").oof.is_file()


@pytest.mark.parametrize(
    ("n_folds", "keep", "message"),
    [
        (
            3,
            lambda cards: cards[cards.category_id == 11],
            "shop: its train cards are of a single category: there is nothing to learn",
        ),
        (3, lambda cards: cards.drop_duplicates("category_id")[:2], "2 groups of cards cannot fill 3 folds"),
    ],
    ids=["1 class", "fewer cards than folds"],
)
def test_what_cannot_be_learned_from_is_refused(tmp_path, n_folds, keep, message):
    competition = competition_config(n_folds=n_folds)
    ws = Workspace(tmp_path / "work", competition.name)
    shop = reshaped(tmp_path / "shop", keep=keep)
    with pytest.raises(GoodsError, match=message):
        prepare(ws, competition, shop)
        make_folds(ws, competition)
