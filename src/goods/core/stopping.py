"""Ctrl-C, TERM and a closed terminal end a run alike: a KeyboardInterrupt, and the end by force where it is not heeded.

What a run has written is whole at any moment, so ending by force loses no more than ending in good order.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PATIENCE = 1.5  # seconds from a signal to the end
GRIMP = "grimp"  # its compiled code calls Python and panics, with a trace on stderr, where that raises

_erased: Callable[[], str] = str  # what takes off the terminal what is drawn there


@contextmanager
def erasing(drawn: Callable[[], str]) -> Iterator[None]:
    """Within, what `drawn` returns is written before the last line, so that nothing half drawn stands above it."""
    global _erased
    before, _erased = _erased, drawn
    try:
        yield
    finally:
        _erased = before


class Stop:
    """Whether a run is being stopped: `signal` is what asked for it first."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self.told = False
        self.begun = False  # whether there is anybody to take the exception

    @property
    def code(self) -> int:
        """The exit code that a shell knows it by."""
        return 128 + (self.signal or signal.SIGINT)

    def end(self, before: str = "") -> None:
        """Say how to go on and end. Where a signal came, at once: what Python does at its end takes seconds with torch
        loaded, and a further signal would be told there in tracebacks."""
        if not self.told:
            self.told = True
            again = "again, without --force," if "--force" in sys.argv else "again"
            print(
                f"{_erased() or before}stopped; run the same command {again} to go on",
                file=sys.stderr,
                flush=True,
            )
        if self.signal is None:
            sys.exit(self.code)
        os._exit(self.code)

    def interrupt(self, signum: int, frame: FrameType | None) -> None:
        """A handler of signals; those after the first change nothing. In an import, and in what takes no exception, it
        is the end: one could be lost in there, or be told with a traceback."""
        if self.signal is None:
            self.signal = signum
            if not self.begun:
                self.end()
            if _takes_none(frame):
                self.end("\n")  # a library's progress bar may be in the line
            raise KeyboardInterrupt

    def unraisable(self, lost: sys.UnraisableHookArgs) -> None:
        """What Python calls for an exception that nobody can take, such as one in a callback of its garbage collector:
        a stop that came there is the end."""
        if self.signal is not None and isinstance(lost.exc_value, KeyboardInterrupt):
            self.end("\n")
        sys.__unraisablehook__(lost)


def _takes_none(frame: FrameType | None) -> bool:
    """Whether an exception would come up through an import or through GRIMP."""
    while frame is not None:
        imports = frame.f_code.co_filename.startswith("<frozen importlib")
        if imports or str(frame.f_globals.get("__name__")).partition(".")[0] == GRIMP:
            return True
        frame = frame.f_back
    return False


@contextmanager
def stoppable() -> Iterator[Stop]:
    """In here the first of SIGNALS raises KeyboardInterrupt. Compiled code may let none be raised, and cleaning up may
    take its time: the process ends soon in any case."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {s: signal.getsignal(s) for s in SIGNALS if signal.getsignal(s) is not signal.SIG_IGN}
    for signum in before:
        signal.signal(signum, stop.interrupt)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    wakeup = signal.set_wakeup_fd(
        writer, warn_on_full_buffer=False
    )  # written to whatever the main thread does
    threading.Thread(target=_insist, args=(reader, stop), daemon=True).start()
    told, sys.unraisablehook = sys.unraisablehook, stop.unraisable
    try:
        stop.begun = True
        yield stop
    finally:
        sys.unraisablehook = told
        signal.set_wakeup_fd(wakeup)
        for signum, handler in before.items():
            signal.signal(signum, handler)
        # all is done, and Python's own end, which takes seconds with torch loaded, would tell Ctrl-C in a traceback
        atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
        os.close(writer)


def _insist(reader: int, stop: Stop) -> None:
    with os.fdopen(reader, "rb", buffering=0) as signals:
        while signum := signals.read(1):
            if signum[0] in SIGNALS:
                time.sleep(PATIENCE)
                stop.signal = stop.signal or signum[0]
                stop.end("\n")  # a library's progress bar may be in the line
