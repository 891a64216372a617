"""Pseudo-labels from a fold's own models, and models fitted on all folds for the test cards."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import ROOT

from goods.cards.table import load_cards, select
from goods.config.loading import load_experiment
from goods.core.artifacts import read_json
from goods.core.errors import GoodsError
from goods.core.kept import Kept
from goods.core.predictions import Predictions, mean_of
from goods.core.workspace import ALL
from goods.models.neural import NeuralModel
from goods.models.text.linear_model import LinearModel
from goods.prepare.folds import load_folds
from goods.stack.finished import FinishedStack
from goods.stack.stage import stack
from goods.submit.predictor import Predictor
from goods.train.fold import halves
from goods.train.keys import is_trained
from goods.train.stage import train

CONFIGS = ROOT / "configs" / "kazanexpress2023"
NAVEC = ["model.trainer.epochs=4", "model.trainer.patience=1", "model.hidden=32"]
PSEUDO = ["name=linear-pseudo", "pseudo={experiments: [fasttext], min_confidence: 0.9}"]
FASTTEXT = ["model.epochs=15", "model.dim=16", "model.buckets=2000"]


def linear(*settings):
    return load_experiment(CONFIGS / "linear.yaml", list(settings))


def fasttext(*settings):
    return load_experiment(CONFIGS / "fasttext.yaml", [*FASTTEXT, *settings])


def seen_by_fit(monkeypatch, model=LinearModel):
    """The (train, valid) tables every fit gets, fitted in this process."""
    calls, plain = [], model.fit

    def fit(self, train, valid):
        calls.append((train, valid))
        plain(self, train, valid)

    monkeypatch.setattr(model, "fit", fit)
    monkeypatch.setattr("goods.core.execution.cores", lambda: 1)
    return calls


def test_sure_test_cards_are_fitted_on_under_the_label_of_the_fold_s_own_model(ws, competition, monkeypatch):
    train(ws, competition, fasttext())
    confidences = [Predictions.load(ws.run("fasttext").fold(k) / "test.npz").proba[:, 0] for k in range(3)]
    enough = float(np.median(confidences))
    calls = seen_by_fit(monkeypatch)
    train(ws, competition, linear(*PSEUDO, f"pseudo.min_confidence={enough}"))
    cards = load_cards(ws)
    known, test = select(cards, "train"), select(cards, "test")
    fold = load_folds(ws, known)
    total = 0
    for k, (fitted, inner) in enumerate(calls):
        said = Predictions.load(ws.run("fasttext").fold(k) / "test.npz").aligned(test.product_id.to_numpy())
        sure = (said.proba[:, 0] >= enough) & (halves(len(test), 42) == k % 2)
        total += int(sure.sum())
        extra = fitted[fitted.split == "test"]
        assert extra.product_id.tolist() == test.product_id[sure].tolist()
        assert extra.target.tolist() == said.classes[sure, 0].tolist()
        assert read_json(ws.run("linear-pseudo").fold(k) / "report.json")["pseudo_labelled"] == sure.sum()
        # nothing of the scored fold, and no pseudo-labelled card judges
        scored = set(known.product_id[fold == k])
        assert not scored & set(fitted.product_id) | scored & set(inner.product_id)
        assert (inner.split == "train").all()
    assert 0 < total < 3 * len(test)
    oof = Predictions.load(ws.run("linear-pseudo").oof)
    assert sorted(oof.product_id) == sorted(known.product_id)  # test cards are never scored


def test_a_test_card_is_predicted_by_models_that_were_not_fitted_on_it(ws, competition):
    train(ws, competition, fasttext())
    config = linear(*PSEUDO, "pseudo.min_confidence=0.5", "refit=true")
    train(ws, competition, config)
    run, test = ws.run("linear-pseudo"), select(load_cards(ws), "test")
    assert not run.fold(ALL).exists()  # a model of all folds would have to be fitted on every test card
    said = Predictions.load(run.test)
    folds = [Predictions.load(run.fold(k) / "test.npz") for k in range(3)]
    half = halves(len(test), config.seed)
    assert sorted(np.bincount(half).tolist()) == [len(test) // 2, len(test) - len(test) // 2]
    pairs = mean_of([folds[0], folds[2]])
    for i in range(len(test)):  # folds 0 and 2 are fitted on half 0, fold 1 on half 1
        expected = folds[1] if half[i] == 0 else pairs
        assert said.classes[i].tolist() == expected.classes[i].tolist()
        assert said.proba[i].tolist() == expected.proba[i].tolist()


def test_pseudo_labels_follow_what_gives_them(ws, competition):
    with pytest.raises(
        GoodsError, match=r"builds on fasttext, which has no trained fold 0; run scripts/train\.py"
    ):
        train(ws, competition, linear(*PSEUDO))
    train(ws, competition, fasttext())
    train(ws, competition, linear(*PSEUDO))
    assert is_trained(ws, linear(*PSEUDO), 1)
    train(ws, competition, fasttext("model.epochs=14"))
    assert not is_trained(ws, linear(*PSEUDO), 1)


def test_with_refit_test_cards_get_the_model_of_all_folds(trained, competition, monkeypatch):
    plain_oof, plain_test = (
        Predictions.load(f) for f in (trained.run("linear").oof, trained.run("linear").test)
    )
    calls = seen_by_fit(monkeypatch)
    train(trained, competition, linear("refit=true"))
    (fitted, inner), *others = calls
    assert not others  # the folds are as they were
    cards = select(load_cards(trained), "train")
    assert sorted([*fitted.product_id, *inner.product_id]) == sorted(cards.product_id)
    assert Predictions.load(trained.run("linear").oof).hash == plain_oof.hash
    test = Predictions.load(trained.run("linear").test)
    assert test.hash == Predictions.load(trained.run("linear").fold(ALL) / "test.npz").hash != plain_test.hash
    asked = Predictor(trained, competition, "linear", None, Kept(), stay=True)
    again = asked.predict(select(load_cards(trained), "test"), lambda: None)
    assert np.allclose(again.proba, test.proba, atol=1e-6)
    train(trained, competition, linear())  # and back
    assert Predictions.load(trained.run("linear").test).hash == plain_test.hash


def test_a_neural_refit_has_no_inner_split_but_the_folds_mean_epochs_and_temperature(
    ws, competition, monkeypatch
):
    calls = seen_by_fit(monkeypatch, NeuralModel)
    train(ws, competition, load_experiment(CONFIGS / "navec.yaml", [*NAVEC, "refit=true"]))
    run = ws.run("navec")
    chosen = [read_json(run.fold(k) / "model.json") for k in range(3)]
    assert all(1 <= c["epochs"] <= 4 for c in chosen)
    refitted = read_json(run.fold(ALL) / "model.json")
    assert refitted["epochs"] == round(np.mean([c["epochs"] for c in chosen]))
    assert refitted["temperature"] == pytest.approx(
        np.exp(np.mean([np.log(c["temperature"]) for c in chosen]))
    )
    fitted, inner = calls[-1]
    assert inner is None
    assert len(fitted) == len(select(load_cards(ws), "train"))


@pytest.mark.slow
def test_knn_is_refitted_on_refitted_vectors(ws, competition):
    knn = load_experiment(CONFIGS / "knn.yaml", ["refit=true", "model.sources=[{experiment: navec}]"])
    train(ws, competition, load_experiment(CONFIGS / "navec.yaml", NAVEC))
    with pytest.raises(GoodsError, match=r"builds on navec, which is not fitted on all folds; .*refit=true"):
        train(ws, competition, knn)
    train(ws, competition, load_experiment(CONFIGS / "navec.yaml", [*NAVEC, "refit=true"]))
    train(ws, competition, knn)
    run = ws.run("knn")
    temperatures = [read_json(run.fold(k) / "model.json")["temperature"] for k in range(3)]
    assert read_json(run.fold(ALL) / "model.json")["temperature"] == pytest.approx(
        np.exp(np.mean(np.log(temperatures)))
    )


@pytest.mark.slow
def test_a_stack_is_refitted_on_all_out_of_fold_predictions(ws, competition):
    train(ws, competition, linear("refit=true"))
    train(ws, competition, load_experiment(CONFIGS / "navec.yaml", [*NAVEC, "refit=true"]))
    settings = ["model.experiments=[linear,navec]", "model.iterations=30", "model.methods=[catboost]"]
    stack(ws, competition, load_experiment(CONFIGS / "stack.yaml", settings))
    plain = {name: Predictions.load(getattr(ws.run("stack"), name)).hash for name in ("oof", "test")}
    config = load_experiment(CONFIGS / "stack.yaml", [*settings, "refit=true"])
    stack(ws, competition, config)
    run = ws.run("stack")
    assert (run.fold(ALL) / "model.cbm").is_file()
    assert Predictions.load(run.oof).hash == plain["oof"]  # what is scored does not change
    test = Predictions.load(run.test)
    assert test.hash != plain["test"]
    base = [Predictions.load(ws.run(name).test) for name in ("linear", "navec")]
    again = FinishedStack.load(ws, competition, config).predict(select(load_cards(ws), "test"), base)
    assert np.allclose(again.proba, test.proba, atol=1e-6)
