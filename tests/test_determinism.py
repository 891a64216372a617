"""The same inputs give the same bytes, whatever the circumstances."""

from __future__ import annotations

import importlib.util
import sys

import numpy as np
import pytest
from catboost import CatBoost
from conftest import OZON, QUICK, ROOT, ozon_config, ozon_workspace

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
        FoldStack(1, [], {}, np.ones(1), fitted(loss), fitted(loss)).save(tmp_path / name)
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


@pytest.fixture(scope="module")
def determinism():
    spec = importlib.util.spec_from_file_location("determinism", ROOT / "benchmarks" / "determinism.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.mark.slow
def test_all_circumstances_at_once_change_no_byte_and_no_key(tmp_path, determinism):
    determinism.write_raw(tmp_path / "raw", 120)
    determinism.write_configs(tmp_path / "configs", determinism.SHOP, ("linear", "fasttext", "stack"))
    one, other = (
        determinism.made(tmp_path, name, [determinism.SHOP])[0] for name in ("undisturbed", "all at once")
    )
    assert determinism.unlike(one, other) == []
    for name in ("runs/stack/oof.npz", "runs/stack/fold_0/model.cbm", "runs/linear-tuning/best.yaml"):
        assert f"work/{determinism.SHOP}/{name}" in one
    assert f"out/{determinism.SHOP}/result.parquet" in one
    assert f"work/{determinism.SHOP}/runs/fasttext/fold_1/DONE: key" in one


def test_what_is_not_the_same_is_told(tmp_path, determinism):
    for name, text in (("a", "one"), ("b", "other")):
        (tmp_path / name / "work/runs").mkdir(parents=True)
        (tmp_path / name / "work/runs/model.bin").write_text(text)
        (tmp_path / name / "work/runs/report.json").write_text(text)
    (tmp_path / "b/work/runs/more.npz").touch()
    found = determinism.unlike(*(determinism.contents(tmp_path / name) for name in "ab"))
    assert found == ["work/runs/model.bin", "work/runs/more.npz"]


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.timeout(1800)
def test_no_family_s_bytes_follow_from_circumstances(tmp_path, determinism):
    """Cards and pairs: every family that a CPU trains in seconds."""
    determinism.write_raw(tmp_path / "raw", 150)
    for competition, experiments in determinism.COMPETITIONS.items():
        determinism.write_configs(tmp_path / "configs", competition, tuple(experiments))
    every = list(determinism.COMPETITIONS)
    expected, seconds = determinism.made(tmp_path, "undisturbed", every)
    for name in ("all at once", "killed"):
        assert determinism.unlike(expected, determinism.made(tmp_path, name, every, seconds)[0]) == []
