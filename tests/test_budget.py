"""Limits of time, memory and processes: what is left out, in which order, and that an answer always comes out."""

from __future__ import annotations

import json
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
import scipy.sparse as sp
from conftest import OZON, as_written, ozon_config, small_configs, write_shop

from goods.budget import costs
from goods.budget.alone import PRIOR, best_answer, score_of_shares
from goods.budget.costs import Clock, Cost, cost_of
from goods.budget.course import ENDING, PAGE, PILOT_SHARE, ROW, Course
from goods.budget.limits import NO_LIMITS, Budget, budget
from goods.budget.memory import keep_within_memory
from goods.budget.pace import MOST, believed, taken
from goods.budget.plan import TUNED, Ladder, Plan
from goods.budget.size import Size, siblings
from goods.budget.targets import allowed, estimate, remaining
from goods.budget.trials import with_trials
from goods.cards.labels import Labels
from goods.competitions.loading import load_competition
from goods.config.base import FamilyConfig
from goods.config.experiment import ExperimentConfig
from goods.config.loading import load_experiment, read_yaml
from goods.core import execution
from goods.core.artifacts import read_json
from goods.core.deadline import OutOfTime, deadline, process_began
from goods.core.errors import GoodsError
from goods.core.execution import Resources, at_once, run_jobs
from goods.core.last_run import last_run
from goods.core.predictions import Predictions
from goods.core.processes import Limits, limited
from goods.core.progress import gigabytes
from goods.core.workspace import Workspace
from goods.models.text.fasttext_model import FastTextModel
from goods.models.text.node_svm import fit_node
from goods.pipeline import Options, course_of, load_preset, run_all
from goods.prepare.folds import make_folds
from goods.prepare.stage import prepare
from goods.report.explaining import explain
from goods.report.stage import write_report
from goods.report.summary import next_commands
from goods.report.verification import verify
from goods.submit.entries import lag_of
from goods.submit.prediction import predict_file
from goods.submit.stage import submit
from goods.train.fold import drawn
from goods.train.stage import train
from goods.tune.stage import tune
from goods.upkeep.status import DONE, status

CONFIGS = Path(__file__).parents[1] / "configs"

# seconds of each: a trial of the study 1, knn builds on navec
SECONDS = {"linear": 10.0, "fasttext": 30.0, "navec": 40.0, "knn": 2.0, "image": 100.0}
GAINS = {"linear": 6.0, "fasttext": 3.0, "navec": 8.0, "knn": 2.0, "image": 1.0}
PRESET = ("linear-tuned", "fasttext", "navec", "knn", "image")
STACK = 20.0


def fake_ladder() -> Ladder:
    def builds_on(name: str) -> list[str]:
        return ["navec", "knn"] if name == "knn" else [name]

    def seconds(plan: Plan) -> float:
        needed = dict.fromkeys(n for e in plan.experiments for n in builds_on(e))
        trained = sum(SECONDS[n.removesuffix(TUNED)] for n in needed) * plan.share
        return trained + sum(plan.trials.values()) + STACK * plan.joined

    return Ladder(seconds, builds_on, lambda n: GAINS[n.removesuffix(TUNED)], "linear", {"linear": 4})


FULL = Plan(PRESET, {"linear": 10})


@pytest.mark.parametrize(
    ("limit", "plan"),
    [
        (212, FULL),
        (207, replace(FULL, trials={"linear": 5})),
        (206, replace(FULL, trials={"linear": 4})),
        (202, Plan(("linear", *PRESET[1:]))),
        (201, Plan(("linear", "fasttext", "navec", "knn"))),  # 100 s a point
        (101, Plan(("linear", "navec", "knn"))),  # 10 s a point, navec with knn 4.2
        (71, Plan(("linear",))),
        (29, Plan(("linear",), joined=False)),
        (9, Plan(("linear",), joined=False, share=0.5)),
        (0.3, Plan(("linear",), joined=False, share=0.02)),
        (0.1, Plan((), joined=False)),
        (-5, Plan((), joined=False)),
    ],
)
def test_what_does_not_fit_is_left_out_in_the_stated_order(limit, plan):
    found, lines = fake_ladder().within(FULL, limit)
    assert found == plan
    assert bool(lines) == (plan != FULL)


