"""Threads, jobs side by side and GPUs of their own: circumstances must not reach the bytes."""

from __future__ import annotations

import errno
import os
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import combinations
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import OZON, ROOT, ozon_config, ozon_workspace, write_shop
from ozon_offers import NO_OTHERS
from stopped_runs import FROM_SCRATCH
from threadpoolctl import threadpool_info
from worker_jobs import holding, noted, on_gpu

from goods.cards.table import select
from goods.config.loading import load_experiment
from goods.core import execution
from goods.core.artifacts import read_json
from goods.core.done import fold_content
from goods.core.execution import Resources, at_once, gpu_token, resources, run_jobs
from goods.core.processes import end_idle
from goods.core.workspace import Workspace
from goods.demo.offers import generate
from goods.prepare.folds import make_folds
from goods.prepare.stage import prepare
from goods.problems.kinds import load_rows
from goods.train.stage import train

LINEAR = ROOT / "configs" / "kazanexpress2023" / "linear.yaml"


def machine(monkeypatch, cores: int, gigabytes: float = 100, gpus: int = 0) -> None:
    memory = SimpleNamespace(available=gigabytes * 2**30)
    monkeypatch.setattr(execution, "cores", lambda: cores)
    monkeypatch.setattr(execution, "gpus", lambda: gpus)
    monkeypatch.setattr(execution, "has_gpu_device", lambda: True)
    monkeypatch.setattr(execution.psutil, "virtual_memory", lambda: memory)
    monkeypatch.setattr(execution.cgroups, "free_memory", lambda: None)


@pytest.mark.parametrize(
    ("cores", "n_folds", "threads"), [(1, 5, 1), (2, 5, 1), (8, 5, 1), (16, 5, 3), (8, 2, 4)]
)
def test_threads_follow_from_cores_and_folds_alone(monkeypatch, cores, n_folds, threads):
    for gigabytes in (1, 7, 100):
        machine(monkeypatch, cores, gigabytes)
        given = resources(n_folds, on_gpu=False)
        assert given == Resources("cpu", threads)
        for left in range(1, n_folds + 1):
            assert 1 <= at_once(left, given) <= min(left, cores)


def test_a_gpu_does_not_take_more_jobs_than_there_are_and_a_cpu_not_more_than_memory(monkeypatch):
    machine(monkeypatch, cores=16, gigabytes=7, gpus=2)
    assert at_once(5, resources(5, on_gpu=True)) == 2
    assert at_once(5, resources(5, on_gpu=False)) == 2
    machine(monkeypatch, cores=16, gigabytes=1, gpus=2)
    assert at_once(5, resources(5, on_gpu=False)) == 1


def test_of_one_job_at_a_time_nobody_looks_for_memory(monkeypatch):
    asked = []
    machine(monkeypatch, cores=1)
    monkeypatch.setattr(execution, "free_memory", lambda: asked.append(1) or 1 << 40)
    assert (at_once(5, Resources("cpu", 1)), asked) == (1, [])
    monkeypatch.setattr(execution, "cores", lambda: 2)
    assert (at_once(5, Resources("cpu", 1)), asked) == (2, [1])


def test_a_fold_has_as_many_threads_by_itself_as_among_the_others(ws, competition, monkeypatch):
    machine(monkeypatch, cores=6, gigabytes=1)  # one after the other, in this process
    config = load_experiment(LINEAR)
    train(ws, competition, config)
    run = ws.run("linear")
    assert read_json(run.report)["threads"] == [2, 2, 2]
    train(ws, competition, config, folds=[1], force=True)
    assert [read_json(run.fold(k) / "report.json")["threads"] for k in range(3)] == [2, 2, 2]


def blas_threads(given: Resources) -> list[int]:
    return [pool["num_threads"] for pool in threadpool_info()]


def test_a_job_without_a_process_of_its_own_has_the_same_blas_threads():
    before = blas_threads(Resources("cpu", 1))
    assert before
    (alone,) = run_jobs(blas_threads, [()], Resources("cpu", 1), "alone")
    assert set(alone) == {1}
    assert blas_threads(Resources("cpu", 1)) == before


@pytest.mark.slow
def test_a_fold_trained_by_itself_has_the_bytes_it_had_among_the_others(tmp_path, competition, monkeypatch):
    """Sums over torch's threads end in other last digits where their number is another."""
    ws = Workspace(tmp_path / "work", competition.name)
    prepare(ws, competition, write_shop(tmp_path / "shop", n_train=1800))
    make_folds(ws, competition)
    machine(monkeypatch, cores=2)
    config = load_experiment(LINEAR.with_name("transformer.yaml"), FROM_SCRATCH)
    train(ws, competition, config, folds=[0, 1])
    fold = ws.run("transformer").fold(1)
    before = fold_content(fold)
    train(ws, competition, config, folds=[1], force=True)
    assert fold_content(fold) == before


@pytest.mark.slow
def test_a_fold_of_many_pairs_trained_by_itself_has_the_bytes_it_had_among_the_others(tmp_path, monkeypatch):
    """CatBoost sums over its threads too, and does so differently where there are many rows."""
    generate(tmp_path / "offers", rows=45_000, seed=1)
    ws = ozon_workspace(tmp_path / "work", tmp_path / "offers")
    machine(monkeypatch, cores=2)
    few = [
        "model.features=[strings]",
        "model.iterations=60",
        "model.learning_rate=0.2",
        "model.cleanup=false",
    ]
    config = ozon_config("stack", *few, *NO_OTHERS)
    train(ws, OZON, config, folds=[0, 1])
    fold = ws.run("stack").fold(1)
    assert len(select(load_rows(ws), "train")) * 2 / 3 > 25_000
    before = [(fold / name).read_bytes() for name in ("valid.npz", "test.npz")]
    train(ws, OZON, config, folds=[1], force=True)
    assert [(fold / name).read_bytes() for name in ("valid.npz", "test.npz")] == before
    assert read_json(fold / "report.json")["threads"] == 1


