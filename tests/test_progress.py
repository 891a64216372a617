"""What is seen of long work: bars on a terminal, lines now and then elsewhere."""

from __future__ import annotations

import io

import pytest

from goods.core import progress
from goods.core.log import say
from goods.core.progress import bar, headline, live, seconds, track
from goods.core.stopping import Stop


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test sets."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_file_gets_a_line_now_and_then_with_what_is_left(capsys, clock):
    with bar("train", 10, "folds") as shown:
        for second in (10, 20, 35, 40, 70):
            clock[0] = second
            shown.update()
    said = capsys.readouterr().err.splitlines()
    assert said == ["train: 3 of 10 folds, about 82 s left", "train: 5 of 10 folds, about 70 s left"]


def test_what_is_left_goes_by_what_steps_take_where_they_differ(capsys, clock):
    with bar("train", 3, "done") as shown:
        for second, share in ((1, 0.0), (40, 0.8), (80, 0.1)):
            clock[0] = second
            shown.update(share=share)
    assert capsys.readouterr().err.splitlines() == ["train: 2 of 3 done, about 10 s left"]


def test_steps_that_a_busy_machine_halts_do_not_make_what_is_left_leap(monkeypatch, clock):
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    with live() as view, bar("folds", 100, "cards") as row:
        for took in [1] * 50 + [20, 20]:
            clock[0] += took
            row.update()
        clock[0] += 3
        view.live.refresh()
    assert "52/100" in terminal.getvalue() and "0:01:20" in terminal.getvalue()  # 48 · 90 / 52 - 3 s


def test_hidden_bars_and_short_work_say_nothing(capsys, clock):
    assert list(track(range(3), "short")) == [0, 1, 2]
    with bar("hidden", 2, hidden=True) as shown:
        clock[0] = 1000
        shown.update()
    assert capsys.readouterr().err == "" and shown.n == 1


def test_a_terminal_gets_bars_within_each_other_and_messages_above_them(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with bar("folds", 2) as folds:
        headline("demo: train navec")
        for _ in track(iter([1, 2]), "lemmas", total=2):
            say("a message [with brackets]")
        folds.update()
        assert progress._view is not None
        progress._view.live.refresh()
    written = terminal.getvalue()
    assert "a message [with brackets]" in written and "demo: train navec" in written and "folds" in written
    assert "\x1b[?25l" not in written  # a run that is ended by force would leave the cursor hidden
    assert progress._view is None


def test_the_clock_of_a_headline_goes_on_and_what_is_left_goes_down(monkeypatch, clock):
    monkeypatch.setattr("sys.stderr", Terminal())
    with live() as view:
        headline("demo: prepare")
        clock[0] = 61
        assert view.line() == "demo: prepare; 0:01:01 passed"
        headline("demo: train navec (1 of 2)", 300)
        clock[0] = 181
        assert view.line() == "demo: train navec (1 of 2); 0:03:01 passed, about 3 min left"
        clock[0] = 400
        assert view.line() == "demo: train navec (1 of 2); 0:06:40 passed, longer than estimated"


def test_an_end_by_force_takes_the_view_off_the_terminal(monkeypatch):
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    monkeypatch.setattr("os._exit", lambda code: None)
    stop = Stop()
    stop.signal = 2
    with live() as view, bar("folds", 2):
        headline("demo: train navec")
        view.live.refresh()
        at = len(terminal.getvalue())
        stop.end("\n")
        written = terminal.getvalue()[at:]
    assert "\r\x1b[2K\x1b[1A\x1b[2Kstopped; run the same command" in written


@pytest.mark.parametrize("columns", ["60", "100"])
def test_rows_are_a_line_each_and_a_narrow_terminal_cuts_the_title_alone(monkeypatch, columns):
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    monkeypatch.setenv("COLUMNS", columns)
    with (
        live() as view,
        bar("train transformer-sbert-large", 5, "done"),
        bar("epochs", 1200, "batches") as row,
    ):
        row.update(100)
        view.live.refresh()
        assert view.height == 2
    written = terminal.getvalue()
    assert "100/1200" in written and written.count("0:00:00") >= 2 and "train transf" in written


def test_a_headline_is_a_message_where_nothing_is_drawn(capsys):
    headline("demo: train navec", 100)
    assert capsys.readouterr().err == "demo: train navec; about 2 min left\n"


def test_an_error_within_closes_the_view(monkeypatch):
    monkeypatch.setattr("sys.stderr", Terminal())
    with pytest.raises(ValueError), bar("x", 1):
        raise ValueError
    assert progress._view is None


def test_seconds_are_said_as_people_do():
    assert [seconds(v) for v in (4.4, 89, 100, 3600, 9000)] == ["4 s", "89 s", "2 min", "60 min", "2.5 h"]