def test_each_thing_that_is_left_out_is_a_line():
    _, lines = fake_ladder().within(FULL, 5)
    assert lines == [
        "no study of linear: its settings as they are",
        "image left out",
        "fasttext left out",
        "navec, knn left out",
        "nothing is joined: linear alone",
        "linear is fitted on 50% of the rows",
    ]


def test_what_is_done_already_is_not_left_out():
    ladder = fake_ladder()
    done = replace(ladder, seconds=lambda plan: ladder.seconds(plan) - 100 * ("image" in plan.experiments))
    found, _ = done.within(FULL, 99)
    assert "image" in found.experiments
    assert "fasttext" not in found.experiments


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("--time-limit", value) for value in ("15", "0m", "-1m", "m", "1d", "1e3s", "nanm", "٣m", "")),
        *(("--memory-limit", value) for value in ("6", "0G", "6GB", "-6G", "G")),
        *(("--workers", value) for value in ("0", "-1", "two", "1.5", "")),
    ],
)
def test_what_is_no_amount_is_one_line(run_script, option, value):
    code, out, err = run_script("run_all", "kazanexpress2023", f"{option}={value}")
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert err.startswith(f"error: {option} {value}: expected a number")


def test_amounts_are_read_with_their_units():
    assert budget("1.5h", "512M", "3") == Budget(5400, 0.5, 3)
    assert budget(None, None, None) == NO_LIMITS


def test_limits_cap_the_processes_and_not_the_threads(monkeypatch):
    monkeypatch.setattr(execution, "cores", lambda: 8)
    monkeypatch.setattr(execution, "free_memory", lambda: 100 * 2**30)
    given = execution.resources(5, on_gpu=False)
    assert at_once(5, given) == 5
    with limited(Limits(workers=2)):
        assert execution.resources(5, on_gpu=False) == given
        assert at_once(5, given) == 2
    with limited(Limits(memory=10 * 2**30)):
        assert at_once(5, given) == 3
    with limited(Limits(memory=2**30)):
        assert at_once(5, given) == 1
    assert at_once(5, given) == 5


def test_every_pool_of_processes_is_capped(monkeypatch):
    from goods.core import processes

    asked = []
    monkeypatch.setattr(processes, "Parallel", lambda n_jobs, return_as: asked.append(n_jobs) or list)
    with limited(Limits(workers=3)):
        list(processes.in_processes([], 8))
        list(processes.in_processes([], 2))
    list(processes.in_processes([], 8))
    assert asked == [3, 2, 8]


def experiment(name: str) -> ExperimentConfig:
    return load_experiment(CONFIGS / "kazanexpress2023" / f"{name}.yaml", offline=True)


def test_an_estimate_is_the_sum_of_its_terms(monkeypatch):
    monkeypatch.setattr(costs, "at_once", lambda n, given: 2)
    monkeypatch.setattr(costs, "cores", lambda: 2)
    cost = Cost(start=1, row=0.1, word=0.01, sibling=0.001, label=0.0001, said=0.02, once=0.5)
    monkeypatch.setitem(costs.MEASURED, "linear", cost)
    linear, size = experiment("linear"), Size(100, 50, 5, 10, words=3, siblings=25)
    fold = 1 + 80 * (0.1 + 0.03 + 0.005 + 0.001) + 70 * 0.02
    assert cost.fold(linear.model, size) == pytest.approx(fold)
    trained = 3 * fold + 150 * 0.5 / 2  # five folds, two at a time
    assert Clock(2.0).training(linear, size, Resources("cpu", 1)) == pytest.approx(2 * trained)
    # 4 trials of 0.3 and 1.0, two at a time, then 6 of which half are pruned at 0.3
    assert Clock().study(linear, size) == pytest.approx((2 * 1.3 + 6 * 0.8) * fold)
    assert replace(cost, most=40).fold(linear.model, size) < fold


