import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, competition_config

from goods.cards.labels import Labels
from goods.cards.table import load_cards, select
from goods.config.loading import load_experiment
from goods.core.artifacts import read_json
from goods.core.errors import GoodsError
from goods.core.execution import Resources, at_once, resources
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.metrics.evaluation import score
from goods.models.text.linear import LinearConfig
from goods.prepare.folds import load_folds, make_folds
from goods.prepare.stage import prepare
from goods.submit.predictor import saved_config
from goods.train import stage
from goods.train.finished import load_run_models
from goods.train.fold import top_k
from goods.train.fold_job import fit_fold
from goods.train.gather import gather
from goods.train.keys import fold_key
from goods.train.stage import train

CONFIGS = ROOT / "configs" / "kazanexpress2023"
LINEAR = CONFIGS / "linear.yaml"


def test_oof_holds_every_train_card_once_and_its_score_recomputes(trained, competition):
    cards = select(load_cards(trained), "train")
    oof = Predictions.load(trained.run("linear").oof)
    assert oof.product_id.tolist() == cards.product_id.tolist()
    report = read_json(trained.run("linear").report)
    labels, target = Labels.load(trained), cards.target.to_numpy()
    assert report["score"] == pytest.approx(score("weighted_f1", target, oof.classes[:, 0], labels), abs=1e-6)
    fold = load_folds(trained, cards)
    by_fold = [score("weighted_f1", target[fold == k], oof.classes[fold == k, 0], labels) for k in range(3)]
    assert report["folds"] == pytest.approx(by_fold, abs=1e-6)
    assert report["score"] > 0.8
    assert (oof.proba.sum(1) <= 1 + 1e-5).all()
    test = Predictions.load(trained.run("linear").test)
    assert sorted(test.product_id) == sorted(load_cards(trained).query("split == 'test'").product_id)


class Spy:
    """Records what fit is given; predicts the first class."""

    seen: list = []  # noqa: RUF012

    def __init__(self, config, context):
        self.n = context.labels.n_classes

    def warm(self, cards):
        pass

    def fit(self, train, valid):
        Spy.seen.append((set(train.product_id), set(valid.product_id)))

    def predict(self, cards):
        assert (cards.target.to_numpy() == cards.target.to_numpy()).all()
        return np.eye(self.n, dtype=np.float32)[np.zeros(len(cards), int)]

    def save(self, folder):
        pass


def test_the_scored_fold_is_never_passed_to_fit(ws, monkeypatch):
    monkeypatch.setattr(LinearConfig, "build", lambda self, context: Spy(self, context))
    cards = select(load_cards(ws), "train")
    fold = load_folds(ws, cards)
    Spy.seen = []
    for k in range(3):
        config = load_experiment(LINEAR)
        fit_fold(ws, config, k, fold_key(ws, config, k), False, Resources("cpu", 1))
    for k, (fitted, inner) in enumerate(Spy.seen):
        assert fitted | inner == set(cards.product_id[fold != k])
        assert not fitted & inner
        assert inner


def test_a_vocabulary_comes_from_the_train_folds_only(ws, competition, shop, tmp_path):
    cards = select(load_cards(ws), "train")
    fold = dict(zip(cards.product_id, load_folds(ws, cards), strict=True))
    words = ["астролябия", "барометр", "вольтметр"]  # each in the titles of one fold alone
    raw = pd.read_parquet(shop / "train.parquet")
    raw["text_fields"] = [
        json.dumps((told := json.loads(text)) | {"title": f"{told['title']} {words[fold[id_]]}"})
        for id_, text in zip(raw.product_id, raw.text_fields, strict=True)
    ]
    raw.to_parquet(shop / "train.parquet", index=False)
    marked = Workspace(tmp_path / "marked", competition.name)
    prepare(marked, competition, shop)
    make_folds(marked, competition)
    assert load_folds(marked, cards).tolist() == list(fold.values())
    train(marked, competition, load_experiment(LINEAR))
    for k, model in enumerate(load_run_models(marked, competition, load_experiment(LINEAR), None)):
        parts = [part for vectorizer in model.text.fields.vectorizers.values() for part in vectorizer.parts]
        known = {word for word in words if any(word in part.vocabulary_ for part in parts)}
        assert known == set(words) - {words[k]}


def test_forcing_one_fold_redoes_only_that_fold(trained, competition):
    config = load_experiment(LINEAR)
    run = trained.run("linear")
    before = {k: (run.fold(k) / "DONE").stat().st_mtime_ns for k in range(3)}
    oof = run.oof.read_bytes()
    train(trained, competition, config, folds=[2], force=True)
    after = {k: (run.fold(k) / "DONE").stat().st_mtime_ns for k in range(3)}
    assert [k for k in range(3) if after[k] != before[k]] == [2]
    assert run.oof.read_bytes() == oof


