"""A longer limit ends with nothing worse than a shorter one."""

from __future__ import annotations

import pytest
from made_up_clock import JOINED, SAID, SINGLE, course_and_answer, ends_with
from measured_sizes import PEREKRESTOK

from goods.budget.course import MARGIN, Course
from goods.budget.plan import Plan
from goods.budget.size import Size
from goods.core import execution

OFFERS, DEMO = Size(900, 180, 5, 2), Size(1500, 300, 5, 60, words=20, siblings=30, photos=0.9)
WIDE = Size(70_400, 17_600, 5, 1572, words=8, siblings=300)
NOISE = 0.05  # a fold or two of five less


@pytest.fixture(autouse=True)
def two_cores(monkeypatch):
    monkeypatch.setattr(execution, "cores", lambda: 2)
    monkeypatch.setattr(execution, "free_memory", lambda: 1 << 36)


@pytest.mark.parametrize("slow", [0.6, 1.0, 2.0, 4.0])
@pytest.mark.parametrize(
    ("competition", "size", "limits"),
    [
        ("ozon", OFFERS, (10, 20, 40, 60, 90, 160, 320)),
        ("kazanexpress2023", DEMO, (7, 18, 33, 110, 300)),
        ("kazanexpress2023", PEREKRESTOK, (20, 60, 200, 500, 900)),
    ],
)
def test_a_longer_limit_ends_with_nothing_worse(tmp_path, competition, size, limits, slow):
    best = 0.0
    for limit in limits:
        found = ends_with(competition, size, slow, limit, tmp_path)
        assert found > best - NOISE, limit
        best = max(best, found)


def test_where_pairs_are_not_joined_in_time_what_stands_alone_answers(tmp_path):
    """Even where the machine is so slow that a limit of twice the estimate is too short."""
    found = [ends_with("ozon", OFFERS, 3.0, limit, tmp_path) for limit in (40, 60, 80, 300)]
    assert min(found) >= SINGLE - 0.05 and found[-1] >= JOINED


@pytest.mark.parametrize(
    ("competition", "size", "limit"), [("ozon", OFFERS, 20), ("kazanexpress2023", DEMO, 12)]
)
def test_time_that_estimates_had_taken_too_much_of_is_used(tmp_path, competition, size, limit):
    """A second of the estimates takes half of one: what seemed to have no time at first is joined after all."""
    course, found = course_and_answer(competition, size, 0.5, limit, tmp_path)
    assert found >= JOINED and course.plan.joined
    said = [line for line in SAID if "there is time after all for " in line]
    assert said and all("what joins them" in line for line in said)
    assert not [line for line in course.told if "nothing is joined" in line]


def test_what_a_slow_pilot_left_no_time_for_is_joined_all_the_same(tmp_path):
    """Once what there seemed to be time for is trained, on all rows, there is more."""
    course, _ = course_and_answer("kazanexpress2023", WIDE, 0.5, 740, tmp_path, pilot=2.0)
    assert course.piloted and course.plan.joined
    assert set(course.plan.experiments) > {"linear", "fasttext"}


def test_what_would_have_to_be_ready_before_it_begins_is_not_begun(tmp_path):
    """Nor does what joins the others wait for it, for which all the time is taken."""
    course, found = course_and_answer("kazanexpress2023", WIDE, 1.5, 600, tmp_path, pilot=4.0)
    assert found >= JOINED and course.plan.experiments == ("linear",)
    assert "time limit: fasttext left out" in course.told
    assert not [line for line in SAID if "not ready in time" in line]


@pytest.mark.parametrize("limit", [500, 550, 700])
def test_once_one_alone_has_answered_no_more_is_joined_than_fits(tmp_path, limit):
    """A second member would take twice as long to join, and is not bet on."""
    course, found = course_and_answer("kazanexpress2023", WIDE, 1.5, limit, tmp_path, pilot=4.0)
    assert found >= JOINED and course.plan.experiments == ("linear",)


def test_what_is_quick_gets_the_time_that_its_processes_take_to_begin(tmp_path, monkeypatch):
    """What joins the others is estimated at nearly all the time there is."""
    course, _ = course_and_answer("kazanexpress2023", DEMO, 1.0, 40, tmp_path)
    course.plan, course.done = Plan(("linear", "fasttext")), ["linear"]
    monkeypatch.setattr(Course, "to_work", lambda self: 30.0)
    monkeypatch.setattr(Course, "seconds", lambda self, plan: 25.0 + self.closing)
    monkeypatch.setattr(Course, "training", lambda self, config, folds=None: 1.0)
    assert course.to_train("fasttext") == 1.0 / MARGIN + course.start


def test_where_the_time_is_too_short_for_a_page_something_is_learned_all_the_same(tmp_path, monkeypatch):
    """A process that takes long to begin is reckoned to take long for its page."""
    monkeypatch.setattr("made_up_clock.START", 5.0)
    course, found = course_and_answer("kazanexpress2023", DEMO, 1.0, 18, tmp_path)
    assert found >= SINGLE - 2
    assert not [line for line in course.told if "nothing more is learned" in line]
