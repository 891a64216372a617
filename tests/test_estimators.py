"""Estimators of scikit-learn's manners beside the networks."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib.util import find_spec

import numpy as np
import pytest
from toy_models import accuracy, cards_with_columns, toy_cards, toy_context

from goods.core.errors import GoodsError
from goods.models.tabular.estimator import EstimatorConfig, built
from goods.models.tabular.estimator_model import EstimatorModel

needs_skops = pytest.mark.skipif(find_spec("skops") is None, reason="skops is not installed")


TITLE = {"title": {"words": [1, 1]}}


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
        assert accuracy(model, asked) > 0.8
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
    assert accuracy(model, cards_with_columns(80, 2)) > 0.85
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


def test_a_misspelt_parameter_is_told_the_one_that_was_meant():
    with pytest.raises(GoodsError, match=r"argument 'losss'; mend its params; did you mean 'loss'\?$"):
        built("sklearn.svm.LinearSVC", {"C": 1.0, "losss": "hinge"}, 0)


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
        "from pathlib import Path\nfrom test_estimators import estimator\nfrom goods.core.errors import GoodsError\n"
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
    with pytest.raises(GoodsError, match=r"pip install 'goods\[sklearn\]'"):
        estimator(tmp_path, "sklearn.linear_model.LogisticRegression").warm(toy_cards())
