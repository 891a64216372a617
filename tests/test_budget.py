"""Runs within limits: what is left out, and that an answer always comes out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from runs import copied

from goods import pipeline
from goods.budget import costs
from goods.budget.costs import Cost
from goods.budget.course import Course
from goods.budget.estimates import PILOT_SHARE
from goods.budget.limits import NO_LIMITS, Budget
from goods.budget.pace import believed, taken
from goods.budget.plan import Plan
from goods.competitions.loading import load_competition
from goods.config.loading import load_experiment
from goods.core import execution
from goods.core.artifacts import read_json
from goods.core.deadline import OutOfTime
from goods.core.errors import GoodsError
from goods.core.execution import at_once
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.models.text.fasttext_model import FastTextModel
from goods.pipeline import course_of, run_all
from goods.prepare.folds import make_folds
from goods.prepare.stage import prepare
from goods.presets import Options, load_preset
from goods.report.explaining import explain
from goods.report.verification import verify
from goods.submit.prediction import predict_file
from goods.train.stage import train
from goods.tune.budget import with_trials
from goods.tune.stage import tune
from goods.upkeep.status import DONE, status


def from_nothing(finished: Options, folder: Path, limits: Budget) -> Options:
    """The same run, of which nothing is there yet."""
    return replace(finished, work=folder / "work", out=folder / "out", budget=limits)


def result(options: Options) -> bytes:
    return (options.out / "kazanexpress2023" / "result.parquet").read_bytes()


def stack_report(options: Options) -> dict:
    return read_json(Workspace(options.work, "kazanexpress2023").run("stack").report)


def test_a_limit_that_holds_all_changes_nothing(finished, capsys):
    ws = Workspace(finished.work, "kazanexpress2023")
    before = {path: path.stat().st_mtime_ns for path in (ws.path / "runs").rglob("*.npz")}
    bytes_before, report = result(finished), stack_report(finished)
    assert "limits" not in report
    capsys.readouterr()
    run_all("kazanexpress2023", replace(finished, budget=Budget(3600.0, 50.0, 2)))
    assert " limit: " not in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in (ws.path / "runs").rglob("*.npz")} == before
    assert result(finished) == bytes_before
    limits = stack_report(finished).pop("limits")
    assert (limits["seconds"], limits["gigabytes"], limits["left_out"]) == (3600.0, 50.0, [])
    run_all("kazanexpress2023", finished)
    assert stack_report(finished) == report


@pytest.mark.parametrize("budget", [Budget(1e-3), Budget(gigabytes=0.1)])
def test_no_limit_takes_away_what_is_finished(finished, tmp_path, capsys, budget):
    limited = replace(copied(finished, tmp_path), budget=budget)
    before, page = result(limited), limited.out / "kazanexpress2023" / "report.html"
    capsys.readouterr()
    run_all("kazanexpress2023", limited)
    assert " limit: " not in capsys.readouterr().err
    assert (result(limited), page.is_file()) == (before, True)


@pytest.mark.parametrize("seconds", [6.0, 1e-3])
def test_a_run_that_has_no_time_still_answers(finished, tmp_path, capsys, monkeypatch, seconds):
    monkeypatch.setattr("goods.budget.course.machine_pace", lambda: 30.0)
    options = from_nothing(finished, tmp_path, Budget(seconds))
    line = run_all("kazanexpress2023", options)
    assert "rows=40 weighted_f1=" in line
    table = pd.read_parquet(options.out / "kazanexpress2023" / "result.parquet")
    assert len(table) == table.product_id.nunique() == 40
    told = capsys.readouterr().err
    report = stack_report(options)
    assert report["limits"]["left_out"]
    assert all(f"\n{line}\n" in told for line in report["limits"]["left_out"])
    if seconds < 1:
        assert table.predicted_category_id.nunique() == 1  # the most frequent class
        return
    run_all("kazanexpress2023", replace(options, budget=NO_LIMITS))
    assert result(options) == result(finished)
    assert "limits" not in stack_report(options)


def test_what_memory_is_too_small_for_is_left_out(finished, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(costs.MEASURED, "fasttext", Cost(base=3.0))
    options = from_nothing(finished, tmp_path, Budget(gigabytes=2.0))
    run_all("kazanexpress2023", options)
    assert "memory limit: fasttext, about 3 GB, left out" in capsys.readouterr().err
    assert list(stack_report(options)["base"]) == ["linear-tuned"]


@pytest.mark.parametrize("budget", [Budget(gigabytes=0.01), Budget(1e-3)])
@pytest.mark.parametrize("left", ["linear", "pilot"])
def test_what_an_earlier_run_within_limits_has_trained_answers_where_nothing_fits(
    finished, tmp_path, capsys, budget, left
):
    """The plain experiment in place of one that is tuned, and the pilot, are named by no preset."""
    options = from_nothing(finished, tmp_path, budget)
    ws, competition = (
        Workspace(options.work, "kazanexpress2023"),
        load_competition("kazanexpress2023", options.configs),
    )
    prepare(ws, competition, finished.data)
    make_folds(ws, competition)
    config = load_experiment(options.configs / "kazanexpress2023" / "linear.yaml")
    share = 1.0 if left == "linear" else PILOT_SHARE
    train(ws, competition, config.model_copy(update={"name": left, "share": share}))
    score = read_json(ws.run(left).report)["score"]
    capsys.readouterr()
    run_all("kazanexpress2023", options)
    told = capsys.readouterr().err
    assert f"\nstack: {left} alone\n" in told
    assert f"\nstack: {left} alone  " in told  # in the table
    assert stack_report(options)["score"] == score
    with pytest.raises(GoodsError) as caught:
        explain(ws, competition, "stack", ["5000"], 3)
    assert str(caught.value) == (
        "experiment stack is of family linear, not stack: the limits of its run left the stack out; run "
        "scripts/run_all.sh kazanexpress2023 again with wider limits, or without"
    )


@pytest.mark.parametrize(("share", "other"), [(1.0, "pilot"), (0.5, "prior")])
def test_finished_folds_answer_where_no_experiment_is_ready(finished, tmp_path, capsys, share, other):
    options, name = from_nothing(finished, tmp_path, Budget(1e-3)), "kazanexpress2023"
    ws, competition = Workspace(options.work, name), load_competition(name, options.configs)
    prepare(ws, competition, finished.data)
    make_folds(ws, competition)
    config = load_experiment(options.configs / name / "linear.yaml")
    if other == "pilot":
        train(ws, competition, config.model_copy(update={"name": "pilot", "share": PILOT_SHARE}))
    train(ws, competition, config.model_copy(update={"share": share}), [1])
    run_all(name, options)
    told = f"time limit: 1 of {competition.n_folds} folds of linear are ready and answer"
    assert told in capsys.readouterr().err
    assert any(line.startswith(told) for line in stack_report(options)["limits"]["left_out"])
    ready, whole = ws.run("linear").fold(1), ws.run("stack")
    said, given = Predictions.load(ready / "test.npz"), Predictions.load(whole.test)
    np.testing.assert_allclose(given.proba, said.aligned(given.product_id).proba, atol=1e-6)
    for k in range(competition.n_folds):
        left_out = Predictions.load(ws.run("linear" if k == 1 else other).fold(k) / "valid.npz")
        assert (Predictions.load(whole.oof).aligned(left_out.product_id).proba == left_out.proba).all()
    out = tmp_path / "new.parquet"
    assert predict_file(ws, competition, "stack", finished.data / "test.parquet", None, out) == 40
    assert not verify(ws)[1]
    last = next(state for state in status(ws, competition, options) if state.name == "stack")
    assert last.word == DONE and "are ready and answer" in last.why
    run_all(name, replace(options, budget=NO_LIMITS))
    assert result(options) == result(finished)


def test_folds_that_are_all_ready_answer_and_score_for_themselves(finished, tmp_path, capsys):
    options, name = from_nothing(finished, tmp_path, Budget(1e-3)), "kazanexpress2023"
    ws, competition = Workspace(options.work, name), load_competition(name, options.configs)
    prepare(ws, competition, finished.data)
    make_folds(ws, competition)
    train(ws, competition, load_experiment(options.configs / name / "linear.yaml"))
    oof = Predictions.load(ws.run("linear").oof)
    (ws.run("linear").path / "DONE").unlink()
    run_all(name, options)
    said = capsys.readouterr().err
    assert "all folds of linear are ready after all, and answer" in said and "too low" not in said
    assert (Predictions.load(ws.run("stack").oof).aligned(oof.product_id).proba == oof.proba).all()


def test_of_what_is_alone_one_round_of_folds_has_to_be_ready(finished):
    name, ws = "kazanexpress2023", Workspace(finished.work, "kazanexpress2023")
    competition = load_competition(name, finished.configs)
    course = course_of(ws, competition, load_preset(finished, name), finished, None)
    course.done, alone = [], Plan(("linear",), joined=False)
    side_by_side = at_once(course.size.folds, execution.resources(course.size.folds, False))
    spent = (course.seconds(alone) - course.ending) / course.doubt("linear", alone)
    whole = course.training(course.plain())
    assert spent == pytest.approx(whole / -(-course.size.folds // side_by_side))


def test_no_pilot_is_trained_where_the_first_folds_of_its_experiment_are_next(finished, monkeypatch):
    name, ws = "kazanexpress2023", Workspace(finished.work, "kazanexpress2023")
    competition = load_competition(name, finished.configs)
    course = course_of(ws, competition, load_preset(finished, name), finished, None)
    course.start = 0.0
    monkeypatch.setattr("goods.budget.estimates.ROW", 0.0)
    course.done, course.plan = [], Plan(("linear",), joined=False)
    fits = course.seconds(course.plan)
    left = [1.2 * fits]
    monkeypatch.setattr(Course, "left", lambda self: left[0])
    assert course.pilot() is None
    monkeypatch.setattr("goods.budget.course.PILOT_TIME", 100.0)
    left[0] /= 2
    assert course.pilot() is not None


def test_a_study_that_was_left_fewer_trials_counts_as_finished(finished, tmp_path):
    options = from_nothing(finished, tmp_path, Budget(3600.0))
    ws, competition = (
        Workspace(options.work, "kazanexpress2023"),
        load_competition("kazanexpress2023", options.configs),
    )
    prepare(ws, competition, finished.data)
    make_folds(ws, competition)
    preset = load_preset(options, "kazanexpress2023")
    course = course_of(ws, competition, preset, options, None)
    assert course.plan.trials == {"linear": 3}
    before = course.seconds(course.plan)
    tune(ws, competition, with_trials(course.load("linear-tuned"), 1))
    again = course_of(ws, competition, preset, options, None)
    assert again.plan.trials == {"linear": 1}
    assert again.seconds(again.plan) / again.clock.pace < before / course.clock.pace
    assert again.config("linear-tuned").tune.trials == 1


def test_the_pace_is_that_of_a_pilot_s_folds(finished, tmp_path):
    ws, name = Workspace(finished.work, "kazanexpress2023"), "kazanexpress2023"
    course = course_of(
        ws, load_competition(name, finished.configs), load_preset(finished, name), finished, None
    )
    course.done = []
    course.keep_pace(7.0)
    assert course.clock.pace == 7.0
    course.piloted.append(load_experiment(ws.run("linear-tuned").config))
    course.keep_pace(7.0)
    spent, estimated = taken(ws, course.piloted[0], course.size)
    assert course.clock.pace == believed(7.0, spent, estimated) != 7.0


def test_what_takes_longer_than_it_may_is_stopped(finished, tmp_path, capsys, monkeypatch):
    def alarm(*_: object) -> None:
        raise OutOfTime

    monkeypatch.setattr(FastTextModel, "fit", alarm)
    options = from_nothing(finished, tmp_path, Budget(3600.0))
    ws = Workspace(options.work, "kazanexpress2023")
    with monkeypatch.context() as patch:
        patch.setattr("goods.pipeline.stack", alarm)
        run_all("kazanexpress2023", options)
    told = capsys.readouterr().err
    assert "time limit: fasttext was not ready in time" in told
    assert "time limit: stack was not ready in time" in told
    assert read_json(ws.run("stack").report)["score"] == read_json(ws.run("linear-tuned").report)["score"]
    assert load_experiment(ws.run("stack").config).model.family == "linear"
    run_all("kazanexpress2023", options)
    assert "time limit: fasttext was not ready in time" in capsys.readouterr().err
    assert list(stack_report(options)["base"]) == ["linear-tuned"]


def test_where_there_is_no_time_for_the_page_no_page_or_list_of_another_run_is_left(tmp_path, monkeypatch):
    def too_late(*_: object) -> None:
        raise OutOfTime

    monkeypatch.setattr(pipeline, "write_report", too_late)
    (tmp_path / "shop").mkdir()
    for name in ("report.html", "errors.csv", "suspected_labels.csv", "result.csv"):
        (tmp_path / "shop" / name).write_text("of another run")
    course = SimpleNamespace(ws=Workspace(tmp_path, "shop"), competition=None, finished=True)
    pipeline.report_in_time(course, SimpleNamespace(name="stack"), tmp_path)
    assert [path.name for path in (tmp_path / "shop").iterdir()] == ["result.csv"]
