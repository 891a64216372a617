"""What a reader of one's own gives back is looked at: its author is told what is wrong, not some code far behind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from table_contests import SECTIONS, config_of

from goods.cards.table import Issues
from goods.competitions.raw import CategoryPath, Raw
from goods.core.errors import GoodsError
from goods.core.workspace import Workspace
from goods.prepare import stage
from goods.prepare.stage import prepare

N = 12
LEAF = CategoryPath(("1",), ("a",), is_leaf=True)


def made(tree: object = None, **columns: object) -> Raw:
    texts = dict.fromkeys(("title", "description", "attributes", "shop"), "a b")
    cards = pd.DataFrame(
        {
            "product_id": np.arange(N),
            "split": ["train"] * 9 + ["test"] * 3,
            **texts,
            "sale": False,
            "category_id": [1, 2, 3] * 3 + [-1] * 3,
        }
    )
    return Raw(cards.assign(**columns), {} if tree is None else tree, Issues())  # type: ignore[arg-type]


def with_first(value: object, rest: object) -> list[object]:
    return [value, *[rest] * (N - 1)]


def prepared(monkeypatch: pytest.MonkeyPatch, folder: Path, raw: object) -> Workspace:
    config = config_of(SECTIONS["text_and_label"])
    reader = replace(stage.competition_of(config), read=lambda _: raw)
    monkeypatch.setattr(stage, "competition_of", lambda _: reader)
    ws = Workspace(folder / "work", "shop")
    (folder / "data").mkdir()
    prepare(ws, config, folder / "data")
    return ws


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (None, "read returned a NoneType, expected a Raw; return one"),
        (pd.DataFrame(), "read returned a DataFrame, expected a Raw"),
        (made(product_id=1), "product_id of its card 1 is 1, which another card has; give each its own"),
        (
            made(product_id=np.arange(N) + 0.5),
            "product_id of its card 0 is 0.5, expected a whole number of 64 bits or a text",
        ),
        (
            made(product_id=pd.array(with_first(None, 1), "Int64")),
            "product_id of its card 0 is <NA>, expected a whole number of 64 bits",
        ),
        (
            made(product_id=np.uint64(2**63) + np.arange(N, dtype=np.uint64)),
            f"product_id of its card 0 is {2**63}",
        ),
        (made(product_id=[2**70, *range(1, N)]), f"product_id of its card 0 is {2**70}"),
        (
            made(split=with_first("dev", "train")),
            "split of its card 0 is 'dev', expected one of train, test, unlabelled",
        ),
        (
            made(title=with_first(None, "a")),
            "title of its card 0 is nan, expected a text, '' where there is none",
        ),
        (made(shop=5), "shop of its card 0 is 5, expected a text"),
        (
            made(category_id=with_first(np.nan, 1.0)),
            "category_id of its card 0 is nan, expected the class of a train",
        ),
        (
            made(category_id=pd.array(with_first(None, 1), "Int64")),
            "category_id of its card 0 is <NA>, expected the class of a train card",
        ),
        (made(tree=[LEAF]), "its tree is a list, expected each class's CategoryPath; {} is none"),
        (made(tree={1: ("1",)}), "its tree has no CategoryPath of 1"),
        (made(tree={1: LEAF, 2: LEAF}), "its tree lacks 3, the class of a train card; add it"),
    ],
)
def test_what_a_reader_returns_is_told_where_it_is_wrong(monkeypatch, tmp_path, raw, message):
    with pytest.raises(GoodsError, match=f"^reader table: {message}"):
        prepared(monkeypatch, tmp_path, raw)


def test_a_column_that_is_missing_is_told_with_those_there_are(monkeypatch, tmp_path):
    raw = made()
    raw.cards = raw.cards.drop(columns="shop")
    with pytest.raises(GoodsError, match=r"its cards have no column 'shop' \(they have product_id, split"):
        prepared(monkeypatch, tmp_path, raw)


def test_what_is_as_it_should_be_is_prepared(monkeypatch, tmp_path):
    cards = pd.read_parquet(
        prepared(monkeypatch, tmp_path, made(title=pd.Series(["a"] * N, dtype=object))).cards
    )
    assert len(cards) == N
