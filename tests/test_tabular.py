"""Numbers and categories beside the text, and estimators of scikit-learn's manners."""

from __future__ import annotations

import json
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
from toy_models import accuracy, cards_with_columns, toy_cards, toy_context

import goods
from goods.core.errors import GoodsError
from goods.models.tabular.columns import Columns, categories_of, numbers_of, text_lengths
from goods.models.tabular.tabular import TabularConfig
from goods.models.tabular.tabular_model import TabularModel

needs_skops = pytest.mark.skipif(find_spec("skops") is None, reason="skops is not installed")
TITLE = {"title": {"words": [1, 1]}}


def tabular(tmp_path, **changes) -> TabularModel:
    config = TabularConfig(family="tabular", iterations=60, learning_rate=0.3, patience=10, **changes)
    return TabularModel(config, toy_context(tmp_path))


def test_catboost_learns_from_a_number_and_a_category_and_comes_back_from_disk(tmp_path):
    model, asked = tabular(tmp_path), cards_with_columns(80, 2)
    model.fit(cards_with_columns(), cards_with_columns(40, 1))
    assert accuracy(model, asked) > 0.8
    model.save(tmp_path)
    loaded = tabular(tmp_path)
    loaded.load(tmp_path)
    assert (loaded.predict(asked) == model.predict(asked)).all()
    again = tabular(tmp_path)
    again.fit(cards_with_columns(), cards_with_columns(40, 1))
    first = (tmp_path / "model.cbm").read_bytes()
    again.save(tmp_path)
    assert (tmp_path / "model.cbm").read_bytes() == first


def test_a_class_without_train_cards_gets_nothing_and_may_be_in_the_inner_split(tmp_path):
    model, known = tabular(tmp_path, lengths=False), cards_with_columns()
    model.fit(known[known.target > 0].reset_index(drop=True), None)
    assert (model.predict(cards_with_columns(20, 2))[:, 0] == 0).all()
    model.fit(known[known.target > 0].reset_index(drop=True), cards_with_columns(40, 1))
    assert accuracy(model, cards_with_columns(80, 2)) > 0.5


def test_a_contest_without_columns_is_refused_in_one_message_and_new_cards_must_have_them(tmp_path):
    for call in (tabular(tmp_path).warm, lambda cards: tabular(tmp_path).fit(cards, None)):
        with pytest.raises(GoodsError, match="family tabular: the cards have no numbers and no categories"):
            call(toy_cards())
    model = tabular(tmp_path)
    model.fit(cards_with_columns(), None)
    with pytest.raises(GoodsError, match="the cards lack column 'price', which the model was fitted on"):
        model.predict(toy_cards(4))


def test_damaged_files_are_one_message(tmp_path):
    model = tabular(tmp_path)
    model.fit(cards_with_columns(), None)
    model.save(tmp_path)
    (tmp_path / "model.cbm").write_bytes(b"CBM1")
    with pytest.raises(GoodsError, match="missing or damaged model files"):
        tabular(tmp_path).load(tmp_path)


def test_a_column_that_repeats_the_id_is_no_feature():
    cards = cards_with_columns(20)
    numbered = cards.assign(**{"number:id": cards.product_id.astype(float)})
    named = numbered.assign(**{"category:id": cards.product_id.astype(str)})
    assert numbers_of(named) == ["number:price"]
    assert categories_of(named) == ["category:kind"]


def test_columns_by_hand():
    cards = pd.DataFrame(
        {
            "product_id": [1, 2, 3, 4],
            "number:n": [1.0, 3.0, np.nan, 5.0],
            "category:c": ["a", "b", "a", ""],
        }
    )
    columns = Columns()
    columns.fit(cards)
    spread = np.std([1, 3, 5])
    expected = [[-2 / spread, 0, 1], [0, 0, 0], [0, 1, 1], [2 / spread, 0, 0]]  # only "a" is shared
    assert columns.transform(cards).toarray() == pytest.approx(np.array(expected), rel=1e-6)
    restored = Columns()
    restored.restore(json.loads(json.dumps(columns.state())))
    assert (restored.transform(cards) != columns.transform(cards)).nnz == 0


def test_lengths_of_texts():
    cards = toy_cards(2).assign(title=["ёж 12", ""])
    lengths = text_lengths(cards)
    assert lengths[["title signs", "title words", "title digits"]].to_numpy().tolist() == [
        [5, 2, 2],
        [0, 0, 0],
    ]


@needs_skops
@pytest.mark.slow
def test_all_of_it_is_stacked_for_a_metric_of_probabilities_and_labels_new_cards(tmp_path):
    train, test = (
        cards_with_columns(n, seed).rename(columns={"number:price": "price", "category:kind": "kind"})
        for n, seed in ((240, 0), (40, 1))
    )
    train["title"], test["title"] = toy_cards(240).title, toy_cards(40, 1).title
    asked, experiments = test.drop(columns="target"), ["tabular", "sklearn-logreg"]
    result = goods.run(
        train=train,
        test=asked,
        id="product_id",
        text="title",
        target="target",
        numbers=["price"],
        categories=["kind"],
        metric="neg_log_loss",
        n_folds=3,
        offline=True,
        stack={"experiments": experiments, "with_local_text": None, "iterations": 20},
        work=tmp_path / "work",
        out=tmp_path / "out",
    )
    assert -0.7 < result.score < 0
    assert (result.submission.target.to_numpy() == test.target.to_numpy()).mean() > 0.9
    board = goods.leaderboard(tmp_path / "work").set_index("experiment")
    assert board.family.to_dict() == {"stack": "stack", "tabular": "tabular", "sklearn-logreg": "sklearn"}
    assert result.predict(asked.head(9)).target.tolist() == result.submission.target.tolist()[:9]
    report = result.report.read_text(encoding="utf-8")
    assert "Mean log of the probability" in report