# seconds of five folds' fits on one core, from docs/benchmarks.md and docs/scaling.md
PEREKRESTOK = Size(15572, 2925, 5, 184, words=51.4, siblings=33.2)
FASHION = Size(8040, 1543, 5, 79, words=17.3, siblings=22.4, photos=1.0)
NARROW = Size(88_000, 17_600, 5, 1700, words=22, siblings=30, photos=0.94)
WIDE = Size(88_000, 17_600, 5, 1700, words=9, siblings=330)
MEASURED = [
    (PEREKRESTOK, {"linear": 30, "fasttext": 68, "navec": 165}),
    (FASHION, {"linear": 5, "fasttext": 13, "navec": 76, "image-frozen": 116}),
    (NARROW, {"fasttext": 644, "navec": 893, "image-frozen": 5 * 218}),
    (WIDE, {"linear": 5 * 36}),
]


WDC, OFFERS = Size(24_733, 4_130, 5, 2), Size(900, 180, 5, 2)
PAIRS = [
    (WDC, {"stack": 204, "boosted": 26, "words": 1.9}),
    (OFFERS, {"stack": 35, "boosted": 5}),
]


@pytest.mark.parametrize(("size", "measured"), PAIRS)
def test_estimates_of_pairs_are_within_a_factor_of_two_of_what_was_measured(size, measured):
    for name, seconds in measured.items():
        model = ozon_config(name).model
        assert seconds / 2 < 5 * cost_of(model).fold(model, size) < 2 * seconds, name


@pytest.mark.parametrize(("size", "measured"), MEASURED)
def test_estimates_are_within_a_factor_of_two_of_what_was_measured(size, measured):
    models = {name: experiment(name).model for name in measured}
    guessed = {name: 5 * cost_of(model).fold(model, size) for name, model in models.items()}
    assert sum(measured.values()) / 2 < sum(guessed.values()) < sum(measured.values()) * 2
    for name, seconds in measured.items():
        assert seconds / 2.5 < guessed[name] < seconds * 2.5, name


def test_photos_cost_where_there_are_some():
    frozen, size = experiment("image-frozen"), Size(1000, 200, 5, 10)
    without = cost_of(frozen.model).fold(frozen.model, size)
    assert cost_of(frozen.model).fold(frozen.model, replace(size, photos=1.0)) > without + 1


def test_siblings_are_counted_on_the_path_to_a_class():
    labels = Labels([1, 2, 3], [("a", "b"), ("a", "c"), ("d",)], [("a", "b"), ("a", "c"), ("d",)])
    assert siblings(labels, np.array([0, 0, 1, 2])) == (4 + 4 + 4 + 2) / 4


def test_a_share_is_drawn_from_every_class():
    target = pd.Series([0] * 100 + [1] * 10 + [2], index=range(5, 116))
    config = experiment("linear").model_copy(update={"share": 0.2})
    chosen = drawn(target, config)
    assert target[chosen].value_counts().to_dict() == {0: 20, 1: 2, 2: 1}
    assert (chosen == drawn(target, config)).all()
    assert drawn(target, experiment("linear")).all()


def shop_options(folder: Path, data: Path, limits: Budget = NO_LIMITS) -> Options:
    configs = folder / "configs"
    if not configs.exists():
        small_configs(configs, "kazanexpress2023", ["linear-tuned", "fasttext"])
    return Options(configs, folder / "work", folder / "out", data, budget=limits)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Options:
    folder = tmp_path_factory.mktemp("finished")
    options = shop_options(folder, write_shop(folder / "shop"))
    run_all("kazanexpress2023", options)
    return options


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
def test_no_limit_takes_away_what_is_finished(finished, capsys, budget):
    before, page = result(finished), finished.out / "kazanexpress2023" / "report.html"
    capsys.readouterr()
    run_all("kazanexpress2023", replace(finished, budget=budget))
    assert " limit: " not in capsys.readouterr().err
    assert (result(finished), page.is_file()) == (before, True)
    run_all("kazanexpress2023", finished)


@pytest.mark.parametrize("seconds", [6.0, 1e-3])
def test_a_run_that_has_no_time_still_answers(finished, tmp_path, capsys, monkeypatch, seconds):
    monkeypatch.setattr("goods.budget.course.machine_pace", lambda: 30.0)
    options = shop_options(tmp_path, finished.data, Budget(seconds))
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
    options = shop_options(tmp_path, finished.data, Budget(gigabytes=2.0))
    run_all("kazanexpress2023", options)
    assert "memory limit: fasttext, about 3.0 GB, left out" in capsys.readouterr().err
    assert list(stack_report(options)["base"]) == ["linear-tuned"]


