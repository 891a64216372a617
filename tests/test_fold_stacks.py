"""The stacks of all folds: fitted side by side, boosted on drawn cards."""

import os
import threading
from contextlib import closing
from dataclasses import replace

import numpy as np
import psutil
import pytest
from joblib import delayed

from goods.core.execution import counting
from goods.core.processes import in_processes
from goods.stack import fit
from goods.stack.boosting import sampling
from goods.stack.config import StackConfig
from goods.stack.features import CandidateFeatures
from goods.stack.fit import fit_stack, fit_stacks
from goods.stack.pooling import Pool

METHODS = ["greedy", "blend", "logistic", "catboost"]


@pytest.mark.parametrize(
    ("n_folds", "little", "at_once"), [(4, 2**28, 2), (5, 2**28, 3), (3, 2**28, 3), (5, 0, 2)]
)
def test_folds_are_fitted_side_by_side_as_far_as_there_are_cores_and_come_in_order(
    level_and_noise, monkeypatch, n_folds, little, at_once
):
    level, _ = level_and_noise
    monkeypatch.setattr(fit, "LITTLE", little)
    level = replace(level, fold=np.arange(len(level.fold)) % n_folds)
    together, running = threading.Barrier(at_once, timeout=20), threading.Semaphore(at_once)

    def met(level, k, methods):
        assert running.acquire(blocking=False)
        if k < at_once:
            together.wait()  # for the others that run at once
        running.release()
        return k

    monkeypatch.setattr(fit, "fit_stack", met)
    with counting(2), closing(fit_stacks(level, METHODS)) as fitted:
        assert list(fitted) == list(range(n_folds))


@pytest.mark.parametrize(("n", "free"), [(1, 2**40), (8, 1)])
def test_one_core_or_little_memory_fits_one_fold_at_a_time(level_and_noise, monkeypatch, n, free):
    level, _ = level_and_noise
    running = threading.Lock()

    def alone(level, k, methods):
        assert running.acquire(blocking=False)
        running.release()
        return k

    monkeypatch.setattr(fit, "fit_stack", alone)
    monkeypatch.setattr(fit, "free_memory", lambda: free)
    with counting(n), closing(fit_stacks(level, METHODS)) as fitted:
        assert list(fitted) == list(range(level.n_folds))


def test_a_fold_fitted_beside_another_is_the_one_fitted_alone(level_and_noise, tmp_path):
    level, _ = level_and_noise
    with counting(2):
        with closing(fit_stacks(level, METHODS)) as fitted:
            for k, fold in enumerate(fitted):
                fold.save(tmp_path / f"beside-{k}")
        for k in range(level.n_folds):
            fit_stack(level, k, METHODS).save(tmp_path / f"alone-{k}")
            for name in ("methods.json", "model.cbm"):
                beside, alone = (tmp_path / f"{how}-{k}" / name for how in ("beside", "alone"))
                assert beside.read_bytes() == alone.read_bytes()


def test_processes_of_finished_folds_hold_no_memory_while_stacks_are_fitted(level_and_noise, monkeypatch):
    level, _ = level_and_noise
    workers = set(in_processes([delayed(os.getpid)() for _ in range(4)], 2))
    alive = []

    def looked(level, k, methods):
        alive.extend(pid for pid in workers if psutil.pid_exists(pid))
        return k

    monkeypatch.setattr(fit, "fit_stack", looked)
    with counting(1), closing(fit_stacks(level, METHODS)) as fitted:
        assert list(fitted) == list(range(level.n_folds))
    assert workers and not alive


def test_features_are_made_of_drawn_cards_alone_and_are_those_of_all(level_and_noise, monkeypatch):
    level, _ = level_and_noise
    few = replace(level, model=level.model.model_copy(update={"max_cards": 100}))
    made = CandidateFeatures.with_blend
    seen = []

    def noted(self, features, table, blend):
        seen.append((made(self, features, table, blend), table))
        return seen[-1][0]

    monkeypatch.setattr(CandidateFeatures, "with_blend", noted)
    fitted = fit_stack(few, 0, ["catboost"])
    fit_stack(level, 0, ["catboost"])
    (drawn, table), (whole, every) = seen
    assert len(np.unique(table.card)) == 100
    here = np.isin(every.card, table.card)
    assert whole[here].to_numpy().tobytes() == drawn.to_numpy().tobytes()
    assert fitted.booster is not None


def test_a_pool_s_terms_of_a_class_move_its_entries_alone():
    rng = np.random.default_rng(0)
    log_proba, cls = np.log(rng.random((50, 3))), rng.integers(0, 7, 50).astype(np.int32)
    bias, own, weights = rng.normal(size=7), rng.normal(size=(7, 3)), rng.random(3)
    score = Pool(True, weights, bias, own).score(log_proba, cls)
    by_hand = [x @ (weights + own[c]) + bias[c] for x, c in zip(log_proba, cls, strict=True)]
    assert np.allclose(score, by_hand)


def test_a_run_that_is_out_of_time_does_not_wait_for_folds_under_way(level_and_noise, monkeypatch):
    level, _ = level_and_noise
    over, ended = threading.Event(), []

    def slow(level, k, methods):
        if k:
            over.wait(60)
        ended.append(k)
        return k

    monkeypatch.setattr(fit, "fit_stack", slow)
    with counting(2):
        fitted = fit_stacks(level, METHODS)
        assert next(fitted) == 0
        fitted.close()
    assert ended == [0]
    over.set()


@pytest.mark.parametrize(
    ("entries", "share"), [(1, 0.8), (6_250, 0.8), (10_000, 0.5), (25_000, 0.2), (10**6, 0.2)]
)
def test_a_tree_draws_a_fifth_of_the_candidates_but_of_few_most(entries, share):
    model = StackConfig(family="stack", experiments=("linear",))
    assert sampling(model, entries)["subsample"] == pytest.approx(share)


def test_a_share_set_by_hand_is_the_least():
    model = StackConfig(family="stack", experiments=("linear",), subsample=0.9)
    assert sampling(model, 10)["subsample"] == sampling(model, 10**6)["subsample"] == 0.9
