"""Repeats: other assignments to folds, whose scores are averaged."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import ROOT, competition_config

from goods.cards.table import load_cards, select
from goods.config.loading import load_experiment
from goods.core.artifacts import read_json
from goods.core.predictions import Predictions
from goods.prepare.folds import load_dealt, make_folds
from goods.train.repeats import train_repeats
from goods.train.stage import train


def test_repeats_are_other_assignments_whose_scores_are_averaged(ws, capsys):
    once, competition = competition_config(), competition_config(repeats=2)
    make_folds(ws, once)
    first = ws.folds.read_bytes()
    make_folds(ws, competition)
    other, cards = replace(ws, repeat=1), select(load_cards(ws), "train")
    assert ws.folds.read_bytes() == first
    assert (load_dealt(ws, cards).fold != load_dealt(other, cards).fold).mean() > 0.4
    config = load_experiment(ROOT / "configs" / "kazanexpress2023" / "linear.yaml")
    train(ws, competition, config)
    assert train_repeats(ws, once, config) is None
    report = train_repeats(ws, competition, config)
    scores = [read_json(space.run("linear").report)["score"] for space in (ws, other)]
    assert report["scores"] == scores
    assert report["score"] == pytest.approx(np.mean(scores), abs=1e-6)
    assert report["folds"] == 6
    assert report["anew"]
    assert not train_repeats(ws, competition, config)["anew"]
    oof = [Predictions.load(space.run("linear").oof) for space in (ws, other)]
    assert (oof[0].product_id == oof[1].product_id).all()
    assert not np.array_equal(oof[0].proba, oof[1].proba)
    capsys.readouterr()
    assert train_repeats(ws, competition, config.model_copy(update={"tuned_on": (0,)})) is None
    assert "a study has used cards of folds [0]" in capsys.readouterr().err
