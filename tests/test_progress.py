"""What is seen of long work: bars on a terminal, lines now and then elsewhere."""

from __future__ import annotations

import io

import pytest

from goods.core import progress
from goods.core.log import say
from goods.core.progress import bar, headline, seconds, track


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


def test_a_headline_is_a_message_where_nothing_is_drawn(capsys):
    headline("demo: train navec")
    assert capsys.readouterr().err == "demo: train navec\n"


def test_an_error_within_closes_the_view(monkeypatch):
    monkeypatch.setattr("sys.stderr", Terminal())
    with pytest.raises(ValueError), bar("x", 1):
        raise ValueError
    assert progress._view is None


def test_seconds_are_said_as_people_do():
    assert [seconds(v) for v in (4.4, 89, 100, 3600, 9000)] == ["4 s", "89 s", "2 min", "60 min", "2.5 h"]
