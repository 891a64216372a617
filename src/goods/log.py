"""One-line progress messages on stderr, so that stdout holds results only."""

import sys


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
