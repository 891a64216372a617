"""What a run within limits reckons with: its start and end, all targets together, what answers, what is told."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections import namedtuple
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from conftest import OZON, as_written, ozon_config, small_configs

from goods.budget import pace
from goods.budget.course import Course
from goods.budget.estimates import ENDING, PAGE, ROW
from goods.budget.fallback import PRIOR, best_answer, score_of_shares
from goods.budget.limits import NO_LIMITS, Budget
from goods.budget.memory import keep_within_memory
from goods.budget.messages import allowed, estimate, remaining
from goods.budget.pace import MOST, TIMES, Machine, _measured, believed, machine_pace, total, why_slow
from goods.budget.plan import Plan
from goods.competitions.loading import load_competition
from goods.config.loading import load_experiment
from goods.config.strict_yaml import read_yaml
from goods.core import cgroups
from goods.core.artifacts import read_json
from goods.core.deadline import process_began
from goods.core.done import begin
from goods.core.last_run import last_run
from goods.core.wording import size
from goods.core.workspace import Workspace
from goods.pipeline import course_of
from goods.presets import Options, load_preset
from goods.report.stage import write_report
from goods.report.summary import next_commands
from goods.submit.entries import lag_of
from goods.submit.stage import submit
from goods.train.stage import train

CONFIGS = Path(__file__).parents[1] / "configs"


def test_short_folds_say_little_of_how_long_others_take_and_long_ones_much():
    assert believed(1.0, 0.3, 3.0) > 0.85
    assert believed(1.0, 0.0, 0.0) == 1.0
    assert 1.9 < believed(1.0, 2000.0, 1000.0) < 2.0
    assert believed(1.0, 1e6, 1.0) == MOST


def test_the_pace_of_the_machine_is_measured_once_for_all_targets(finished, monkeypatch):
    _measured.clear()
    done = []
    monkeypatch.setattr("goods.budget.pace.task", lambda: done.append(time.perf_counter()) or 0)
    monkeypatch.setattr("goods.budget.pace.FRESH", 1e9)
    course_in(finished), course_in(finished)
    assert len(done) == TIMES
    _measured.clear()


def test_a_pace_is_good_for_a_minute_from_when_it_was_measured(monkeypatch):
    now, done = [119.0], []
    monkeypatch.setattr("goods.budget.pace.FRESH", 60)
    monkeypatch.setattr("goods.budget.pace.time.monotonic", lambda: now[0])
    monkeypatch.setattr("goods.budget.pace.task", lambda: done.append(now[0]) or 0)
    _measured.clear()
    for now[0] in (119.0, 121.0, 178.0, 180.0):
        machine_pace()
    _measured.clear()
    assert set(done) == {119.0, 180.0}


@pytest.mark.parametrize(
    ("cores", "limit", "others"),
    [({0, 1}, None, 0.5), ({1}, None, 0.0), ({0, 1}, 0.5, 0.25), ({0, 1}, 4.0, 0.5)],
)
def test_others_are_those_on_the_cores_that_a_run_may_use(monkeypatch, cores, limit, others):
    """Of each second the run has a quarter of the second core, others all of the first, of which an eighth in the run's
    container."""
    clock = [0.0]

    def core_times(percpu: bool = False) -> object:
        kind = namedtuple("Times", "user system idle")
        first, second = kind(clock[0], 0.0, 0.0), kind(0.25 * clock[0], 0.0, 0.75 * clock[0])
        return [first, second] if percpu else kind(*map(sum, zip(first, second, strict=True)))

    def task() -> int:
        clock[0] += 0.03
        return 0

    now = SimpleNamespace(perf_counter=lambda: clock[0], process_time=lambda: 0.25 * clock[0])
    monkeypatch.setattr(pace, "time", now)
    monkeypatch.setattr(pace, "task", task)
    monkeypatch.setattr(psutil, "cpu_times", core_times)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: cores)
    monkeypatch.setattr(cgroups, "cpu_limit", lambda: limit)
    monkeypatch.setattr(cgroups, "cpu_taken", lambda: 0.375 * clock[0])
    assert pace._measure() == Machine(pytest.approx(1.0), pytest.approx(others))


def test_the_time_of_guests_is_counted_once():
    times = namedtuple("Times", "user system idle guest guest_nice")(30.0, 10.0, 60.0, 20.0, 5.0)
    assert total(times) == 100.0


def test_the_time_of_a_run_begins_with_its_process(monkeypatch, run_script, tmp_path):
    began = process_began()
    age = time.time() - psutil.Process().create_time()
    assert time.perf_counter() - began == pytest.approx(age, abs=2)
    asked = []
    monkeypatch.setattr("goods.pipeline.run_all", lambda name, options: asked.append(options) or "result")
    monkeypatch.setattr("goods.scripts.run_all.tell_next", lambda *_: None)
    run_script("run_all", "kazanexpress2023", "--time-limit", "1m", "--work", tmp_path / "work")
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
    assert [size(n * 2**30) for n in (5.96046, 1.5, 300 / 2**10, 0.0003)] == [
        "6 GB",
        "1.5 GB",
        "300 MB",
        "0.3 MB",
    ]
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
    said = f"estimate: {total:.0f} s for all that is to be done, 2 targets together"
    assert [line.partition("; all takes ")[0] for line in capsys.readouterr().err.splitlines()] == [said]
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
    assert not course.is_answered(alone) and course.seconds(alone) > course.ending
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
    assert lag_of(ws, "stack", report | {"score": 0.75}) == ""


def test_a_submission_of_a_stack_says_that_one_of_its_experiments_is_trained_anew(finished, tmp_path, capsys):
    name = "kazanexpress2023"
    shutil.copytree(finished.work, tmp_path / "work")
    ws, competition = Workspace(tmp_path / "work", name), load_competition(name, finished.configs)
    begin(ws.run("fasttext").fold(0), "forced")
    submit(ws, competition, "stack", tmp_path / "out")
    told = "warning: fasttext was begun anew and is not finished (fold_0): what it said before is submitted; run "
    assert told in capsys.readouterr().err


def test_reasons_are_offered_of_what_has_them(trained_pairs):
    train(trained_pairs, OZON, ozon_config("words"))
    assert "explain.py" in next_commands(trained_pairs, OZON, "stack")[0]
    assert not any("explain.py" in command for command in next_commands(trained_pairs, OZON, "words"))


def test_new_cards_are_offered_to_be_labelled_where_they_can_be_and_a_catalogue_to_be_matched(
    trained_pairs, finished
):
    *_, last = next_commands(trained_pairs, OZON, "stack")
    assert last.endswith("scripts/match.py CARDS.parquet --competition ozon --experiment stack")
    name = "kazanexpress2023"
    competition = load_competition(name, finished.configs)
    *_, last = next_commands(Workspace(finished.work, name), competition, "stack")
    assert "predict.py kazanexpress2023 stack NEW.parquet" in last


def test_the_preset_of_a_run_is_noted_for_status(finished):
    noted = last_run(finished.work / "kazanexpress2023")
    assert (noted["preset"], noted["offline"], noted["refit"]) == ("quick", False, False)


@pytest.mark.parametrize(
    ("pace", "others", "told"),
    [
        (1.0, 0.5, ""),
        (2.0, 0.5, "2.0 times as long here as where it was measured: other programs take 50% of the cores"),
        (2.0, 0.0, "2.0 times as long here as where it was measured: by its own speed now"),
    ],
)
def test_an_estimate_that_is_multiplied_says_why(monkeypatch, pace, others, told):
    monkeypatch.setattr("goods.budget.pace.machine", lambda: Machine(pace, others))
    assert why_slow(pace).removeprefix("; all takes ") == told
