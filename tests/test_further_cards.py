"""Unlabelled cards for a student: which of a file are further ones, told from the competition's own by their ids."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from table_contests import CSV, config_of

from goods.core.errors import GoodsError
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.submit import distillation

TEACHER = SimpleNamespace(
    steps=1,
    predict=lambda cards, step: Predictions(
        cards.product_id.to_numpy(), np.zeros((len(cards), 1), np.int32), np.ones((len(cards), 1), np.float32)
    ),
)
ASKED = SimpleNamespace(fits=True, predictors=lambda stay: [TEACHER], made_of=list)
BY_SKU, BY_ROW = (
    {"files": CSV, "title": "text", "target": "label", **more} for more in ({"id": "sku"}, {"id": None})
)


@pytest.fixture
def further(tmp_path, monkeypatch):
    """What is kept of a file of unlabelled cards by a competition whose own cards have the ids `known`."""

    def labelled(section: dict, known: list, **columns: list) -> pd.DataFrame:
        file, folder = tmp_path / "more.parquet", tmp_path / "unlabelled"
        folder.mkdir()
        pd.DataFrame(columns).to_parquet(file)
        monkeypatch.setattr(distillation, "Asked", lambda *_: ASKED)
        monkeypatch.setattr(distillation, "load_asked_ids", lambda _: pd.Series(known, name="product_id"))
        ws = Workspace(tmp_path / "work", "shop")
        distillation.write_labelled(ws, config_of(section), "linear", file, None, folder)
        return pd.read_parquet(folder / distillation.CARDS)

    return labelled


def test_cards_without_ids_are_all_further_ones_and_numbered_after_the_competitions_own(further):
    """Row 0 of the file was taken for row 0 of the test cards, and left out."""
    cards = further(BY_ROW, list(range(40)), text=["чайник", "стол", "нож"])
    assert cards.title.tolist() == ["чайник", "стол", "нож"]
    assert cards.product_id.tolist() == [40, 41, 42]


def test_own_cards_are_left_out_by_their_ids(further):
    cards = further(BY_SKU, ["a", "7"], sku=["b", "a", "7"], text=["чайник", "стол", "нож"])
    assert cards.product_id.tolist() == ["b"]


def test_whole_numbers_are_texts_where_the_competitions_own_ids_are(further):
    cards = further(BY_SKU, ["a", "7"], sku=[6, 7, 8], text=["чайник", "стол", "нож"])
    assert cards.product_id.tolist() == ["6", "8"]


def test_texts_are_refused_where_the_competitions_own_ids_are_whole_numbers(further):
    with pytest.raises(GoodsError, match=r"more.parquet: its ids are texts such as 'b', .*; number them"):
        further(BY_SKU, [1, 2], sku=["b", "c"], text=["чайник", "стол"])


def test_text_ids_are_compared_once_not_each_with_each(further, monkeypatch):
    """numpy walks through texts once for every other: hours of a hundred thousand cards."""
    monkeypatch.setattr(np, "isin", None)
    known = [f"own{i}" for i in range(20)]
    assert len(further(BY_SKU, known, sku=["b", "own3"], text=["чайник", "стол"])) == 1
