"""Where jobs run: what the command line takes, and what other machines have to have."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from shlex import quote

import pytest
from conftest import SCRIPTS
from studies import LINEAR, SMALL

from goods.config.loading import load_experiment
from goods.core import execution, ray_worker
from goods.core.artifacts import read_json
from goods.core.errors import GoodsError
from goods.core.execution import ANY_GPU, MEMORY, Resources, cores, resources, running_on
from goods.core.log import say
from goods.core.processes import Limits, limited
from goods.core.ray_jobs import RayJobs
from goods.core.ray_worker import Home, on_worker, source_hash
from goods.core.workspace import Workspace
from goods.submit.prediction import predict_file
from goods.train.stage import train
from goods.tune.stage import tune

WITH_JOBS = ("predict", "run_all", "train", "tune")
ARGUMENTS = {
    "predict": ("kazanexpress2023", "stack", "cards.parquet", "--out", "labels.csv"),
    "run_all": ("kazanexpress2023",),
    "train": (LINEAR,),
    "tune": (LINEAR,),
}


@pytest.mark.parametrize("script", WITH_JOBS)
def test_an_address_without_ray_and_ray_that_is_missing_are_told_in_one_line(
    script, tmp_path, run_script, monkeypatch
):
    asked = (script, *ARGUMENTS[script], "--work", tmp_path / "work")
    code, _, err = run_script(*asked, "--address", "auto")
    assert (code, err) == (2, "error: --address auto: goes with --executor ray; add that or leave it out\n")
    monkeypatch.setitem(sys.modules, "ray", None)
    code, _, err = run_script(*asked, "--executor", "ray")
    install = f"{quote(sys.executable)} -m pip install 'goods[ray]'"
    assert (code, err) == (2, f"error: --executor ray: Ray is not installed; {install}\n")
    code, _, err = run_script(*asked, "--executor", "dask")
    assert code == 2 and "invalid choice: 'dask'" in err
    assert set(WITH_JOBS) <= set(SCRIPTS)


@pytest.mark.parametrize("option", ["--work", "--out"])
def test_an_address_of_a_store_is_no_folder(option, run_script, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = run_script("run_all", "demo", option, "s3://bucket/work")
    assert code == 2 and err.startswith("error: s3:/bucket/work: an address, not a folder: ")
    assert err.count("\n") == 1 and not list(tmp_path.iterdir())


@pytest.fixture
def home(tmp_path: Path) -> Home:
    shared = tmp_path / "work/tmp/run-1"
    shared.mkdir(parents=True)
    return Home(tmp_path, shared, source_hash(), 6)


class InTurn(RayJobs):
    """A cluster whose jobs run in this process, as they do in those of Ray."""

    def __init__(self, home: Home) -> None:
        super().__init__(home, here=False)
        self.nodes: list[dict[str, float]] = [{"CPU": 4, "memory": 8 * 2**30}]
        self.given: list[tuple[str, int]] = []

    def machines(self):
        return self.nodes

    def results(self, job, arguments, given, most, memory=MEMORY):
        self.needs(given, memory)
        for args in arguments:
            self.given.append((job.__name__, given.threads))
            value = on_worker(self.home, job, given, *args).get()
            self.tell()
            yield value


@pytest.fixture
def machines(home, monkeypatch) -> InTurn:
    monkeypatch.chdir(home.directory)
    return InTurn(home)


def test_jobs_given_away_are_folds_trials_and_batches_and_give_the_same(
    ws, shop, tmp_path, competition, machines, monkeypatch, capsys
):
    there = Workspace(tmp_path / "there", ws.competition)
    shutil.copytree(ws.root, there.root)
    machines.home = replace(machines.home, cores=1)
    linear, study = load_experiment(LINEAR), load_experiment(LINEAR, SMALL)

    def work(space: Workspace) -> list[bytes]:
        train(space, competition, linear)
        tune(space, competition, study)
        out = space.root / "out.csv"
        predict_file(space, competition, "linear", shop / "test.parquet", None, out, rows=15)
        run, tuning = space.run("linear"), space.tuning("linear")
        return [p.read_bytes() for p in (run.oof, run.test, tuning / "best.yaml", out)]

    expected = work(ws)
    capsys.readouterr()
    with running_on(machines):
        assert work(there) == expected
    jobs = [name for name, _ in machines.given]
    assert jobs == ["warm", *["fit_fold"] * 3, *["work_along"] * 3, *["answer"] * 3]
    assert {threads for _, threads in machines.given} == {1}
    assert "tune linear: 4/4 " in capsys.readouterr().err
    assert read_json(there.tuning("linear") / "report.json")["trials"] == {"complete": 4}


def test_a_job_counts_on_the_cores_of_the_machine_that_gave_it(home):
    def job(given):
        say("at work")
        return cores(), given

    outcome = on_worker(home, job, Resources(ANY_GPU, 2))
    assert outcome.get() == (6, Resources("cuda:0", 2))
    (told,) = home.shared.iterdir()
    assert told.read_text() == "at work\n"


def test_a_machine_that_is_not_like_that_of_the_run_is_named(home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ray_worker.os, "uname", lambda: type("", (), {"nodename": "far"}))
    for change, message in [
        ({"shared": tmp_path / "w/tmp/run-2"}, "machine far of the cluster does not see .+/w of this run"),
        ({"directory": tmp_path / "gone"}, "machine far of the cluster has no folder .+gone"),
        ({"source": "other"}, "machine far of the cluster has other source of goods"),
    ]:
        with pytest.raises(GoodsError, match=message):
            on_worker(replace(home, **change), lambda given: None, Resources("cpu", 1)).get()


def test_a_job_reserves_what_it_takes_and_no_more_memory_than_a_machine_has(machines):
    small, big = {"CPU": 4, "memory": 2.0 * 2**30}, {"CPU": 16, "memory": 64.0 * 2**30, "GPU": 2}
    machines.nodes = [small]
    assert machines.needs(Resources("cpu", 4), MEMORY) == {"CPU": 4, "memory": 2 * 2**30}
    machines.nodes = [small, big]
    assert machines.needs(Resources(ANY_GPU, 3), MEMORY) == {"CPU": 3, "GPU": 1, "memory": MEMORY}
    assert machines.room(Resources("cpu", 4)) == 4
    assert machines.room(Resources(ANY_GPU, 3)) == 2
    with pytest.raises(GoodsError, match=r"no machine .+ has 8 CPU and 1 GPU, .+ have: 4 CPU, 0 GPU; "):
        machines.nodes = [small]
        machines.needs(Resources(ANY_GPU, 8), MEMORY)


def test_threads_of_a_job_do_not_follow_from_the_size_of_the_cluster(machines, monkeypatch):
    monkeypatch.setattr(execution, "cores", lambda: 8)
    here = resources(5, on_gpu=False)
    with running_on(machines):
        for nodes in (1, 50):
            machines.nodes = [{"CPU": 8, "memory": 2.0**40, "GPU": 1}] * nodes
            assert resources(5, on_gpu=False) == here
            assert resources(5, on_gpu=True) == Resources(ANY_GPU, here.threads)
            assert execution.at_once(100, here) == min(100, 8 * nodes)
        with limited(Limits(workers=3)):
            assert execution.at_once(100, here) == 3
