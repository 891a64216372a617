"""What compiled libraries print of their own: stdout is for answers."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager


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
