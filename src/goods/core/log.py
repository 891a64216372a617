"""One-line progress messages on stderr, so that stdout holds results only."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from goods.core.pipes import tell

WARNING = "warning: "


def stamped(message: str) -> str:
    """The message, with the time before each of its lines where no terminal shows them as they come."""
    if sys.stderr.isatty():
        return message
    now = time.strftime("%H:%M:%S")
    return "\n".join(f"{now} {line}".rstrip() for line in message.splitlines())


def _stamped_to_stderr(message: str) -> None:
    tell(stamped(message))


_sink: Callable[[str], None] = tell
_subject = ""


def say(message: str) -> None:
    kind = WARNING if message.startswith(WARNING) else ""
    _sink(kind + of_subject(message.removeprefix(kind)))


def of_subject(line: str) -> str:
    """A message with what it is of before it, where that is named and it does not begin with it itself."""
    named = line.partition(":")[0].rpartition("/")[2] == _subject
    return f"{_subject}: {line}" if _subject and not named else line


def subject() -> str:
    return _subject


@contextmanager
def about(subject: str) -> Iterator[None]:
    """Within, messages name their subject: of several targets, which one; "" for none."""
    global _subject
    before, _subject = _subject, subject
    try:
        yield
    finally:
        _subject = before


def say_stamped() -> None:
    """From now on: a process that works for another says things as that does."""
    global _sink
    _sink = _stamped_to_stderr


@contextmanager
def saying_to(sink: Callable[[str], None]) -> Iterator[None]:
    """Within, messages go to `sink`: a job on another machine has no console."""
    global _sink
    before, _sink = _sink, sink
    try:
        yield
    finally:
        _sink = before


@contextmanager
def heard() -> Iterator[list[str]]:
    """Within, messages are collected besides being said."""
    found: list[str] = []
    sink = _sink

    def keep(message: str) -> None:
        found.append(message)
        sink(message)

    with saying_to(keep):
        yield found
