"""Who reads what a command prints may stop reading, `goods status | head`, and the disk of a log be full."""

from __future__ import annotations

import faulthandler
import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper, UnsupportedOperation
from typing import NoReturn

ENDED = 128 + signal.SIGPIPE  # the exit code a shell knows such an end by


def unread() -> list[int]:
    """Those of stdout and stderr that are pipes nobody reads any more."""
    return [
        number for number in map(_number, (sys.stdout, sys.stderr)) if number is not None and _gone(number)
    ]


def open_streams() -> None:
    """Give stdin, stdout and stderr that are closed, as a scheduler may leave them, the null device: else the next file
    that is opened has their number, and messages of libraries go into it."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


@contextmanager
def ending_unread() -> Iterator[None]:
    """A command in here ends without a word where nobody reads what it prints any more."""
    open_streams()
    try:
        try:
            yield
        finally:
            _flush()  # else Python does so at its end, and tells of it in a traceback
    except BrokenPipeError:
        gone = unread()
        if not gone:
            raise
        for number in gone:
            _to_nowhere(number)
        sys.exit(ENDED)


def tell(message: str) -> None:
    """On stderr. Where it cannot be written, as its disk is full, it and all further ones are lost: that is no reason
    to stop."""
    try:
        print(message, file=sys.stderr, flush=True)
    except BrokenPipeError:
        raise
    except OSError:
        if (number := _number(sys.stderr)) is None:
            raise
        _to_nowhere(number)
        sys.stderr.flush()


def _flush() -> None:
    """What is buffered is written; of results that cannot be, one line and exit code 2."""
    for stream in (sys.stderr, sys.stdout):
        try:
            stream.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            if (number := _number(stream)) is None:
                raise
            _to_nowhere(number)
            stream.flush()
            if stream is sys.stdout:
                tell(
                    f"error: stdout: what was printed cannot be written ({error.strerror}); send it elsewhere"
                )
                sys.exit(2)


def _to_nowhere(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
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


def tell_crashes() -> None:
    """Compiled code that crashes in this process says on stderr which lines called it."""
    if not faulthandler.is_enabled():
        with suppress(ValueError, RuntimeError):  # of a stderr that is no file, or closed
            faulthandler.enable()


@contextmanager
def telling_exits() -> Iterator[None]:
    """Within, code other than that of this room says on stderr where it ended this process by os._exit: Python says
    nothing. Processes forked from it end as they would."""
    end, here = os._exit, os.getpid()

    def told(status: int) -> NoReturn:
        caller = sys._getframe(1)
        if os.getpid() == here and not caller.f_globals.get("__name__", "").startswith("goods.core."):
            place = f"{caller.f_code.co_filename}, line {caller.f_lineno}"
            tell(f"error: {place}: os._exit({status}) ended the run; raise an error in place of it")
        end(status)

    vars(os).update(_exit=told)
    try:
        yield
    finally:
        vars(os).update(_exit=end)


def show_all_signs() -> None:
    """From now on stdout writes what its encoding lacks as Python spells it, as stderr does: an answer in Cyrillic on a
    terminal that knows ASCII alone is no reason to end."""
    if isinstance(sys.stdout, TextIOWrapper) and not sys.stdout.encoding.lower().startswith("utf"):
        sys.stdout.reconfigure(errors="backslashreplace")
