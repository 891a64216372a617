"""One-line progress messages on stderr, so that stdout holds results only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def _to_stderr(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


_sink: Callable[[str], None] = _to_stderr


def say(message: str) -> None:
    _sink(message)


@contextmanager
def saying_to(sink: Callable[[str], None]) -> Iterator[None]:
    """Within, messages go to `sink`: a job on another machine has no console."""
    global _sink
    before, _sink = _sink, sink
    try:
        yield
    finally:
        _sink = before
