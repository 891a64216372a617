"""Experiments that do not wait for each other, trained side by side."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from measured_sizes import CONFIGS, PEREKRESTOK, experiment

from goods.budget import queue
from goods.budget.costs import Clock
from goods.config.experiment import PseudoConfig
from goods.config.loading import load_experiment
from goods.core import execution
from goods.core.artifacts import write_text
from goods.core.done import begin, done_key, mark_done
from goods.pipeline import Options, run_all
from goods.train.best import TUNED
from goods.tune import queue as tune_queue
from goods.tune.queue import Trained

NAMES = ["linear-tuned", "fasttext", "navec", "knn"]


def load(name: str):
    config = experiment(name.removesuffix(TUNED))
    return config.model_copy(update={"name": name.removesuffix(TUNED)})


@pytest.fixture
def course(monkeypatch, tmp_path):
    """Of the experiments of the quick preset without photos; `queues` are those that were trained from."""
    course = SimpleNamespace(
        ws=SimpleNamespace(tuning=lambda name: tmp_path / name),
        competition=SimpleNamespace(n_folds=3),
        size=PEREKRESTOK,
        plan=None,
        force=False,
        done=[],
        studied=[],
        queued=[],
        ready=SimpleNamespace(look_again=lambda name: None),
        queues=[],
        finished=[],
        needed=lambda plan: list(NAMES),
        needs=lambda name: ["navec", "knn"] if name == "knn" else [name],
        load=load,
        study=lambda name, plan: 60.0,
        clock=Clock(),
    )

    def queued(ws, competition, trained, settings):
        studies = [one.config.name for one in trained if one.study is not None]
        course.queues.append((studies, [(one.name, len(one.folds)) for one in trained]))

    monkeypatch.setattr(queue, "announce", lambda *_: None)
    monkeypatch.setattr(queue, "fits_beside", lambda *_: True)
    monkeypatch.setattr(queue, "missing_folds", lambda *_: [0, 1])
    monkeypatch.setattr(queue, "is_studied", lambda ws, c, config: config.name in course.studied)
    monkeypatch.setattr(queue, "load_best", lambda *_: load("linear").model_copy(update={"name": NAMES[0]}))
    monkeypatch.setattr(queue, "run_beside", queued)
    return course


def test_a_study_is_made_beside_folds_and_what_follows_is_in_the_same_queue(course):
    queue.train_all(course, None, course.finished.append)
    every = [("navec", 2), ("fasttext", 2), ("linear-tuned", 3), ("knn", 3)]
    assert course.queues == [(["linear"], every)]
    assert course.finished == ["linear-tuned", "fasttext", "navec", "knn"]
    assert (course.studied, sorted(course.queued)) == (["linear"], sorted(NAMES))


def test_what_is_dear_goes_first_and_so_does_what_that_builds_on():
    trained = {name: Trained(load(name), [0], s) for name, s in (("navec", 8.0), ("fasttext", 5.0))}
    assert queue.dearest_first(trained) == ["navec", "fasttext"]
    above = load("knn").model_copy(update={"pseudo": PseudoConfig(experiments=("fasttext",))})
    above = above.model_copy(update={"model": load("linear").model})
    assert queue.dearest_first(trained | {"knn": Trained(above, [0], 4.0)}) == ["fasttext", "navec", "knn"]


def test_what_does_not_build_on_another_fold_by_fold_waits_for_the_queue(course):
    labelled = PseudoConfig(experiments=("fasttext",))
    course.load = lambda name: load(name).model_copy(update={"pseudo": labelled} if name == "knn" else {})
    course.needs = lambda name: ["fasttext", "navec", "knn"] if name == "knn" else [name]
    queue.train_all(course, None, course.finished.append)
    assert [name for _, names in course.queues for name, _ in names] == ["navec", "fasttext", "linear-tuned"]
    assert course.finished == ["linear-tuned", "fasttext", "navec", "knn"]


@pytest.mark.parametrize("why", ["forced", "nothing beside it", "trained before"])
def test_what_gains_nothing_by_it_is_trained_one_after_the_other(course, monkeypatch, why):
    if why == "forced":
        course.force = True
    elif why == "nothing beside it":
        monkeypatch.setattr(queue, "fits_beside", lambda _, config: config.name == "linear")
    else:
        monkeypatch.setattr(queue, "missing_folds", lambda *_: [])
        course.studied = ["linear"]
    queue.train_all(course, None, course.finished.append)
    assert not course.queues and course.finished == NAMES


def test_folds_are_made_of_folds_of_the_same_queue_whatever_stood_there_before(ws, competition, monkeypatch):
    base = load_experiment(CONFIGS / "kazanexpress2023" / "linear.yaml")
    above = load_experiment(
        CONFIGS / "kazanexpress2023" / "knn.yaml", ["model.sources=[{experiment: linear}]"]
    )
    made = []

    def fitted(ws, config, k, key, progress, given):
        folder = ws.run(config.name).fold(k)
        begin(folder, key)
        write_text(folder / "model", f"{config.name} {config.seed}")
        mark_done(folder, key)
        made.append((config.name, k))

    monkeypatch.setattr(tune_queue, "fit_fold", fitted)
    monkeypatch.setattr(execution, "cores", lambda: 1)
    run, keys = ws.run("linear"), set()
    for seed in (0, 1):  # the experiment was finished with another seed
        queued = [Trained(c.model_copy(update={"seed": seed}), [0, 2], 1.0) for c in (base, above)]
        tune_queue.run_beside(ws, competition, queued)
        keys.add(done_key(ws.run("knn").fold(2)))
        mark_done(run.path, "finished")
    assert made == [("linear", 0), ("linear", 2), ("knn", 0), ("knn", 2)] * 2
    assert len(keys) == 2


BEGUN = """
import sys
from pathlib import Path
from goods.config.loading import load_experiment
from goods.core.workspace import Workspace
from goods.train.stage import begin_folds
for name in ("navec", "knn"):
    begin_folds(Workspace(Path(sys.argv[1]), "kazanexpress2023"), load_experiment(Path(sys.argv[2]) / f"{name}.yaml"))
