import importlib.util
import json
import sys

import numpy as np
import pytest
from conftest import ROOT, as_written

from goods.cards.labels import Labels
from goods.cards.table import load_cards, select
from goods.config.loading import load_experiment
from goods.core.artifacts import read_json, write_json
from goods.core.errors import GoodsError
from goods.core.workspace import Workspace
from goods.metrics.evaluation import score
from goods.prepare.folds import load_folds, make_folds
from goods.train.stage import train

LINEAR = ROOT / "configs" / "kazanexpress2023" / "linear.yaml"


@pytest.fixture
def peers(monkeypatch):
    """The benchmark as a module; folds one after another, for workers cannot import it by name."""
    spec = importlib.util.spec_from_file_location("peers", ROOT / "benchmarks" / "peers.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "at_once", lambda n_classes, n_folds: 1)
    return module


@pytest.fixture
def svm_only(peers, monkeypatch):
    monkeypatch.setattr(
        peers, "PEERS", {"TF-IDF + LinearSVC, all fields": (peers.fit_svm, peers.TEXT_FIELDS)}
    )


@pytest.fixture
def ws(ws):
    """The tiny shop with a fifth of its train labels shuffled, so that no model is perfect."""
    cards, rng = load_cards(ws), np.random.default_rng(0)
    rows = rng.choice(np.flatnonzero(cards.split == "train"), 48, replace=False)
    cards.loc[rows, "target"] = rng.permutation(cards.target.to_numpy()[rows])
    cards.to_parquet(ws.cards, index=False)
    as_written(ws.prepared)
    return ws


@pytest.mark.slow
def test_peers_and_runs_are_scored_on_the_same_folds(ws, competition, peers):
    train(ws, competition, load_experiment(LINEAR))
    rows = peers.compare(ws, competition)
    assert [r["name"] for r in rows] == [*peers.PEERS, "linear"]
    assert all(0.6 < r["score"] < 1 for r in rows)
    report, best = read_json(ws.run("linear").report), max(rows[:-1], key=lambda r: r["score"])
    assert all(r["folds"] == [0, 1, 2] and r["scores"].keys() == report["scores"].keys() for r in rows)
    assert rows[-1]["score"] == report["score"]
    assert rows[-1]["best_peer"] == best["name"]
    assert rows[-1]["seconds"] == pytest.approx(sum(report["fit_seconds"]), abs=0.06)
    assert rows[-1]["error_ratio"] == pytest.approx((1 - report["score"]) / (1 - best["score"]))


def test_a_peer_is_scored_by_its_out_of_fold_classes(ws, competition, peers, svm_only):
    cards = select(load_cards(ws), "train")
    fold, target, texts = load_folds(ws, cards), cards.target.to_numpy(), peers.plain_texts(cards)
    found = peers.run_peer(ws, competition, "TF-IDF + LinearSVC, all fields")
    inside = fold == 1
    alone, _, _ = peers.fit_svm(
        [t for t, i in zip(texts, inside, strict=True) if not i],
        target[~inside],
        [t for t, i in zip(texts, inside, strict=True) if i],
    )
    assert found["classes"][inside].tolist() == alone.tolist()
    (row,) = peers.compare(ws, competition)
    expected = score("weighted_f1", target, found["classes"], Labels.load(ws))
    assert row["score"] == pytest.approx(expected, abs=1e-6)


def test_a_tuned_run_meets_the_peers_on_the_folds_no_study_used(ws, competition, peers, svm_only):
    train(ws, competition, load_experiment(LINEAR, ["tuned_on=[0]"]))
    rows = peers.compare(ws, competition)
    everywhere, elsewhere, run = rows
    assert [r["folds"] for r in rows] == [[0, 1, 2], [1, 2], [1, 2]]
    assert everywhere["score"] != elsewhere["score"]
    assert run["error_ratio"] == pytest.approx((1 - run["score"]) / (1 - elsewhere["score"]))
    assert peers.table(rows).count("| 1,2 ") == 2


def test_a_stack_is_charged_for_its_base_models(ws, competition, peers, svm_only):
    train(ws, competition, load_experiment(LINEAR))
    train(ws, competition, load_experiment(LINEAR, ["name=stack"]))
    report = {**read_json(ws.run("stack").report), "fit_seconds": [5.0], "base": {"linear": 0.9}}
    write_json(ws.run("stack").report, report)
    as_written(ws.run("stack").path)
    (row,) = [r for r in peers.compare(ws, competition, "stack") if r["kind"] == "run"]
    assert row["seconds"] == pytest.approx(
        5 + sum(read_json(ws.run("linear").report)["fit_seconds"]), abs=0.06
    )


def test_a_run_on_other_folds_is_left_out(ws, competition, peers, svm_only, capsys):
    train(ws, competition, load_experiment(LINEAR))
    make_folds(ws, competition.model_copy(update={"seed": 1}))
    assert [r["kind"] for r in peers.compare(ws, competition)] == ["peer"]
    assert "linear: left out" in capsys.readouterr().err


def test_missing_stages_are_named(ws, competition, peers, tmp_path):
    with pytest.raises(GoodsError, match="not a finished run"):
        peers.compare(ws, competition, "nothing")
    with pytest.raises(GoodsError, match=r"run scripts/make_folds\.py again"):
        peers.compare(ws, competition.model_copy(update={"n_folds": 4}))
    ws.folds.unlink()
    with pytest.raises(GoodsError, match=r"run scripts/make_folds\.py"):
        peers.compare(ws, competition)
    with pytest.raises(GoodsError, match=r"run scripts/prepare\.py"):
        peers.compare(Workspace(tmp_path / "nowhere", competition.name), competition)


@pytest.mark.slow
def test_the_script_prints_a_table_and_writes_json(ws, competition, peers, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("goods.competitions.loading.load_competition", lambda name, configs: competition)
    out = tmp_path / "peers.json"
    monkeypatch.setattr(
        sys, "argv", ["peers.py", competition.name, "--work", str(ws.root), "--out", str(out)]
    )
    peers.main()
    head = [cell.strip() for cell in capsys.readouterr().out.splitlines()[0].split("|")]
    assert head[1:3] == ["name", "out-of-fold weighted_f1 ± sd"]
    rows = json.loads(out.read_text(encoding="utf-8"))["rows"]
    assert [r["kind"] for r in rows] == ["peer"] * len(peers.PEERS)


def test_napkinxc_finds_words_of_a_class(peers):
    pytest.importorskip("napkinxc")
    train, target = [f"слово{c} шум{i}" for i in range(20) for c in range(4)], np.tile(np.arange(4), 20)
    predicted, seconds, _ = peers.fit_napkinxc(train, target, ["слово2 шум99", "слово0 шум3"])
    assert predicted.tolist() == [2, 0]
    assert seconds > 0
