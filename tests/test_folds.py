import json

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, competition_config
from hypothesis import given, settings
from hypothesis import strategies as st

from goods.cards.table import load_cards, select
from goods.config.loading import load_experiment
from goods.core.errors import GoodsError
from goods.core.workspace import Workspace
from goods.models.text.linear_model import LinearModel
from goods.prepare.folds import load_dealt, load_folds, make_folds
from goods.prepare.stage import prepare
from goods.problems.splitting import assign_folds, inner_split, near_duplicate_groups
from goods.train.stage import train
from goods.tune.stage import tune

LINEAR = ROOT / "configs" / "kazanexpress2023" / "linear.yaml"


def test_every_train_card_has_one_fold_and_test_cards_have_none(ws, competition):
    cards = load_cards(ws)
    folds = pd.read_parquet(ws.folds)
    assert sorted(folds.product_id) == sorted(cards.product_id[cards.split == "train"])
    assert set(folds.fold) == set(range(competition.n_folds))


def test_folds_are_stratified_and_the_same_again(ws):
    train = select(load_cards(ws), "train")
    fold = load_folds(ws, train)
    for target in train.target.unique():
        counts = np.bincount(fold[train.target == target], minlength=3)
        assert counts.max() - counts.min() <= 1
    target = train.target.to_numpy()
    assert (assign_folds(target, np.arange(len(target)), 3, 42) == fold).all()


def test_groups_are_never_split():
    rng = np.random.default_rng(0)
    groups, target = rng.integers(0, 60, 300), rng.integers(0, 7, 300)
    fold = assign_folds(target, groups, 5, 1)
    assert pd.Series(fold).groupby(groups).nunique().max() == 1


def test_single_card_classes_are_dealt_too():
    target = np.concatenate([np.arange(20), np.full(50, 20)])
    fold = assign_folds(target, np.arange(70), 5, 0)
    assert np.bincount(fold).min() >= 13
    assert len(set(assign_folds(np.arange(20), np.arange(20), 5, 0))) == 5


def test_near_duplicates_share_a_group_only_within_a_shop():
    cards = pd.DataFrame(
        {
            "product_id": [1, 2, 3, 4, 5],
            "title": ["Кружка белая 300 мл", "белая кружка 500 мл", "Кружка белая 300 мл", "", ""],
            "shop": ["a", "a", "b", "a", "a"],
        }
    )
    groups = near_duplicate_groups(cards)
    assert groups[0] == groups[1] != groups[2]
    assert groups[3] != groups[4]


@settings(max_examples=50)
@given(st.lists(st.integers(0, 5), min_size=2, max_size=80), st.integers(0, 3))
def test_the_inner_split_never_takes_the_last_card_of_a_class(target, seed):
    target = np.array(target)
    inner = inner_split(target, 0.2, seed)
    assert set(target[~inner]) == set(target)
    assert (inner == inner_split(target, 0.2, seed)).all()


def test_the_inner_split_has_about_the_asked_share():
    target = np.random.default_rng(0).integers(0, 200, 5000)
    assert inner_split(target, 0.1, 0).mean() == pytest.approx(0.1, abs=0.02)


def test_folds_that_lack_a_card_are_refused(ws):
    train = select(load_cards(ws), "train")
    with pytest.raises(GoodsError, match="has no fold"):
        load_folds(ws, pd.concat([train, train.iloc[:1].assign(product_id=9)]))
    pd.read_parquet(ws.folds).iloc[1:].to_parquet(ws.folds)
    with pytest.raises(GoodsError, match="not what was written; run scripts/make_folds"):
        load_folds(ws, train)


def test_damaged_folds_are_made_again(ws, competition):
    before = ws.folds.read_bytes()
    pd.read_parquet(ws.folds).iloc[1:].to_parquet(ws.folds)
    make_folds(ws, competition)
    assert ws.folds.read_bytes() == before


def test_a_group_is_on_one_side_of_the_inner_split_and_no_class_is_all_inside():
    rng = np.random.default_rng(0)
    groups, target = rng.integers(0, 40, 200), rng.integers(0, 9, 200)
    for seed in range(20):
        inner = inner_split(target, 0.3, seed, groups)
        assert inner.any()
        assert pd.Series(inner).groupby(groups).nunique().max() == 1
        assert set(target[~inner]) == set(target)


def test_a_class_whose_cards_go_by_another_class_keeps_its_group_outside():
    groups = np.repeat(np.arange(10), 2)
    target = np.zeros(20, int)
    target[1::2] = np.arange(10) + 1  # the second card of a group is the only one of its class
    for seed in range(10):
        inner = inner_split(target, 0.3, seed, groups)
        assert set(target[~inner]) == set(target)


def duplicated(shop):
    """Every train card of the shop a second time under another id, its title's words turned round."""
    raw = pd.read_parquet(shop / "train.parquet")
    fields = raw.text_fields.map(json.loads)
    titles = [
        " ".join([*f["title"].split(), f"слово{chr(1072 + i % 30)}{chr(1072 + i // 30)}"])
        for i, f in enumerate(fields)
    ]
    twins = []
    for turned in (1, -1):
        text = [
            json.dumps({**f, "title": " ".join(title.split()[::turned])}, ensure_ascii=False)
            for f, title in zip(fields, titles, strict=True)
        ]
        twins.append(raw.assign(text_fields=text, product_id=raw.product_id + (0 if turned > 0 else 10_000)))
    pd.concat(twins).to_parquet(shop / "train.parquet", index=False)


@pytest.mark.parametrize("stage", ["train", "tune"])
def test_no_inner_card_has_a_near_duplicate_among_the_fitted(tmp_path, shop, monkeypatch, stage):
    duplicated(shop)
    competition = competition_config(group_near_duplicates=True)
    ws = Workspace(tmp_path / "grouped", competition.name)
    prepare(ws, competition, shop)
    make_folds(ws, competition)
    train_cards = select(load_cards(ws), "train")
    group_of = dict(zip(train_cards.product_id, near_duplicate_groups(train_cards), strict=True))
    splits, plain = [], LinearModel.fit

    def fit(self, known, valid):
        splits.append(({group_of[i] for i in known.product_id}, [group_of[i] for i in valid.product_id]))
        plain(self, known, valid)

    monkeypatch.setattr(LinearModel, "fit", fit)
    if stage == "train":
        train(ws, competition, load_experiment(LINEAR))
    else:
        space = "tune.space={C: {low: 0.1, high: 3.0}}"
        tune(ws, competition, load_experiment(LINEAR, ["tune.trials=1", space]))
    assert splits
    for known, inner in splits:
        assert inner
        assert not known & set(inner)


def test_folds_have_no_groups_where_near_duplicates_are_not_kept_together(ws):
    assert list(pd.read_parquet(ws.folds).columns) == ["product_id", "fold"]
    assert load_dealt(ws, select(load_cards(ws), "train")).groups is None
