"""Numbers and categories beside the text, and estimators of scikit-learn's manners."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
from toy_models import toy_cards, toy_context

import goods
from goods.core.errors import GoodsError
from goods.models.tabular.columns import Columns, categories_of, numbers_of, text_lengths
from goods.models.tabular.estimator import EstimatorConfig, built
from goods.models.tabular.estimator_model import EstimatorModel
from goods.models.tabular.tabular import TabularConfig
from goods.models.tabular.tabular_model import TabularModel

needs_skops = pytest.mark.skipif(find_spec("skops") is None, reason="skops is not installed")
TITLE = {"title": {"words": [1, 1]}}


def cards_with_columns(n: int = 160, seed: int = 0) -> pd.DataFrame:
    """Cards whose class is told by a number and a category together, and by no text."""
    rng, cards = np.random.default_rng(seed), toy_cards(n, seed)
    number = rng.normal(cards.target // 2 * 4.0, 0.5)
    number[rng.random(n) < 0.05] = np.nan
    return cards.assign(
        title="товар",
        **{"number:price": number, "category:kind": np.where(cards.target % 2, "лёгкий", "тяжёлый")},
    )


def right(model, cards: pd.DataFrame) -> float:
    proba = model.predict(cards)
    assert proba.dtype == np.float32 and proba.sum(1) == pytest.approx(np.ones(len(cards)), abs=1e-5)
    return float((proba.argmax(1) == cards.target).mean())


def tabular(tmp_path, **changes) -> TabularModel:
    config = TabularConfig(family="tabular", iterations=60, learning_rate=0.3, patience=10, **changes)
    return TabularModel(config, toy_context(tmp_path))


def test_catboost_learns_from_a_number_and_a_category_and_comes_back_from_disk(tmp_path):
    model, asked = tabular(tmp_path), cards_with_columns(80, 2)
    model.fit(cards_with_columns(), cards_with_columns(40, 1))
    assert right(model, asked) > 0.8
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
    assert right(model, cards_with_columns(80, 2)) > 0.5


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


def estimator(tmp_path, path: str, **changes) -> EstimatorModel:
    config = EstimatorConfig(**({"family": "sklearn", "estimator": path, "fields": TITLE} | changes))
    return EstimatorModel(config, toy_context(tmp_path))


PATHS = {
    "sklearn.linear_model.LogisticRegression": {"C": 10.0},
    "sklearn.svm.LinearSVC": {},  # has no probabilities
    "sklearn.naive_bayes.ComplementNB": {"alpha": 0.1},
    "sklearn.ensemble.RandomForestClassifier": {"n_estimators": 20},
    "sklearn.calibration.CalibratedClassifierCV": {
        "estimator": {"estimator": "sklearn.svm.LinearSVC", "params": {"C": 0.5}},
        "cv": 2,
    },
}
NOT_KEPT = ("sklearn.calibration.CalibratedClassifierCV", "sklearn.ensemble.RandomForestClassifier")


@needs_skops
@pytest.mark.parametrize("path", PATHS)
def test_an_estimator_learns_and_is_the_same_from_disk_and_when_fitted_again(tmp_path, path):
    asked, files = toy_cards(80, 2), []
    for name in ("one", "other"):
        model = estimator(tmp_path, path, params=PATHS[path])
        model.warm(toy_cards())
        model.fit(toy_cards(), toy_cards(40, 1))
        assert right(model, asked) > 0.8
        (tmp_path / name).mkdir()
        model.save(tmp_path / name)
        files.append({f.name: f.read_bytes() for f in (tmp_path / name).iterdir()})
    assert files[0] == files[1]
    if path in NOT_KEPT:
        assert "estimator.skops" not in files[0]
        with pytest.raises(GoodsError, match=r"was not kept .* new cards cannot be asked of it"):
            estimator(tmp_path, path, params=PATHS[path]).load(tmp_path / "one")
        return
    loaded = estimator(tmp_path, path, params=PATHS[path])
    loaded.load(tmp_path / "one")
    assert (loaded.predict(asked) == model.predict(asked)).all()


@needs_skops
@pytest.mark.parametrize("features", ["tabular", "both"])
def test_an_estimator_takes_numbers_and_categories(tmp_path, features):
    model = estimator(tmp_path, "sklearn.linear_model.LogisticRegression", features=features)
    model.warm(cards_with_columns())
    model.fit(cards_with_columns(), cards_with_columns(40, 1))
    assert right(model, cards_with_columns(80, 2)) > 0.85
    model.save(tmp_path)
    loaded = estimator(tmp_path, "sklearn.linear_model.LogisticRegression", features=features)
    loaded.load(tmp_path)
    assert (loaded.predict(cards_with_columns(8, 3)) == model.predict(cards_with_columns(8, 3))).all()


@needs_skops
def test_only_classes_that_are_there_are_fitted_and_two_are_enough(tmp_path):
    for path in ("sklearn.svm.LinearSVC", "sklearn.linear_model.LogisticRegression"):
        model, known = estimator(tmp_path, path), toy_cards()
        model.fit(
            known[known.target.isin([1, 3])].reset_index(drop=True), toy_cards(40, 1).query("target == 1")
        )
        proba = model.predict(toy_cards(8, 2))
        assert (proba[:, [0, 2]] == 0).all()
        assert (proba[[1, 5]].argmax(1) == 1).all() and (proba[[3, 7]].argmax(1) == 3).all()


@needs_skops
@pytest.mark.parametrize(
    ("path", "params", "told"),
    [
        ("sklearn.linear_model.Logistic", {}, "cannot be imported"),
        ("nowhere.at.All", {}, "cannot be imported"),
        ("os.system", {}, "is no class with a fit"),
        ("sklearn.svm.LinearSVC", {"c": 1}, "unexpected keyword argument 'c'; mend its params"),
        ("sklearn.svm.LinearSVC", {"C": -1.0}, "The 'C' parameter of LinearSVC must be"),
        ("sklearn.linear_model.LinearRegression", {}, "neither predict_proba nor decision_function"),
    ],
)
def test_what_cannot_work_is_one_message(tmp_path, path, params, told):
    model = estimator(tmp_path, path, params=params)
    with pytest.raises(GoodsError, match=told):
        model.warm(toy_cards())
        model.fit(toy_cards(), None)
        model.predict(toy_cards())


@pytest.mark.filterwarnings("error:The number of unique classes")
def test_classes_of_one_card_each_are_no_warning(tmp_path):
    cards = toy_cards(40).assign(target=np.arange(40) % 25)
    model = estimator(tmp_path, "sklearn.linear_model.LogisticRegression")
    model.fit(cards, None)
    assert len(model.classes) == 25


def test_parts_are_estimators_themselves_and_share_the_seed():
    steps = [
        ["cut", {"estimator": "sklearn.decomposition.TruncatedSVD", "params": {"n_components": 2}}],
        ["say", {"estimator": "sklearn.linear_model.LogisticRegression"}],
    ]
    made = built("sklearn.pipeline.Pipeline", {"steps": steps}, 7)
    assert [type(step).__name__ for _, step in made.steps] == ["TruncatedSVD", "LogisticRegression"]
    assert made.steps[0][1].random_state == 7
    kept = built("sklearn.linear_model.LogisticRegression", {"random_state": 3}, 7)
    assert kept.random_state == 3


def test_text_without_fields_is_refused():
    with pytest.raises(ValueError, match="fields is empty"):
        EstimatorConfig(family="sklearn", estimator="sklearn.svm.LinearSVC")


@needs_skops
def test_reading_a_model_imports_nothing_that_its_config_or_its_file_names(tmp_path):
    model = estimator(tmp_path, "sklearn.linear_model.LogisticRegression")
    model.fit(toy_cards(), None)
    model.save(tmp_path)
    (tmp_path / "trap.py").write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')\nclass Trap: fit = None\n")
    file, changed = tmp_path / "estimator.skops", tmp_path / "changed.skops"
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(changed, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "schema.json":
                content = content.replace(b'"sklearn.linear_model._logistic"', b'"trap"').replace(
                    b'"LogisticRegression"', b'"Trap"'
                )
                assert b'"trap"' in content
            target.writestr(name, content)
    load = (
        "from pathlib import Path\nfrom test_tabular import estimator\nfrom goods.core.errors import GoodsError\n"
        f"folder = Path({str(tmp_path)!r})\nestimator(folder, 'trap.Trap').load(folder)\n"
        "folder.joinpath('changed.skops').replace(folder / 'estimator.skops')\n"
        "try:\n    estimator(folder, 'trap.Trap').load(folder)\n"
        "except GoodsError as error:\n    assert 'not readable' in str(error), error\nelse:\n    raise SystemExit(3)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys\nsys.path[:0] = [{str(tmp_path)!r}, 'tests']\n" + load],
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert not (tmp_path / "sprung").exists()


def test_without_skops_the_family_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "skops", None)
    monkeypatch.setitem(sys.modules, "skops.io", None)
    with pytest.raises(GoodsError, match=r"pip install 'skops>=0\.12'"):
        estimator(tmp_path, "sklearn.linear_model.LogisticRegression").warm(toy_cards())


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
