"""Experiments that do not wait for each other, trained side by side."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from measured_sizes import PEREKRESTOK, experiment

from goods.budget import queue
from goods.core import execution
from goods.pipeline import Options, run_all
from goods.tune.best import TUNED

NAMES = ["linear-tuned", "fasttext", "navec", "knn"]


def load(name: str):
    config = experiment(name.removesuffix(TUNED))
    return config.model_copy(update={"name": name.removesuffix(TUNED)})


@pytest.fixture
def course(monkeypatch, tmp_path):
    """Of the experiments of the quick preset without photos; `queues` are those that were trained from."""
    course = SimpleNamespace(
        ws=SimpleNamespace(tuning=lambda name: tmp_path / name),
        competition=None,
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
    )

    def queued(ws, competition, studies, trained):
        course.queues.append(([c.name for c in studies], [c.name for c, _ in trained]))

    monkeypatch.setattr(queue, "announce", lambda *_: None)
    monkeypatch.setattr(queue, "fits_beside", lambda *_: True)
    monkeypatch.setattr(queue, "missing_folds", lambda *_: [0, 1])
    monkeypatch.setattr(queue, "is_studied", lambda ws, c, config: config.name in course.studied)
    monkeypatch.setattr(queue, "load_best", lambda *_: load("linear").model_copy(update={"name": NAMES[0]}))
    monkeypatch.setattr(queue, "run_beside", queued)
    return course


def test_a_study_is_made_beside_folds_that_do_not_wait_for_it(course):
    queue.train_all(course, None, course.finished.append)
    assert course.queues == [(["linear"], ["navec", "fasttext"]), ([], ["linear-tuned", "knn"])]
    assert course.finished == ["fasttext", "navec", "linear-tuned", "knn"]
    assert (course.studied, sorted(course.queued)) == (["linear"], sorted(NAMES))


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


@pytest.mark.slow
def test_the_bytes_are_those_of_one_after_the_other(tuned_run, tmp_path, monkeypatch):
    chosen, _ = tuned_run
    monkeypatch.setattr(execution, "cores", lambda: 2)
    monkeypatch.setattr(execution, "free_memory", lambda: 1 << 36)
    queues, plain = [], queue.run_beside

    def queued(ws, competition, studies, trained):
        queues.append(([c.name for c in studies], [c.name for c, _ in trained]))
        plain(ws, competition, studies, trained)

    monkeypatch.setattr(queue, "run_beside", queued)
    other = Options(configs=chosen.configs, work=tmp_path / "w", out=tmp_path / "o", data=chosen.data)
    run_all("kazanexpress2023", other)
    assert queues == [(["linear"], ["fasttext"])]

    def files(work: Path) -> dict[str, bytes]:
        runs = work / "kazanexpress2023" / "runs"
        found = [p for name in ("linear-tuned", "fasttext") for p in (runs / name).rglob("*.npz")]
        found.append(runs / "linear-tuning" / "best.yaml")
        return {str(p.relative_to(runs)): p.read_bytes() for p in found}

    assert files(chosen.work) == files(other.work)