def test_nothing_is_done_twice_and_a_changed_config_is(trained, competition, capsys):
    before = (trained.run("linear").fold(0) / "DONE").stat().st_mtime_ns
    train(trained, competition, load_experiment(LINEAR))
    assert "unchanged" in capsys.readouterr().err
    assert (trained.run("linear").fold(0) / "DONE").stat().st_mtime_ns == before
    train(trained, competition, load_experiment(LINEAR, ["model.C=0.1"]))
    assert (trained.run("linear").fold(0) / "DONE").stat().st_mtime_ns != before


def test_a_fold_killed_half_way_is_trained_again(trained, competition):
    config = load_experiment(LINEAR)
    run = trained.run("linear")
    oof = run.oof.read_bytes()
    (run.fold(1) / "DONE").unlink()
    (run.fold(1) / "valid.npz").write_bytes(b"half")
    shutil.rmtree(run.fold(2))
    train(trained, competition, config)
    assert run.oof.read_bytes() == oof


def test_folds_trained_one_by_one_give_the_same_oof(ws, competition):
    config = load_experiment(LINEAR)
    train(ws, competition, config, folds=[1])
    assert not ws.run("linear").oof.exists()
    train(ws, competition, config, folds=[0, 2])
    one_by_one = ws.run("linear").oof.read_bytes()
    shutil.rmtree(ws.run("linear").path)
    train(ws, competition, config)
    assert ws.run("linear").oof.read_bytes() == one_by_one


def test_a_run_that_another_joins_meanwhile_stays_finished(trained, competition, monkeypatch):
    config, plain, joined = load_experiment(LINEAR), stage.missing_folds, []
    (trained.run("linear").fold(1) / "DONE").unlink()

    def counted(*args):
        missing = plain(*args)
        monkeypatch.setattr(stage, "missing_folds", plain)
        stage.fit_folds(*args, missing)
        joined.append(pool.submit(gather, *args))
        with suppress(TimeoutError):
            joined[0].result(2)
        return missing

    monkeypatch.setattr(stage, "missing_folds", counted)
    with ThreadPoolExecutor(1) as pool:
        train(trained, competition, config, folds=[0])
        joined[0].result()
    saved_config(trained, "linear")


def test_folds_in_processes_side_by_side_give_the_same_oof(trained, competition, monkeypatch):
    alone = Predictions.load(trained.run("linear").oof)
    monkeypatch.setattr("goods.core.execution.cores", lambda: 2)
    assert at_once(3, resources(3, on_gpu=False)) == 2
    train(trained, competition, load_experiment(LINEAR), force=True)
    assert Predictions.load(trained.run("linear").oof).hash == alone.hash


@pytest.mark.parametrize("name", ["linear", "fasttext"])
def test_a_saved_model_predicts_the_same(ws, name, tmp_path):
    from goods.models.base import Context

    cards = select(load_cards(ws), "train")
    config = load_experiment(CONFIGS / f"{name}.yaml").model
    context = Context(Labels.load(ws))
    model = config.build(context)
    model.fit(cards[:150], cards[150:200].reset_index(drop=True))
    model.save(tmp_path)
    again = config.build(context)
    again.load(tmp_path)
    proba = model.predict(cards[200:])
    assert np.allclose(proba.sum(1), 1, atol=1e-5)
    assert np.array_equal(again.predict(cards[200:]), proba)
    (tmp_path / "model.json").unlink()
    with pytest.raises(GoodsError):
        config.build(context).load(tmp_path)


def test_flat_and_tree_linear_models_agree_on_easy_cards(ws):
    from goods.models.base import Context
    from goods.models.text.linear_model import LinearModel

    cards = select(load_cards(ws), "train")
    for structure in ("tree", "flat"):
        config = load_experiment(LINEAR, [f"model.structure={structure}"]).model
        model = LinearModel(config, Context(Labels.load(ws)))
        model.fit(cards[:180], cards[180:200].reset_index(drop=True))
        predicted = top_k(model, cards[200:]).classes[:, 0]
        assert (predicted == cards.target[200:].to_numpy()).mean() > 0.9


def test_cards_without_any_text_get_the_class_shares(ws):
    from goods.models.base import Context
    from goods.models.text.linear_model import LinearModel

    cards = select(load_cards(ws), "train")
    cards[["title", "description", "attributes", "shop"]] = ""
    model = LinearModel(load_experiment(LINEAR).model, Context(Labels.load(ws)))
    model.fit(cards, None)
    proba = model.predict(cards[:3])
    assert np.allclose(proba.sum(1), 1, atol=1e-5)
    assert proba[0].argmax() == cards.target.mode()[0]


