"""Where models are trained anew beside what is made of them, nothing is made of two trainings."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from conftest import OZON, ROOT, competition_config

from goods.app.card_answers import CardAnswers
from goods.app.pair_answers import PairAnswers
from goods.core.done import mark_done
from goods.core.errors import GoodsError
from goods.core.workspace import Workspace
from goods.models.base import Model
from goods.models.pairs.pairs_model import PairsModel
from goods.models.text.linear_model import LinearModel
from goods.problems.kinds import load_rows
from goods.report.explaining import explain
from goods.submit.bundle import Bundle, make_bundle
from goods.submit.pairs import trained_scorer

ANEW = r"^experiment {}: .* made anew meanwhile; run the same command again"


def trained_anew_while_loading(monkeypatch, kind: type[Model], ws: Workspace, experiment: str) -> None:
    """From the second model on, those of the experiment are of another training."""
    load, loads = kind.load, []

    def loading(model, folder):
        loads.append(folder)
        if len(loads) == 2:
            mark_done(ws.run(experiment).fold(2), "of another training")
        load(model, folder)

    monkeypatch.setattr(kind, "load", loading)


def of_pairs(use: Callable[[Workspace], object]):
    return pytest.param(use, id=use.__name__)


def explained(ws: Workspace) -> None:
    pair = load_rows(ws).query("split == 'test'").iloc[0]
    explain(ws, OZON, "stack", [str(pair.variantid1), str(pair.variantid2)], 3)


def answered(ws: Workspace) -> None:
    PairAnswers(ws, OZON, "stack").answer(("a red cup", "a cup, red"), ("", ""))


def matched(ws: Workspace) -> None:
    cards = pd.read_parquet(ws.cards).head(4)
    trained_scorer(ws, OZON, "stack")(cards, np.array([0, 1]), np.array([2, 3]))


@pytest.mark.parametrize("use", [of_pairs(use) for use in (explained, answered, matched)])
def test_pairs_are_not_judged_by_models_of_two_trainings(trained_pairs, tmp_path, monkeypatch, use):
    ws = Workspace(tmp_path / "work", trained_pairs.competition)
    shutil.copytree(trained_pairs.root, ws.root)
    trained_anew_while_loading(monkeypatch, PairsModel, ws, "stack")
    with pytest.raises(GoodsError, match=ANEW.format("stack")):
        use(ws)


def test_a_typed_card_is_not_asked_of_models_of_two_trainings(labeller, tmp_path, monkeypatch):
    ws = Workspace(tmp_path / "work", labeller[0].competition)
    shutil.copytree(labeller[0].root, ws.root)
    trained_anew_while_loading(monkeypatch, LinearModel, ws, "linear")
    with pytest.raises(GoodsError, match=ANEW.format("linear")):
        CardAnswers(ws, competition_config(), "linear")


def test_a_bundle_has_no_models_of_two_trainings(labeller, tmp_path):
    ws = Workspace(tmp_path / "work", labeller[0].competition)
    shutil.copytree(labeller[0].root, ws.root)
    bundle = Bundle(tmp_path / "kaggle")

    def wheels(lines, folder):
        mark_done(ws.run("linear").fold(2), "of another training")

    with pytest.raises(GoodsError, match=ANEW.format("linear")):
        make_bundle(bundle, ws, competition_config(), "linear", ROOT / "configs", wheels)
    assert not list(bundle.out.iterdir())