@pytest.mark.parametrize("n_gpus", [1, 2, 3])
def test_no_two_jobs_are_on_one_gpu_at_a_time(tmp_path, n_gpus):
    def job(seconds: float) -> tuple[int, float, float]:
        with gpu_token(tmp_path, n_gpus) as gpu:
            start = time.monotonic()
            time.sleep(seconds)
            return gpu, start, time.monotonic()

    with ThreadPoolExecutor(6) as pool:
        held = list(pool.map(job, (0.3, 0.05, 0.1, 0.2, 0.02, 0.15)))
    assert {gpu for gpu, _, _ in held} == set(range(n_gpus))
    for (gpu, start, end), (other, other_start, other_end) in combinations(held, 2):
        assert gpu != other or end <= other_start or other_end <= start


def test_jobs_in_processes_have_a_gpu_each_and_are_told_which(monkeypatch, tmp_path):
    machine(monkeypatch, cores=4, gpus=2)
    given = resources(5, on_gpu=True)
    jobs = [(seconds, tmp_path, 2) for seconds in (0.6, 0.1, 0.1, 0.3, 0.1)]
    held = run_jobs(on_gpu, jobs, given, "gpus")
    assert {device for device, *_ in held} == {"cuda:0", "cuda:1"}
    assert len({pid for *_, pid in held}) == 2
    for (gpu, start, end, _), (other, other_start, other_end, _) in combinations(held, 2):
        assert gpu != other or end <= other_start or other_end <= start


def test_a_job_alone_is_told_which_gpu_too(monkeypatch, tmp_path):
    machine(monkeypatch, cores=4, gpus=1)
    jobs = [(0.0, tmp_path, 1)] * 2
    devices = [device for device, *_ in run_jobs(on_gpu, jobs, resources(2, on_gpu=True), "one")]
    assert devices == ["cuda:0", "cuda:0"]


@pytest.mark.parametrize("n_cores", [1, 2])
def test_a_job_begins_and_is_told_its_arguments_once_those_it_comes_after_are_done(
    monkeypatch, tmp_path, n_cores
):
    machine(monkeypatch, cores=n_cores)
    after = {2: [0], 3: [2, 1], 4: [3]}

    def told(number: int) -> tuple:
        before = sorted(path.name for path in tmp_path.iterdir())
        assert {str(n) for n in after.get(number, [])} <= set(before)
        return tmp_path, number, f"job {number}"

    jobs = [partial(told, number) for number in range(5)]
    found = run_jobs(noted, jobs, Resources("cpu", 1), "jobs", after=after)
    assert found == [f"job {number}" for number in range(5)]


def test_a_worker_that_has_loaded_what_networks_need_is_not_replaced(monkeypatch, tmp_path):
    machine(monkeypatch, cores=2)
    found = []
    for turn, megabytes in enumerate((0, 400, 0)):
        met = tmp_path / str(turn)
        met.mkdir()
        found += run_jobs(holding, [(megabytes, met)] * 2, Resources("cpu", 1), "jobs")
    end_idle()
    assert len(found) == 6 and len(set(found)) == 2


def test_dead_workers_are_told_of_where_places_go_and_their_folder_stays(monkeypatch):
    machine(monkeypatch, cores=2)

    def dies(calls, *_):
        for call, text in zip(calls, ["fold 0", "", None], strict=True):
            place = call()[1][3]
            if text is None:
                place.symlink_to("gone")
            else:
                place.write_text(text)
        monkeypatch.setattr(os, "rmdir", unable)
        raise BrokenProcessPool("terminated")
        yield

    def unable(*_, **__):
        raise OSError(errno.ENOTEMPTY, "Directory not empty")

    monkeypatch.setattr(execution, "as_done", dies)
    with pytest.raises(BrokenProcessPool, match="terminated") as caught:
        run_jobs(noted, [(), (), ()], Resources("cpu", 1), "jobs")
    assert caught.value.__notes__ == ["in fold 0"]


def hold_gpu(folder: Path, told: Connection) -> None:
    with gpu_token(folder, 1) as gpu:
        told.send(gpu)
        time.sleep(600)


def test_a_killed_job_gives_its_gpu_back(tmp_path):
    fork = get_context("fork")
    told, telling = fork.Pipe(duplex=False)
    holder = fork.Process(target=hold_gpu, args=(tmp_path, telling), daemon=True)
    holder.start()
    assert told.recv() == 0
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(held_gpu, tmp_path)
        time.sleep(0.3)
        assert not waiting.done()
        holder.kill()
        holder.join()
        assert waiting.result(timeout=10) == 0


def held_gpu(folder: Path) -> int:
    with gpu_token(folder, 1) as gpu:
        return gpu


def test_a_model_is_never_told_just_any_gpu(ws, competition, monkeypatch):
    machine(monkeypatch, cores=2, gpus=2)
    from goods.train import context, stage

    told = []
    plain = context.Context

    def noted(**given):
        told.append(given["device"])
        return plain(**given | {"device": "cpu"})

    monkeypatch.setattr(context, "Context", noted)
    monkeypatch.setattr(stage, "at_once", lambda *_: 1)
    monkeypatch.setattr(execution, "at_once", lambda *_: 1)
    train(ws, competition, load_experiment(LINEAR.with_name("navec.yaml"), ["model.trainer.epochs=1"]))
    knn = load_experiment(LINEAR.with_name("knn.yaml"), ["model.sources=[{experiment: navec}]"])
    train(ws, competition, knn)
    assert told
    assert set(told) == {"cuda:0"}