print("torch" in sys.modules)
"""


def test_what_gives_out_folds_of_networks_does_not_load_torch_itself(ws):
    given = [sys.executable, "-c", BEGUN, ws.root, CONFIGS / "kazanexpress2023"]
    begun = subprocess.run(given, capture_output=True, text=True, check=True)
    assert begun.stdout.split() == ["False"]
    assert list(ws.cache.glob("tokens-pymorphy3-title-*.npz"))


@pytest.mark.slow
def test_the_bytes_are_those_of_one_after_the_other(tuned_run, tmp_path, monkeypatch):
    chosen, _ = tuned_run
    monkeypatch.setattr(execution, "cores", lambda: 2)
    monkeypatch.setattr(execution, "free_memory", lambda: 1 << 36)
    queues, plain = [], queue.run_beside

    def queued(ws, competition, trained, settings):
        queues.append([(one.name, one.study is not None) for one in trained])
        plain(ws, competition, trained, settings)

    monkeypatch.setattr(queue, "run_beside", queued)
    other = Options(configs=chosen.configs, work=tmp_path / "w", out=tmp_path / "o", data=chosen.data)
    run_all("kazanexpress2023", other)
    assert queues == [[("fasttext", False), ("linear-tuned", True)]]

    def files(work: Path) -> dict[str, bytes]:
        runs = work / "kazanexpress2023" / "runs"
        found = [p for name in ("linear-tuned", "fasttext") for p in (runs / name).rglob("*.npz")]
        found.append(runs / "linear-tuning" / "best.yaml")
        return {str(p.relative_to(runs)): p.read_bytes() for p in found}

    assert files(chosen.work) == files(other.work)
