"""Limits of seconds, as on a machine where a process takes four to begin: what is learned, joined, told."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from made_up_clock import ENDED, JOINED, SAID, SINGLE, course_and_answer
from test_longer_limits import OFFERS, WIDE

from goods.budget import pace
from goods.budget.limits import Budget
from goods.budget.messages import STACK, TRAIN, announce, next_step, tell_used
from goods.budget.pace import Rate
from goods.budget.plan import Plan
from goods.budget.size import Size
from goods.core import execution

SMALL = Size(900, 180, 5, 20, words=20, siblings=20, photos=0.9)
SLOW = 3.5
CARDS = "kazanexpress2023"


@pytest.fixture(autouse=True)
def busy(monkeypatch):
    """Two cores that others use too; others begin to train seven seconds after they are started."""
    monkeypatch.setattr("made_up_clock.PACE", SLOW)
    monkeypatch.setattr(execution, "cores", lambda: 2)
    monkeypatch.setattr(execution, "free_memory", lambda: 1 << 36)
    for name, seconds in (("START", 1.14), ("LOADING", 2.0), ("SUBMISSION", 0.4)):
        monkeypatch.setattr(f"made_up_clock.{name}", seconds)


@pytest.mark.parametrize(("competition", "size", "limit"), [(CARDS, SMALL, 9), ("ozon", OFFERS, 11)])
def test_something_is_learned_in_the_few_seconds_that_are_left(tmp_path, competition, size, limit):
    """Processes would begin too late: a fold is trained in this one."""
    course, found = course_and_answer(competition, size, SLOW, limit, tmp_path)
    assert found >= SINGLE - 2 and ENDED[0] <= limit
    assert not [line for line in course.told if "nothing more is learned" in line]


def test_no_limit_above_the_start_is_overrun_or_answered_with_less_than_a_shorter_one(tmp_path):
    best = 0.0
    for limit in (6, 8, 10, 13, 16, 20, 40, 80, 160):
        _, found = course_and_answer(CARDS, SMALL, SLOW, limit, tmp_path)
        assert ENDED[0] <= limit and found > best - 0.05, limit
        best = max(best, found)
    assert best > JOINED


def test_a_stack_that_is_nearly_ready_is_waited_for_in_the_time_of_the_page(tmp_path, monkeypatch):
    monkeypatch.setattr("made_up_clock.PACE", 1.0)
    with monkeypatch.context() as patch:
        patch.setattr("goods.budget.course.INSURED", 1e9)
        course_and_answer("ozon", OFFERS, SLOW, 1000, tmp_path)
    taken = ENDED[0]
    for limit in (taken + 2, taken + 6):
        assert course_and_answer("ozon", OFFERS, SLOW, limit, tmp_path)[1] >= JOINED
        assert ENDED[0] <= limit


def test_what_was_fitted_on_a_share_gets_more_rows_where_there_is_time(tmp_path):
    """Estimates are two and a half times too high."""
    course, found = course_and_answer(CARDS, WIDE, SLOW / 2.5, 130, tmp_path)
    assert "time limit: linear is fitted on 25% of the rows" in course.told
    assert "time limit: there is time after all for linear on 50% of the rows" in SAID
    assert found > SINGLE + math.log10(0.25) + 0.2


def test_where_the_time_is_over_the_machine_is_not_measured(tmp_path, monkeypatch):
    course, _ = course_and_answer(CARDS, SMALL, 1.0, 40, tmp_path)
    monkeypatch.setattr("goods.budget.course.machine_pace", lambda: pytest.fail("measured"))
    course.ends = 0.0
    course.open()
    assert course.machine == 1.0


def test_torch_is_not_loaded_to_find_no_gpu(monkeypatch):
    monkeypatch.setattr(execution, "gpus", lambda: pytest.fail("asked torch"))
    monkeypatch.setattr(execution, "has_gpu_device", execution.has_gpu_device.__wrapped__)
    monkeypatch.setattr(execution, "GPU_DEVICES", ("none-such*",))
    monkeypatch.setattr(execution.sys, "platform", "linux")
    assert execution.resources(5, on_gpu=True).device == "cpu"
    monkeypatch.setattr(execution, "GPU_DEVICES", ("null",))
    monkeypatch.setattr(execution, "gpus", lambda: 2)
    assert execution.resources(5, on_gpu=True).device == execution.ANY_GPU


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when a test says so."""
    now = [0.0]
    monkeypatch.setattr(pace.time, "perf_counter", lambda: now[0])
    return now


