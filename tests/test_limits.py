"""Limits as they are given, and what keeps to them: processes, pools, alarms."""

from __future__ import annotations

import os
import signal
import time
from threading import Thread

import numpy as np
import psutil
import pytest
from catboost import CatBoostClassifier
from worker_jobs import begin_and_wait

from goods.budget.limits import NO_LIMITS, Budget, budget
from goods.core import execution
from goods.core.deadline import OutOfTime, deadline
from goods.core.errors import GoodsError
from goods.core.execution import Resources, at_once, run_jobs
from goods.core.processes import Limits, limited


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


def test_an_amount_below_zero_is_no_option(run_script):
    for option, value in (("--time-limit", "-5s"), ("--memory-limit", "-1.5G")):
        code, _, err = run_script("run_all", "kazanexpress2023", option, value)
        assert (code, len(err.splitlines())) == (2, 1)
        assert err.startswith(f"error: {option} {value}: expected a number above 0 and its unit")


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


def test_a_limit_is_said_where_it_is_wrong():
    with pytest.raises(GoodsError, match="such as 15m"):
        budget("soon", None, None)


def test_a_deadline_stops_processes_too(tmp_path, monkeypatch):
    monkeypatch.setattr(execution, "cores", lambda: 2)
    monkeypatch.setattr(execution, "free_memory", lambda: 1 << 36)

    def ring():
        until = time.monotonic() + 60
        while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < until:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGALRM)

    alarm = Thread(target=ring)
    with pytest.raises(OutOfTime), deadline(120):
        alarm.start()
        run_jobs(begin_and_wait, [(tmp_path,), (tmp_path,)], Resources("cpu", 1), "jobs")
    alarm.join()
    begun = [int(mark.name) for mark in tmp_path.iterdir()]
    assert len(begun) == 2
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in begun if psutil.pid_exists(pid)], timeout=10)
    assert not alive


def test_the_end_of_the_time_is_no_stop_by_a_user_where_catboost_makes_one_of_it():
    x = np.random.default_rng(0).normal(size=(2000, 20))
    booster = CatBoostClassifier(iterations=10**6, thread_count=1, verbose=False, allow_writing_files=False)
    with pytest.raises((OutOfTime, KeyboardInterrupt)) as raised, deadline(0.5):
        booster.fit(x, x[:, 0] > 0)
    assert raised.type is OutOfTime


def test_an_alarm_is_over_with_what_it_is_for():
    rung = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signal, "setitimer", lambda *given: rung.append(given))
        for never in (float("inf"), 1e15):  # more than the system's clock can hold
            with deadline(never):
                assert not rung
    before = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)[0]
    with pytest.raises(OutOfTime), deadline(0.05):
        time.sleep(5)
    after = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)[0]
    assert after[0] == before[0]
    assert (after[1] > 0) == (before[1] > 0)  # of pytest-timeout
