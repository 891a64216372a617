"""One-line progress messages on stderr, so that stdout holds results only."""

from __future__ import annotations

import sys


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