def test_what_is_left_follows_the_clock(tmp_path, monkeypatch, clock):
    """Each experiment takes three times its estimate: what is left is told to take as much before long."""
    course, _ = course_and_answer(CARDS, WIDE, 1.0, 1e6, tmp_path)
    said: list[float] = []
    monkeypatch.setattr("goods.budget.messages.headline", lambda text, left: said.append(left))
    course.machine = 1.0
    course.plan, course.done, course.rate, course.ends = (
        Plan(("linear", "fasttext", "navec")),
        [],
        Rate(),
        None,
    )
    for name in course.plan.experiments:
        announce(course, (TRAIN, name))
        clock[0] += 3 * course.training(course.config(name))
        course.done = [*course.done, name]
    announce(course, (STACK, "stack"))
    joined = course.training(course.join(course.plan.experiments))
    assert 2.5 * joined < said[-1] - course.closing < 3 * joined


def test_experiments_in_one_queue_are_followed_together(tmp_path, monkeypatch, clock):
    course, _ = course_and_answer(CARDS, WIDE, 1.0, 1e6, tmp_path)
    said: list[str] = []
    monkeypatch.setattr("goods.budget.messages.headline", lambda text, left: said.append(text))
    course.plan, course.done, course.rate = Plan(("linear", "fasttext", "navec")), [], Rate()
    announce(course, (TRAIN, "navec"), (TRAIN, "fasttext"))
    clock[0] += 100
    announce(course, (TRAIN, "linear"))
    both = sum(course.training(course.config(name)) for name in ("navec", "fasttext"))
    assert said[0].endswith(": train navec, train fasttext")
    assert (course.rate.spent, course.rate.estimated) == (100, pytest.approx(both / course.clock.pace))


def test_a_study_that_is_finished_is_not_left_to_do(tmp_path):
    course, _ = course_and_answer(CARDS, SMALL, 1.0, 1e6, tmp_path, "quick")
    ready, name = course.ready, "linear-tuned"
    found = iter((None, 15))
    ready.trials_now = lambda config: next(found)  # type: ignore[method-assign]
    ready.studies.clear()
    assert ready.trials_of_study(name) is None and ready.trials_of_study(name) is None
    ready.look_again(name)
    assert ready.trials_of_study(name) == 15


def test_a_run_says_how_much_of_its_limit_it_used_and_what_a_longer_one_brings_first(
    tmp_path, monkeypatch, clock, capsys
):
    course, _ = course_and_answer(CARDS, WIDE, SLOW, 2000, tmp_path)
    more = set(course.first.experiments) - set(course.plan.experiments)
    assert course.plan.joined and more
    clock[0] = 380.0
    course.ends = 400.0
    tell_used([course], Budget(400.0), 380.0)
    said = capsys.readouterr().err.strip()
    assert said.startswith("time used: 380 of 400 s; with about ") and " more: " in said
    assert said.rpartition(": ")[2].split(", ")[0] in more
    course.ends = 1e6  # as where estimates were too high
    tell_used([course], Budget(400.0), 380.0)
    said = capsys.readouterr().err.strip()
    assert "s; left out, as it was estimated to take longer: " in said
    assert said.endswith("; run the same command again, which adds it")
    course.ends = 400.0
    course.plan, course.done = Plan(()), []
    tell_used([course], Budget(400.0), 380.0)
    assert capsys.readouterr().err.strip().endswith(" more: linear")
    course.ends = -400.0  # so much was it too late: a limit has to be longer by that, too
    assert next_step(course)[0] > 780
    course.plan, course.done = course.first, list(course.needed(course.first))
    tell_used([course], Budget(400.0), 380.0)
    assert capsys.readouterr().err.strip() == "time used: 380 of 400 s; nothing was left out"
    tell_used([replace(course)], Budget(), 380.0)
    assert capsys.readouterr().err == ""


def test_one_experiment_is_not_told_to_be_joined_with_others(tmp_path, clock):
    course, _ = course_and_answer(CARDS, WIDE, 1.0, 1e6, tmp_path)
    course.first = Plan(("linear",))
    course.plan, course.done, course.ends = Plan((), joined=False), ["linear"], 400.0
    assert next_step(course)[1] == "a stack of linear"


def test_a_short_run_is_followed_as_well_as_a_long_one(clock):
    rate = Rate()
    rate.begin(1.0)
    assert rate.pace(10.0, 4.0) == 10.0
    clock[0] = 1.0
    rate.begin(1.0)
    assert rate.pace(10.0, 3.0) == pytest.approx(5.5)
    rate.stop()
    clock[0] = 100.0
    rate.begin(1.0)
    assert rate.pace(10.0, 3.0) == pytest.approx(5.5)
