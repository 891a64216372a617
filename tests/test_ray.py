"""Jobs on a cluster of two raylets on this machine: the bytes of a run on one machine, whatever is lost on the way."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from conftest import ROOT, write_shop
from stopped_runs import LONG, STOPPED, folds
from studies import LINEAR, SMALL

from goods.config.competition import CompetitionConfig
from goods.config.loading import load_experiment
from goods.core import execution, ray_jobs
from goods.core.artifacts import read_json
from goods.core.done import read_done
from goods.core.errors import GoodsError
from goods.core.execution import Resources, run_jobs
from goods.core.scratch import own_folder
from goods.core.workspace import Workspace
from goods.prepare.folds import make_folds
from goods.prepare.stage import prepare
from goods.submit.prediction import predict_file
from goods.train.stage import train
from goods.tune.stage import tune

pytest.importorskip("ray", reason="Ray is not installed: pip install 'goods[ray]'")
pytestmark = pytest.mark.slow

NODE = {"num_cpus": 1, "object_store_memory": 80 << 20, "include_dashboard": False}
TESTS = str(Path(__file__).parent)


@pytest.fixture(scope="module")
def raylets():
    """A cluster of two nodes of one core each; the second may be lost."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch, own_folder(Path("/tmp"), "goods-ray-tests-") as folder:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_TMPDIR", str(folder))
        (folder / "ray").mkdir()  # where Ray keeps the address; it does not make it
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "src"), TESTS]))
        logging.getLogger("ray").setLevel(logging.CRITICAL)
        made = Cluster(initialize_head=True, head_node_args={**NODE, "temp_dir": str(folder)})
        try:
            made.add_node(**NODE)
            yield made
        finally:
            made.shutdown()


def written(ws: Workspace, experiment: str) -> dict[str, object]:
    """What a finished run holds, without how long it took."""
    run = ws.run(experiment)
    keys = {path.name: read_done(path).key for path in [run.path, *map(run.fold, range(3))]}
    return keys | {name: (run.path / name).read_bytes() for name in ("oof.npz", "test.npz")}


@pytest.fixture
def twin(ws, tmp_path) -> Workspace:
    """A copy of the prepared workspace, for the same run elsewhere."""
    shutil.copytree(ws.root, tmp_path / "twin")
    return Workspace(tmp_path / "twin", ws.competition)


def test_an_experiment_a_study_and_new_cards_are_the_same_bytes_on_a_cluster(
    ws, twin, shop, competition, raylets, capfd
):
    linear, study = load_experiment(LINEAR), load_experiment(LINEAR, SMALL)
    labelled = []
    for space, address in ((ws, None), (twin, raylets.address)):
        with ray_jobs.cluster(address, space.root) if address else execution.counting(1):
            train(space, competition, linear)
            tune(space, competition, study)
            out = space.root / "labelled.csv"
            predict_file(space, competition, "linear", shop / "test.parquet", None, out, rows=15)
            labelled.append(out.read_bytes())
        if address is None:
            capfd.readouterr()
    assert labelled[0] == labelled[1]
    assert written(ws, "linear") == written(twin, "linear")
    here, there = ws.tuning("linear"), twin.tuning("linear")
    assert (here / "best.yaml").read_bytes() == (there / "best.yaml").read_bytes()
    assert read_json(here / "report.json") == read_json(there / "report.json")
    assert (there / "study.journal").is_file() and not (there / "study.db").exists()
    said = [line.rpartition("\r")[2].strip() for line in capfd.readouterr().err.splitlines()]
    assert sum(line.startswith("tune linear: 4/4 ") for line in said) == 1  # of a job on another machine
    assert [line for line in said if line and not line.startswith(("train ", "tune ", "predict "))] == []
    assert not (twin.root / "tmp").exists()


def test_a_whole_run_ends_with_the_bytes_of_one_on_this_machine(
    tuned_run, raylets, run_script, monkeypatch, tmp_path
):
    here, _ = tuned_run
    work, out = tmp_path / "work", tmp_path / "out"
    monkeypatch.setattr("goods.cli.CONFIGS", here.configs)
    folders = ("--data", here.data, "--work", work, "--out", out)
    on_cluster = ("--executor", "ray", "--address", raylets.address)
    code, said, err = run_script("run_all", "kazanexpress2023", *folders, *on_cluster)
    assert (code, said.count("\n")) == (0, 1), err
    for name in ("result.parquet", "errors.csv", "suspected_labels.csv"):
        there = out / "kazanexpress2023" / name
        assert there.read_bytes() == (here.out / "kazanexpress2023" / name).read_bytes(), name
    for name in ("linear-tuned", "fasttext", "stack"):
        runs = [Workspace(space, "kazanexpress2023").run(name).path for space in (here.work, work)]
        assert len({read_done(run).key for run in runs}) == 1
        assert len({(run / "oof.npz").read_bytes() for run in runs}) == 1
    assert not (work / "tmp").exists()