def test_the_saved_config_is_the_resolved_one(ws, competition):
    train(ws, competition, load_experiment(LINEAR, ["model.C=0.5"]))
    assert load_experiment(ws.run("linear").config).model.C == 0.5
    assert json.loads((ws.run("linear").fold(0) / "report.json").read_text())["fit_seconds"] >= 0
    assert isinstance(load_cards(ws), pd.DataFrame)


def test_a_run_s_config_is_where_its_weights_are_now(trained, competition, capsys):
    run = trained.run("linear")
    saved, done = run.config.read_text(), (run.fold(0) / "DONE").stat().st_mtime_ns
    run.config.write_text(saved.replace("name: linear", "name: elsewhere"))
    train(trained, competition, load_experiment(LINEAR))
    assert run.config.read_text() == saved
    run.config.unlink()
    train(trained, competition, load_experiment(LINEAR))
    assert run.config.read_text() == saved
    assert (run.fold(0) / "DONE").stat().st_mtime_ns == done
    run.report.unlink()
    train(trained, competition, load_experiment(LINEAR))
    assert run.report.is_file()


def test_fasttext_is_the_same_after_memory_was_used(ws):
    from goods.models.base import Context
    from goods.models.text.fasttext_model import FastTextModel

    cards = select(load_cards(ws), "train")
    config = load_experiment(CONFIGS / "fasttext.yaml", ["model.dim=16", "model.buckets=2000"]).model
    probas = []
    for size in (1, 40_000, 33_000):
        _ = [
            np.full(size, np.nan, np.float32) for _ in range(50)
        ]  # freed: what malloc hands out next is not zero
        model = FastTextModel(config, Context(Labels.load(ws)))
        model.fit(cards, None)
        probas.append(model.predict(cards))
    assert np.array_equal(probas[0], probas[1])
    assert np.array_equal(probas[0], probas[2])


@pytest.mark.gpu
def test_neural_folds_run_on_the_gpu(ws, competition):
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    assert resources(3, on_gpu=True).device == "cuda"
    train(ws, competition, load_experiment(CONFIGS / "navec.yaml", ["model.trainer.epochs=3"]))
    assert read_json(ws.run("navec").report)["score"] > 0.5


def test_fasttext_goes_on_at_half_the_rate_where_it_diverges(ws, monkeypatch, capsys):
    from goods.models.base import Context
    from goods.models.text.fasttext_model import FastTextModel

    tried, trained = [], FastTextModel._train_at

    def train_at(self, name, lines, target, epochs, lr):
        tried.append(lr)
        if lr > diverges_above:
            raise RuntimeError("Encountered NaN.")
        return trained(self, name, lines, target, epochs, lr)

    monkeypatch.setattr(FastTextModel, "_train_at", train_at)
    cards, config = select(load_cards(ws), "train"), load_experiment(CONFIGS / "fasttext.yaml").model
    diverges_above = 0.2
    FastTextModel(config, Context(Labels.load(ws))).fit(cards[:100], None)
    assert tried == [config.lr, config.lr / 2, config.lr / 4]
    assert "diverges at learning rate 0.5, halved" in capsys.readouterr().err
    diverges_above = 0.0
    with pytest.raises(GoodsError, match="lower model"):
        FastTextModel(config, Context(Labels.load(ws))).fit(cards[:100], None)


def test_a_metric_that_gives_no_number_is_told(ws, competition, monkeypatch):
    monkeypatch.setattr("goods.train.gather.evaluate", lambda *_: float("nan"))
    with pytest.raises(GoodsError, match=r"metric weighted_f1 gave .*nan"):
        train(ws, competition, load_experiment(LINEAR))


def test_a_metric_of_two_classes_is_refused_where_there_are_more(tmp_path, shop):
    of_two = competition_config(metric="binary_f1")
    with pytest.raises(GoodsError, match="metric binary_f1 is not defined for 6 classes"):
        prepare(Workspace(tmp_path / "work", of_two.name), of_two, shop)


def test_a_run_one_of_whose_folds_has_other_settings_is_not_finished(trained, competition):
    saved_config(trained, "linear")
    train(trained, competition, load_experiment(LINEAR, ["model.C=0.1"]), folds=[1])
    with pytest.raises(
        GoodsError, match=r"no finished run; run scripts/run_all\.sh kazanexpress2023 for all"
    ):
        saved_config(trained, "linear")
    train(trained, competition, load_experiment(LINEAR))
    saved_config(trained, "linear")
