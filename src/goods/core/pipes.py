"""What goes through stdout and stderr: who reads it may stop reading (`goods status | head`), and what a library of C
writes there of its own is nobody's answer."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import UnsupportedOperation

ENDED = 128 + signal.SIGPIPE  # the exit code a shell knows such an end by


def unread() -> list[int]:
    """Those of stdout and stderr that are pipes nobody reads any more."""
    return [
        number for number in map(_number, (sys.stdout, sys.stderr)) if number is not None and _gone(number)
    ]


@contextmanager
def ending_unread() -> Iterator[None]:
    """A command in here ends without a word where nobody reads what it prints any more."""
    try:
        try:
            yield
        finally:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()  # else Python does so at its end, and tells of it in a traceback
    except BrokenPipeError:
        gone = unread()
        if not gone:
            raise
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for number in gone:
            os.dup2(nowhere, number)
        sys.exit(ENDED)


@contextmanager
def without_c_output() -> Iterator[None]:
    """What compiled libraries print to the process's stdout in here is dropped; Python must print nothing meanwhile."""
    try:
        kept = os.dup(1)
    except OSError:  # stdout is closed: nothing can get there
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    c = ctypes.CDLL(None)
    c.fflush(None)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        c.fflush(None)  # C keeps lines for a pipe or a file until its buffer is full
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def _number(stream: object) -> int | None:
    try:
        return stream.fileno()  # type: ignore[attr-defined, no-any-return]
    except (AttributeError, UnsupportedOperation, ValueError):  # none, one in memory, or closed
        return None


def _gone(number: int) -> bool:
    poll = select.poll()
    poll.register(number, select.POLLERR)
    return any(event & select.POLLERR for _, event in poll.poll(0))