def slowly(ws, config, k, progress, resources):
    from goods.train import fold

    time.sleep(4)
    fold.write_fold(ws, config, k, progress, resources)


def fit_slowly(*args):
    from goods.train import fold_job

    fold_job.write_fold = slowly
    fold_job.fit_fold(*args)


def test_folds_of_a_machine_that_is_lost_are_trained_on_another(
    ws, twin, competition, raylets, monkeypatch, capfd
):
    config = load_experiment(LINEAR)
    train(ws, competition, config)
    capfd.readouterr()
    lost = raylets.add_node(**NODE)
    monkeypatch.setattr("goods.train.stage.fit_fold", fit_slowly)
    killed = []

    def kill():
        until = time.monotonic() + 120
        while not all(mark.exists() for mark in folds(twin, "linear", 0, 1, 2)):
            if time.monotonic() > until:
                return
            time.sleep(0.1)
        raylets.remove_node(lost, allow_graceful=False)
        killed.append(time.monotonic())

    thread = threading.Thread(target=kill)
    with ray_jobs.cluster(raylets.address, twin.root):
        thread.start()
        train(twin, competition, config)
        thread.join()
        time.sleep(1)  # Ray has a word to say on it
    assert killed
    assert written(ws, "linear") == written(twin, "linear")
    out, err = capfd.readouterr()
    lines = [line.rpartition("\r")[2].strip() for line in err.splitlines()]
    assert (out, [line for line in lines if line and not line.startswith("train ")]) == ("", [])


def refuse(number, given):
    if number == 1:
        raise GoodsError(f"number {number} is refused")
    return number


def fail(given):
    raise ValueError("of no use")


def refuse_fold(*args):
    raise GoodsError("this fold is refused")


def test_what_a_job_raises_is_raised_here(tmp_path, raylets):
    with ray_jobs.cluster(raylets.address, tmp_path):
        given = Resources("cpu", 1)
        with pytest.raises(GoodsError, match=r"^number 1 is refused$"):
            run_jobs(refuse, [(0,), (1,), (2,)], given, "refused")
        with pytest.raises(ValueError, match="of no use") as caught:
            run_jobs(fail, [()], given, "failing")
        assert "in fail" in str(caught.value.__cause__)
        with pytest.raises(GoodsError, match="no machine of the cluster has 7 CPU"):
            run_jobs(refuse, [(0,)], Resources("cpu", 7), "too many")


def test_a_refusal_of_a_job_is_one_line_and_exit_code_2(ws, raylets, run_script, monkeypatch):
    monkeypatch.setattr("goods.train.stage.fit_fold", refuse_fold)
    make_folds(ws, CompetitionConfig(name=ws.competition, reader=ws.competition, data="nowhere"))
    asked = ("train", LINEAR, "--work", ws.root, "--executor", "ray", "--address", raylets.address)
    code, out, err = run_script(*asked)
    lines = [line.rpartition("\r")[2].strip() for line in err.splitlines()]
    said = [line for line in lines if line and not line.endswith("fold/s]")]
    assert (code, out, said) == (2, "", ["error: this fold is refused"])


def working_processes() -> list[psutil.Process]:
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if process.cmdline()[:1] == ["ray::on_worker"]:
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_ctrl_c_ends_in_one_line_and_ends_the_jobs(tmp_path, raylets):
    competition = CompetitionConfig(name="kazanexpress2023", reader="kazanexpress2023", data="nowhere")
    ws = Workspace(tmp_path / "work", competition.name)
    prepare(ws, competition, write_shop(tmp_path / "shop"))
    make_folds(ws, competition)
    settings = [part for setting in LONG["fasttext"] for part in ("--set", setting)]
    config = LINEAR.with_name("fasttext.yaml")
    where = ["--work", ws.root, "--executor", "ray", "--address", raylets.address]
    run = subprocess.Popen(
        ["taskset", "-c", "0", sys.executable, ROOT / "scripts/train.py", config, *where, *settings],
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    until = time.monotonic() + 120
    while sum(mark.exists() for mark in folds(ws, "fasttext", *range(5))) < 2:
        assert run.poll() is None and time.monotonic() < until
        time.sleep(0.1)
    assert working_processes()
    os.killpg(run.pid, signal.SIGINT)
    assert run.wait(timeout=20) == 130
    until = time.monotonic() + 20
    while working_processes():
        assert time.monotonic() < until
        time.sleep(0.1)
    lines = [line.rpartition("\r")[2].strip() for line in run.stderr.read().decode().split("\n")]
    assert [line for line in lines if line and "fold/s]" not in line] == [STOPPED]
