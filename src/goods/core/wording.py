"""Numbers of things in words that agree with them."""

from __future__ import annotations


def count(n: int, one: str, several: str | None = None) -> str:
    """ "1 card", "1,234 cards"; `several`: the plural where that is not `one` and an s ("boxes", "files are")."""
    return f"{n:,} {one if n == 1 else several or f'{one}s'}"