@pytest.mark.parametrize("budget", [Budget(gigabytes=0.01), Budget(1e-3)])
@pytest.mark.parametrize("left", ["linear", "pilot"])
def test_what_an_earlier_run_within_limits_has_trained_answers_where_nothing_fits(
    finished, tmp_path, capsys, budget, left
):
    """The plain experiment in place of one that is tuned, and the pilot, are named by no preset."""
    options = shop_options(tmp_path, finished.data, budget)
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
    assert f"stack: {left} alone" in capsys.readouterr().err
    assert stack_report(options)["score"] == score
    with pytest.raises(GoodsError) as caught:
        explain(ws, competition, "stack", ["5000"], 3)
    assert str(caught.value) == (
        "experiment stack is of family linear, not stack: the limits of its run left the stack out; run "
        "scripts/run_all.sh kazanexpress2023 again with higher limits, or without"
    )


@pytest.mark.parametrize(("share", "other"), [(1.0, "pilot"), (0.5, "prior")])
def test_finished_folds_answer_where_no_experiment_is_ready(finished, tmp_path, capsys, share, other):
    options, name = shop_options(tmp_path, finished.data, Budget(1e-3)), "kazanexpress2023"
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


def test_of_what_is_alone_one_round_of_folds_has_to_be_ready(finished):
    name, ws = "kazanexpress2023", Workspace(finished.work, "kazanexpress2023")
    competition = load_competition(name, finished.configs)
    course = course_of(ws, competition, load_preset(finished, name), finished, None)
    course.done, alone = [], Plan(("linear",), joined=False)
    side_by_side = at_once(course.size.folds, execution.resources(course.size.folds, False))
    spent = (course.seconds(alone) - course.closing) / course.doubt("linear", alone)
    whole = course.training(course.plain())
    assert spent == pytest.approx(whole / -(-course.size.folds // side_by_side))


def test_no_pilot_is_trained_where_the_first_folds_of_its_experiment_are_next(finished, monkeypatch):
    name, ws = "kazanexpress2023", Workspace(finished.work, "kazanexpress2023")
    competition = load_competition(name, finished.configs)
    course = course_of(ws, competition, load_preset(finished, name), finished, None)
    course.start = 0.0
    monkeypatch.setattr("goods.budget.course.ROW", 0.0)
    course.done, course.plan = [], Plan(("linear",), joined=False)
    fits = course.seconds(course.plan)
    course.ends = time.perf_counter() + 1.2 * fits
    assert course.pilot() is None
    monkeypatch.setattr("goods.budget.course.PILOT_TIME", 100.0)
    course.ends = time.perf_counter() + 1.2 * fits / 2
    assert course.pilot() is not None


def test_an_own_family_is_no_network_unless_it_trains_like_one():
    class Shares(FamilyConfig):
        family: str = "shares"

    class Network(Shares):
        on_gpu = True

    assert cost_of(Network()) == costs.FINE_TUNED
    seconds = [
        5 * cost_of(model).fold(model, PEREKRESTOK) for model in (Shares(), experiment("linear").model)
    ]
    assert seconds[1] / 4 < seconds[0] < 4 * seconds[1]
    assert cost_of(Shares()).gigabytes(PEREKRESTOK) < 1.5


def test_a_limit_is_said_where_it_is_wrong():
    with pytest.raises(GoodsError, match="such as 15m"):
        budget("soon", None, None)


def test_a_study_that_was_left_fewer_trials_counts_as_finished(finished, tmp_path):
    configs, data = finished.configs, finished.data
    options = Options(configs, tmp_path / "work", tmp_path / "out", data, budget=Budget(3600.0))
    ws, competition = (
        Workspace(options.work, "kazanexpress2023"),
        load_competition("kazanexpress2023", configs),
    )
    prepare(ws, competition, data)
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


def test_short_folds_say_little_of_how_long_others_take_and_long_ones_much():
    assert believed(1.0, 0.3, 3.0) > 0.85
    assert believed(1.0, 0.0, 0.0) == 1.0
    assert 1.9 < believed(1.0, 2000.0, 1000.0) < 2.0
    assert believed(1.0, 1e6, 1.0) == MOST


def test_the_time_of_a_run_begins_with_its_process(monkeypatch, run_script):
    began = process_began()
    age = time.time() - psutil.Process().create_time()
    assert time.perf_counter() - began == pytest.approx(age, abs=2)
    asked = []
    monkeypatch.setattr("goods.pipeline.run_all", lambda name, options: asked.append(options) or "result")
    monkeypatch.setattr("goods.scripts.run_all.tell_next", lambda *_: None, raising=False)
    run_script("run_all", "kazanexpress2023", "--time-limit", "1m")
    assert asked[0].began == pytest.approx(began, abs=0.1)


def course_in(options: Options) -> Course:
    name, ws = "kazanexpress2023", Workspace(options.work, "kazanexpress2023")
    competition = load_competition(name, options.configs)
    return course_of(ws, competition, load_preset(options, name), options, None, start=7.0)


def test_what_comes_after_training_is_reckoned_by_how_long_the_start_took(finished):
    course = course_in(finished)
    course.ends = time.perf_counter() + 100
    rows = ROW * course.clock.pace * (course.size.train + course.size.test)
    assert course.to_work() == pytest.approx(100 - (ENDING + PAGE) * 7 - rows, abs=0.1)
    assert course.to_report() == pytest.approx(100 - ENDING * 7, abs=0.1)


def test_less_memory_than_a_process_takes_is_one_line_before_anything_is_trained(finished, capsys):
    course = course_in(replace(finished, budget=Budget(gigabytes=300 / 2**10)))
    capsys.readouterr()
    keep_within_memory(course)
    assert course.finished and capsys.readouterr().err == ""
    course.finished, course.budget = False, Budget(gigabytes=30 / 2**10)
    keep_within_memory(course)
    told = capsys.readouterr().err.splitlines()
    assert told[0].startswith("memory limit: 30 MB is less than the ") and "a process takes before" in told[0]
    assert gigabytes(5.96046) == "6 GB" and gigabytes(1.5) == "1.5 GB"
    assert allowed(Budget(gigabytes=300 / 2**10), 0.0) == "; 300 MB may be taken"


def test_what_a_run_leaves_out_is_found_without_reading_configs_again(finished, monkeypatch):
    read = []
    monkeypatch.setattr("goods.config.loading.read_yaml", lambda path: read.append(path) or read_yaml(path))
    course = course_in(replace(finished, budget=Budget(1.0), force=True))
    course.ends, read[:] = time.perf_counter() - 1, []
    course.next()
    assert course.told and len(read) < 10


def test_an_estimate_is_of_all_targets_together(finished, capsys):
    first, second = course_in(finished), course_in(finished)
    for course in (first, second):
        course.done, course.force = [], True
    alone = first.seconds(first.plan)
    capsys.readouterr()
    estimate([first, second], NO_LIMITS, time.perf_counter())
    total = first.seconds(first.plan) + second.seconds(second.plan)
    assert capsys.readouterr().err.splitlines() == [
        f"estimate: {total:.0f} s for all that is to be done, 2 targets together"
    ]
    assert alone < total < 2.01 * alone and remaining(first) == pytest.approx(total)
    first.ends = time.perf_counter() + total / 4
    assert remaining(first) < 0.51 * total


def test_the_shares_of_the_classes_answer_where_nothing_says_more(ws, competition, capsys, monkeypatch):
    configs = small_configs(ws.root / "configs", "kazanexpress2023", ["linear"])
    options = Options(configs, ws.root, ws.root / "out", budget=Budget(1e-3))
    train(ws, competition, load_experiment(configs / "kazanexpress2023" / "linear.yaml"))
    course = course_of(ws, competition, load_preset(options, "kazanexpress2023"), options, None)
    assert course.done == ["linear"] and best_answer(course, 0).name == "linear"
    run = ws.run("linear")
    run.report.write_text(json.dumps(read_json(run.report) | {"score": 0.01}))
    as_written(run.path)
    assert best_answer(course, 0).name == PRIOR
    constant = read_json(ws.run(PRIOR).report)["score"]
    assert score_of_shares(ws, competition, ()) == pytest.approx(constant, abs=1e-6)
    told = f"linear scores 0.0100 out of fold, the shares of the classes {constant:.4f}: these answer"
    assert course.told == [told]


def test_pairs_have_an_experiment_that_stands_alone_and_is_worth_more_than_what_is_joined(trained_pairs):
    options = Options(CONFIGS, trained_pairs.root, trained_pairs.root / "out")
    course = course_of(trained_pairs, OZON, load_preset(options, "ozon"), options, None)
    assert course.ladder.alone == "boosted"
    course.done, alone = ["words"], Plan(("boosted",), joined=False)
    assert not course.is_answered(alone) and course.seconds(alone) > course.closing
    steps = [plan for plan, _, _ in course.ladder.steps(course.plan)]
    assert alone in steps and Plan(()) not in steps
    course.done.append("boosted")
    assert course.is_answered(alone)


def test_a_stack_that_is_worse_than_one_of_its_experiments_is_told(finished, tmp_path, capsys):
    name = "kazanexpress2023"
    shutil.copytree(finished.work, tmp_path / "work")
    ws, competition = Workspace(tmp_path / "work", name), load_competition(name, finished.configs)
    run = ws.run("stack")
    report = read_json(run.report) | {"score": 0.5, "base": {"linear-tuned": 0.75, "fasttext": 0.625}}
    for i, method in enumerate(report["methods"].values()):
        method["score"] = 0.5 + i / 100
    report["winner"] = next(iter(report["methods"]))
    run.report.write_text(json.dumps(report))
    as_written(run.path)
    capsys.readouterr()
    submit(ws, competition, "stack", tmp_path / "out")
    told = "stack scores 0.5000 out of fold, linear-tuned alone 0.7500: of methods that are alike within"
    assert f"warning: {told}" in capsys.readouterr().err
    page = write_report(ws, competition, load_experiment(run.config), tmp_path / "out")
    assert f'<p class="warning">{told}' in page.read_text(encoding="utf-8")
    run.report.write_text(json.dumps(report | {"score": 0.75}))
    assert lag_of(ws, "stack") == ""


def test_reasons_are_offered_of_what_has_them(trained_pairs):
    train(trained_pairs, OZON, ozon_config("words"))
    assert "explain.py" in next_commands(trained_pairs, OZON, "stack")[0]
    assert not any("explain.py" in command for command in next_commands(trained_pairs, OZON, "words"))


def test_the_preset_of_a_run_is_noted_for_status(finished):
    noted = last_run(finished.work / "kazanexpress2023")
    assert (noted["preset"], noted["offline"], noted["refit"]) == ("quick", False, False)


def test_a_node_with_a_card_for_each_class_is_no_warning(recwarn):
    fit_node(sp.csr_matrix(np.eye(30, dtype=np.float32)), np.arange(30), list(range(30)), 1.0, 0, None)
    assert not recwarn.list


def test_what_takes_longer_than_it_may_is_stopped(finished, tmp_path, capsys, monkeypatch):
    def alarm(*_: object) -> None:
        raise OutOfTime

    monkeypatch.setattr(FastTextModel, "fit", alarm)
    options = shop_options(tmp_path, finished.data, Budget(3600.0))
    run_all("kazanexpress2023", options)
    assert "time limit: fasttext was not ready in time" in capsys.readouterr().err
    ws = Workspace(options.work, "kazanexpress2023")
    assert read_json(ws.run("stack").report)["score"] == read_json(ws.run("linear-tuned").report)["score"]
    assert load_experiment(ws.run("stack").config).model.family == "linear"


def test_a_deadline_stops_processes_too(tmp_path, monkeypatch):
    monkeypatch.setattr(execution, "cores", lambda: 2)
    with pytest.raises(OutOfTime), deadline(3):
        run_jobs(write_after, [(tmp_path / "a", 8), (tmp_path / "b", 8)], Resources("cpu", 1), "jobs")
    time.sleep(9)
    assert not list(tmp_path.iterdir())


def write_after(path: Path, seconds: float, resources: Resources) -> None:
    time.sleep(seconds)
    path.touch()


def test_an_alarm_is_over_with_what_it_is_for():
    rung = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signal, "setitimer", lambda *given: rung.append(given))
        with deadline(float("inf")):
            assert not rung
    before = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)[0]
    with pytest.raises(OutOfTime), deadline(0.05):
        time.sleep(5)
    after = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)[0]
    assert after[0] == before[0]
    assert (after[1] > 0) == (before[1] > 0)  # of pytest-timeout
