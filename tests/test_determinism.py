"""The same inputs give the same bytes, whatever the circumstances."""

from __future__ import annotations

import numpy as np
import pytest
from catboost import CatBoost
from conftest import OZON, QUICK, ozon_config, ozon_workspace

from goods.stack.fit import FoldStack
from goods.train.stage import train


def fitted(loss: str) -> CatBoost:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 3))
    target = (features[:, 0] > 0).astype(int) + (features[:, 1] > 1) * (loss == "MultiClass")
    booster = CatBoost(
        {
            "loss_function": loss,
            "iterations": 5,
            "thread_count": 1,
            "allow_writing_files": False,
            "verbose": False,
        }
    )
    return booster.fit(features, target)


@pytest.mark.parametrize("loss", ["Logloss", "MultiClass"])
def test_equal_trainings_of_a_stack_s_booster_leave_equal_bytes(tmp_path, loss):
    for name in "ab":
        FoldStack(1, [], {}, fitted(loss), fitted(loss)).save(tmp_path / name)
    for file in ("model.cbm", "multiclass.cbm"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    booster, again = fitted(loss), FoldStack.load(tmp_path / "a").booster
    rows = np.random.default_rng(1).normal(size=(20, 3))
    assert again is not None
    np.testing.assert_array_equal(
        again.predict(rows, prediction_type="RawFormulaVal"),
        booster.predict(rows, prediction_type="RawFormulaVal"),
    )


def test_equal_trainings_of_pairs_boosters_leave_equal_bytes(tmp_path, offers, trained_pairs):
    ws = ozon_workspace(tmp_path / "work", offers)
    train(ws, OZON, ozon_config("stack", *QUICK), folds=[0])
    found = [one.run("stack").fold(0) / "booster-0.cbm" for one in (ws, trained_pairs)]
    assert found[0].read_bytes() == found[1].read_bytes()
